import { mkdir, mkdtemp, readFile, rename, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SpecInput } from "@ticketmark/core";
import { beforeEach, expect, it } from "vitest";
import { lockFolder } from "./lock.ts";
import { createStatus } from "./status.ts";
import { runSuite, runsOf, statusOf } from "./suite-run.ts";

const toy = { dataset: "toy", model: "mlp-tiny", recipe: { epochs: 1 } };
const specs: SpecInput[] = [
  { ...toy, method: "dense" },
  { ...toy, method: "random", sparsity: 0.5 },
  { ...toy, method: "random", sparsity: 0.5, initial: "0".repeat(64) }, // fails: nobody has that file
  { ...toy, method: "random", sparsity: 0.5, recipe: { epochs: 2_500 } },
];
const runs = runsOf(specs);

let home: string;
let out: string;
let said: string[];
const status = createStatus({ write: (text: string) => !!said.push(text), isTTY: false, columns: 80 } as never, false);
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "ticketmark-suite-"));
  out = join(home, "out");
  said = [];
});

function options(stop = new AbortController().signal) {
  const settings = {
    data: home,
    cache: join(home, "cache"),
    dataDir: join(home, "data"),
    native: false,
    threads: 1,
    token: null,
  };
  return { engine: "cpu" as const, settings, stop };
}
const states = () => Promise.all(runs.map(async (run) => (await statusOf(run, out)).state));

it("gives each run a folder of its own, names what differs in a setting alone too", () => {
  const shown = runs.map(({ name }) => name.replace(/[0-9a-f]{8}$/, "…"));
  expect(shown).toEqual(["dense-seed-0-…", ...new Array(3).fill("random-50-seed-0-…")]);
  expect(new Set(runs.map(({ name }) => name)).size).toBe(4);
});

it("runs what is not done, tries again what failed, goes on after a stop, touches nothing that is done", async () => {
  expect(await states()).toEqual(["missing", "missing", "missing", "missing"]);
  const stop = new AbortController();
  const stopsAtLast: typeof status = {
    ...status,
    progress(label, progress) {
      if (progress.iterations > 300 && progress.iteration > 0) stop.abort();
      status.progress(label, progress);
    },
  };
  expect(await runSuite(runs, out, options(stop.signal), stopsAtLast)).toBe(false);
  expect(await states()).toEqual(["done", "done", "failed", "stopped"]);
  expect((await statusOf(runs[2]!, out)).message).toMatch(/initial/);
  const { result: dense } = await statusOf(runs[0]!, out);
  const accuracy = ((100 * dense!.accuracy!.last.correct) / dense!.accuracy!.last.total).toFixed(2);
  expect(said).toContain(`✓ ${runs[0]!.label}: accuracy ${accuracy} %\n`);
  expect(said.at(-1)).toBe("What has ended stays: 2 of 4 runs\n");
  const result = join(out, runs[0]!.name, "result.json");
  const before = [await readFile(result, "utf8"), (await stat(result)).mtimeMs];

  said.length = 0;
  expect(await runSuite(runs, out, options(), status)).toBe(true);
  expect(await states()).toEqual(["done", "done", "failed", "done"]);
  expect([await readFile(result, "utf8"), (await stat(result)).mtimeMs]).toEqual(before);
  expect(said.join("")).toMatch(
    /^3 of 4: Scratch at 50 %, initial 00000000…, epochs 1, seed 0\n.*initial.*4 of 4: .*, epochs 2500, seed 0\n.*going on from iteration \d+/s,
  );
}, 120_000);

it("is one process a folder, and keeps away from another's results", async () => {
  await mkdir(out);
  const lock = await lockFolder(out);
  await expect(runSuite(runs, out, options(), status)).rejects.toThrow(/another process is using this folder/);
  lock.close();
  expect(await runSuite([runs[0]!], out, options(), status)).toBe(true);
  await rename(join(out, runs[0]!.name), join(out, runs[1]!.name));
  await expect(runSuite(runs.slice(1), out, options(), status)).rejects.toThrow(/there is another's/);
}, 60_000);

it("ends at data that no run can use, and says what is wrong with them", async () => {
  for (const path of ["train/a", "train/b", "val/a", "val/b"]) {
    await mkdir(join(home, "data", "imagenet", path), { recursive: true });
    await writeFile(join(home, "data", "imagenet", path, "1.JPEG"), Uint8Array.of(0xff, 0xd8));
  }
  const classes = ["a", "b"].map((name) => ({ name, train: 1, test: 1 }));
  const spec = { dataset: "imagenet", classes, model: "resnet-18-imagenet", method: "dense" };
  const two = runsOf([spec, { ...spec, seed: 1 }]);
  await expect(runSuite(two, out, options(), status)).rejects.toMatchObject({
    code: "data-unavailable",
    message: expect.stringMatching(
      /^imagenet: train\/a\/1\.JPEG: expected a whole JPEG image; .*; 0 of 2 images are decoded/,
    ),
  });
  expect(said.join("")).not.toContain("2 of 2: ");
}, 60_000);
