import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { namesIn } from "./files.ts";
import { exampleJob } from "./fixtures.ts";
import { keepNewestJobs, readSnapshot, snapshotIteration, writeSnapshot } from "./snapshots.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-snapshots-"));
});

const of = { specDigest: "a".repeat(64), state: "b".repeat(32) };
const quiet = () => expect.unreachable();

describe("a snapshot", () => {
  it("is the newest one, and of one spec and state of the code", async () => {
    expect([await readSnapshot(folder, of, quiet), await snapshotIteration(folder)]).toEqual([null, null]);
    for (const iteration of [90, 100]) await writeSnapshot(folder, { ...of, iteration }, Buffer.from([iteration]));
    expect(await namesIn(folder)).toHaveLength(1);
    expect(await readSnapshot(folder, of, quiet)).toEqual({ iteration: 100, bytes: Buffer.from([100]) });
    expect(await snapshotIteration(folder)).toBe(100);
    expect(await readSnapshot(folder, { ...of, specDigest: "c".repeat(64) }, quiet)).toBeNull();
    const said: string[] = [];
    expect(await readSnapshot(folder, { ...of, state: "c".repeat(32) }, (why) => said.push(why))).toBeNull();
    expect(said).toEqual([expect.stringMatching(/the code has changed since iteration 100/)]);
  });

  it("that is too large to be read again leaves the one before", async () => {
    expect(await writeSnapshot(folder, { ...of, iteration: 1 }, Buffer.from("small"))).toBe(true);
    const large = { length: 2 ** 31 } as Uint8Array;
    expect(await writeSnapshot(folder, { ...of, iteration: 2 }, large)).toBe(false);
    expect(await snapshotIteration(folder)).toBe(1);
  });

  it("with other bytes than were written is set aside", async () => {
    await writeSnapshot(folder, { ...of, iteration: 1 }, Buffer.from("ticket"));
    const [name] = await namesIn(folder);
    await writeFile(join(folder, name!), "tickeu");
    const said: string[] = [];
    expect(await readSnapshot(folder, of, (why) => said.push(why))).toBeNull();
    expect(said).toEqual([expect.stringMatching(/expected bytes with the sha256 in its name/)]);
    expect([await namesIn(folder), await snapshotIteration(folder)]).toEqual([["damaged.tkt"], null]);
  });
});

it("keeps the newest jobs' folders, and leaves alone what is no job's", async () => {
  const jobs = Array.from({ length: 22 }, () => exampleJob().id);
  for (const id of jobs) {
    await mkdir(join(folder, id));
    await new Promise((resolve) => setTimeout(resolve, 5)); // another time for each
  }
  for (const name of ["note.txt", exampleJob().id]) await writeFile(join(folder, name), "mine");
  await mkdir(join(folder, "notes"));
  expect(await keepNewestJobs(folder)).toEqual(jobs.toReversed().slice(0, 20));
  expect(await namesIn(folder)).toHaveLength(23);
});
