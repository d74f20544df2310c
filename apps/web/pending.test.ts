/** What is left of files when the site starts: exactly what is public, announced, or young. */
import { mkdirSync, mkdtempSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { digestOf, parseSpec } from "@ticketmark/core";
import { beforeAll, expect, it } from "vitest";
import { db } from "./db/client.ts";
import { files } from "./db/schema.ts";
import { someDigest } from "./db/test-databases.ts";
import { env } from "./env.ts";
import { mostBytes, sweepFiles } from "./pending.ts";
import { hashSecret } from "./secret.ts";
import { announce, prepareApi, put, queue, spec, take } from "./test-api.ts";

beforeAll(() => {
  const data = mkdtempSync(join(tmpdir(), "ticketmark-pending-"));
  Object.assign(process.env, { POSTGRES_URL: "pglite:memory", TICKETMARK_DATA: data });
});
prepareApi();

/** A file in the store's folder, as old as told. */
function leave(path: string, days: number): string {
  const at = join(env().data, "files", path);
  mkdirSync(dirname(at), { recursive: true });
  writeFileSync(at, "x");
  const then = new Date(Date.now() - days * 86_400_000);
  utimesSync(at, then, then);
  return path;
}
const publicPath = (digest: string) => join(digest.slice(0, 2), digest.slice(2));

it("a start removes what a killed site left, and nothing else", async () => {
  await queue();
  const held = await take();
  const bytes = new TextEncoder().encode("a ticket on its way");
  await announce(held, "ticket", bytes);
  expect((await put(held, digestOf(bytes), bytes)).status).toBe(200);
  const named = someDigest();
  await (await db()).insert(files).values({ digest: named, bytes: 1, kind: "ticket" });
  const kept = [
    join("pending", `${held.id}-${hashSecret(held.lease.token)}`, digestOf(bytes)),
    leave(publicPath(named), 9),
    leave(publicPath(someDigest()), 0), // another site is about to name it
    leave("young.draft", 0),
  ];
  leave(publicPath(someDigest()), 9);
  leave("old.draft", 9);
  leave(join("pending", `${held.id}-${someDigest()}`, someDigest()), 0); // announced first, always: nobody waits for it
  await sweepFiles(await db());
  const left = readdirSync(join(env().data, "files"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(join(env().data, "files").length + 1));
  expect(left.sort()).toEqual(kept.sort());
});

it("a file may be twice as large as its net needs, and a bit", () => {
  const lenet = parseSpec({ ...spec, dataset: "mnist", model: "lenet-300-100" });
  expect(mostBytes("ticket", lenet)).toBeGreaterThan(2 * 266_610 * 4);
  expect(mostBytes("trained", lenet)).toBeLessThan(4e6);
  expect(mostBytes("result", lenet)).toBe(8 << 20);
});
