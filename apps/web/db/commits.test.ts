import { DEFAULT_POLICY, type Scan } from "@ticketmark/core";
import { eq, sql } from "drizzle-orm";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Database, Db } from "./client.ts";
import {
  addCommits,
  graphOf,
  listBranches,
  type NewCommit,
  recordScan,
  removeBranch,
  setBranch,
  takeScan,
} from "./commits.ts";
import { branches, commits } from "./schema.ts";
import { testServers } from "./test-databases.ts";

type Rows = { readonly rows: readonly unknown[] };
const hash = (n: number) => n.toString(16).padStart(40, "0");
const commit = (n: number, parents: readonly number[]) => ({
  ...{ hash: hash(n), parents: parents.map(hash), subject: `commit ${n}`, author: "someone", committedAt: n * 1_000 },
});
const told = (n: number): NewCommit => ({ ...commit(n, []), parents: null });
/** `heads`: number of the commit by branch. */
const scan = (
  heads: Readonly<Record<string, number | null>>,
  all: Scan["commits"],
  policy: string | null = null,
): Scan => ({
  repository: "https://example.org/r",
  branches: Object.entries(heads).map(([name, head]) => ({ name, head: head === null ? null : hash(head), policy })),
  commits: all,
});
const line = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => commit(from + i, from + i > 1 ? [from + i - 1] : []));

for (const server of await testServers()) {
  describe(`commits on ${server.name}`, () => {
    let database: Database;
    let db: Db;
    beforeAll(async () => {
      database = await server.empty();
      await database.migrate();
      db = database.db;
    });
    beforeEach(async () => {
      await db.execute(sql`truncate commits, branches`);
      delete (globalThis as { ticketmarkFirstScan?: number }).ticketmarkFirstScan;
    });
    const main = async () => (await listBranches(db, ["main"]))[0]!;
    const wanted = async () => (await takeScan(db, ["main", "release"])) !== null;
    const age = (seconds: number) =>
      db.update(branches).set({ scannedAt: sql`${branches.scannedAt} - make_interval(secs => ${seconds})` });

    it("fill in parents once and never overwrite them", async () => {
      await addCommits(db, [told(2), commit(1, [])]);
      expect(await graphOf(db)).toEqual(
        new Map([
          [hash(1), []],
          [hash(2), undefined],
        ]),
      );
      await addCommits(db, [commit(2, [1]), commit(2, [1])]);
      expect((await graphOf(db)).get(hash(2))).toEqual([hash(1)]);
      await addCommits(db, [commit(2, [7, 8]), told(1), { ...commit(1, [3]), subject: "forged" }]);
      expect((await graphOf(db)).get(hash(2))).toEqual([hash(1)]);
      expect((await graphOf(db)).get(hash(1))).toEqual([]);
      const [first] = await db
        .select()
        .from(commits)
        .where(eq(commits.hash, hash(1)));
      expect(first!.subject).toBe("commit 1");
      await addCommits(db, []);
    });

    it("may claim any time", async () => {
      await addCommits(db, [{ ...commit(1, []), committedAt: 8.64e15 }]);
      const [row] = await db.select().from(commits);
      expect(row!.committedAt.toISOString()).toBe("9999-12-31T23:59:59.999Z");
    });

    it("are read again only when one came, and the newest where there are too many", async () => {
      await addCommits(db, line(1, 3));
      const before = await graphOf(db);
      expect(await graphOf(db)).toBe(before);
      expect([...(await graphOf(db, 2)).keys()]).toEqual([hash(3), hash(2)]);
      await addCommits(db, line(1, 4));
      expect((await graphOf(db)).size).toBe(4);
    });

    it("come with heads and policies; a bad policy leaves the last good one in force", async () => {
      const good = JSON.stringify({ ...DEFAULT_POLICY, backfill: 7 });
      await recordScan(db, scan({ main: 2, release: 1 }, line(1, 2), good));
      expect(await main()).toMatchObject({
        ...{ head: hash(2), scannedHead: hash(2), policy: { backfill: 7 }, policyProblem: null },
      });
      const nul = JSON.stringify({ ...DEFAULT_POLICY, track: { specs: [{ a: "\u0000" }] } });
      for (const bad of ["{", '{"version":2}', nul, '{"a\\u0000":1}', '{"\\ud800":1}']) {
        await recordScan(db, scan({ main: 3, release: 1 }, line(3, 3), bad));
        expect(await main()).toMatchObject({ head: hash(3), policy: { backfill: 7 } });
        expect((await main()).policyProblem).toMatch(/^[^\0]+$/);
      }
      await recordScan(db, scan({ main: 3 }, [], null));
      expect(await main()).toMatchObject({ policy: null, policyProblem: null });
    });

    it("of branches that a scan did not look at stay; one that it did not find goes", async () => {
      const heads = async () => (await listBranches(db, ["main", "release"])).map(({ name, head }) => [name, head]);
      await recordScan(db, scan({ main: 2, release: 1 }, line(1, 2)));
      await recordScan(db, scan({ release: 2 }, []));
      expect(await heads()).toEqual([
        ["main", hash(2)],
        ["release", hash(2)],
      ]);
      await setBranch(db, "main", hash(2), hash(3)); // meanwhile
      await recordScan(db, scan({ main: null, release: null }, []));
      expect(await heads()).toEqual([["main", hash(3)]]);
    });

    it("may stop where history was cut off", async () => {
      await recordScan(db, scan({ main: 5 }, line(4, 5)));
      await age(301);
      expect(await takeScan(db, ["main"])).toEqual({ known: [hash(5)] });
    });

    it("are asked for by one runner at a time, and again when that one never answers", async () => {
      expect(await wanted()).toBe(true);
      expect(await wanted()).toBe(false);
      await recordScan(db, scan({ main: 2 }, line(1, 2)));
      expect(await wanted()).toBe(false);
      await age(299);
      expect(await wanted()).toBe(false);
      await age(2);
      expect(await takeScan(db, ["main"])).toEqual({ known: [hash(2)] });
      expect(await wanted()).toBe(false);

      await addCommits(db, [told(3)]);
      await setBranch(db, "main", hash(2), hash(3));
      expect(await takeScan(db, ["main"])).toEqual({ known: [hash(2)] });
      expect(await wanted()).toBe(false);
      await age(61);
      expect(await wanted()).toBe(true);
      await recordScan(db, scan({ main: 3 }, line(3, 3)));
      await age(61);
      expect(await wanted()).toBe(false);
      await age(240);
      expect(await takeScan(db, ["main"])).toEqual({ known: [hash(3)] });
    });

    it("are asked for again where some of them are missing", async () => {
      await recordScan(db, scan({ main: 3 }, [commit(3, [2]), commit(1, [])]));
      await addCommits(db, [told(2)]);
      await age(61);
      expect(await takeScan(db, ["main"])).toEqual({ known: [] });
      await recordScan(db, scan({ main: 3 }, line(1, 3)));
      await age(61);
      expect(await wanted()).toBe(false);
    });

    it("move a branch from where it was; what is told late or twice asks for a scan", async () => {
      const [zero, one, two, three] = [hash(0), hash(1), hash(2), hash(3)] as const;
      await setBranch(db, "main", zero, one);
      await recordScan(db, scan({ main: 1 }, line(1, 1)));
      await setBranch(db, "main", one, two);
      await setBranch(db, "main", two, three);
      expect((await main()).head).toBe(three);
      expect(await wanted()).toBe(true);
      await recordScan(db, scan({ main: 3 }, line(1, 3)));
      expect(await wanted()).toBe(false);
      await setBranch(db, "main", one, two);
      expect((await main()).head).toBe(three);
      expect(await wanted()).toBe(true);
      await removeBranch(db, "main", two);
      expect((await main()).head).toBe(three);
      await removeBranch(db, "main", three);
      expect(await main()).toBeUndefined();
    });

    it("of a push outlive a scan that was handed out before it, until the next", async () => {
      await recordScan(db, scan({ main: 1 }, line(1, 1)));
      await age(301);
      expect(await wanted()).toBe(true);
      await setBranch(db, "main", hash(1), hash(2));
      await recordScan(db, scan({ main: 1 }, []));
      expect(await main()).toMatchObject({ head: hash(2), scannedHead: hash(1) });
      expect(await wanted()).toBe(true);
      await recordScan(db, scan({ main: 1 }, []));
      expect(await main()).toMatchObject({ head: hash(1), scannedHead: hash(1) });
      expect(await wanted()).toBe(false);
    });

    it.runIf(server.again)("give one scan to two that ask at once, over two connections", async () => {
      const other = (await server.again!(database)).db;
      await recordScan(db, scan({ main: 1, release: 1 }, line(1, 1)));
      await age(301);
      const names = ["main", "release"];
      const waiting = async () => {
        const { rows } = (await other.execute(sql`select from pg_locks where not granted`)) as unknown as Rows;
        return rows.length;
      };
      const { second } = await db.transaction(async (tx) => {
        expect(await takeScan(tx, names)).not.toBeNull();
        const second = takeScan(other, names);
        await expect.poll(waiting).toBeGreaterThan(0);
        return { second };
      });
      expect(await second).toBeNull();
    });
  });
}
