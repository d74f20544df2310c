import {
  DEFAULT_POLICY,
  groupDigest,
  type Policy,
  parseSpec,
  type Spec,
  type SpecInput,
  seriesId,
  specDigest,
  type Testbed,
  testbedDigest,
} from "@ticketmark/core";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Db } from "./client.ts";
import { addCommits, type NewCommit } from "./commits.ts";
import { compareCommits, measuredAt } from "./comparisons.ts";
import { addJob } from "./jobs.ts";
import {
  findCommit,
  listLine,
  measuredOn,
  namesOfGroups,
  openPulls,
  placeOfResult,
  queueCounts,
  readLine,
  relativesOf,
  trackedBranch,
} from "./regressions.ts";
import { addResult } from "./results.ts";
import { branches, commits, jobs, pulls, testbeds } from "./schema.ts";
import { addRunner, clear, someDigest, someJob, takeJob, testServers } from "./test-databases.ts";

const input: SpecInput = { dataset: "toy", model: "mlp-tiny", method: "l1", sparsity: 0.5, recipe: { epochs: 1 } };
const spec = parseSpec(input);
const dense = parseSpec({ ...input, method: "dense", sparsity: 0 });
const policy: Policy = { ...DEFAULT_POLICY, track: { specs: [0, 1].map((seed) => ({ ...input, seed })) } };
const testbed: Testbed = {
  ...{ cpu: "test", cores: 2, memoryBytes: 2 ** 33, os: "linux", arch: "x64", node: "v20", engine: "cpu" },
  ...{ compiler: "gcc", threads: null, key: "0".repeat(64) },
};
const other = { ...testbed, threads: 1 };
const hash = (i: number) => i.toString(16).padStart(2, "0").repeat(20);
const phases = [
  { name: "search", iterations: 250 },
  { name: "final training", iterations: 500 },
];

for (const server of await testServers()) {
  describe(`regressions on ${server.name}`, () => {
    let db: Db;
    let runner: string;
    beforeAll(async () => {
      const database = await server.empty();
      await database.migrate();
      db = database.db;
    });
    beforeEach(async () => {
      await clear(db);
      for (const table of [branches, commits, pulls, testbeds]) await db.delete(table);
      runner = await addRunner(db, "desk");
    });

    const commit = (i: number, parents: readonly number[] | null): NewCommit => ({
      ...{ hash: hash(i), parents: parents?.map(hash) ?? null, subject: `change ${i}`, author: "somebody" },
      committedAt: i * 1_000,
    });

    /** Commits 1 … n, one after the other, the last at the head of main. */
    async function makeLine(n: number): Promise<void> {
      await addCommits(
        db,
        Array.from({ length: n }, (_, i) => commit(i + 1, i === 0 ? [] : [i])),
      );
      await db.insert(branches).values({ name: "main", head: hash(n), policy });
    }

    interface Measured {
      readonly seed?: number;
      readonly of?: Spec;
      readonly on?: Testbed;
      readonly correct?: number;
      /** A mark a block, and with them the bits. */
      readonly marks?: readonly string[];
      readonly numerics?: number;
    }
    async function measure(at: number, time: number, more: Measured = {}): Promise<string> {
      const { seed = 0, of = spec, on = testbed, correct = 90, marks = ["aaaaaaaa"], numerics = 1 } = more;
      const seeded = { ...of, seed };
      await addJob(db, someJob({ spec: seeded }));
      const head = marks.join("");
      const score = { correct, total: 100, loss: 0.1 };
      const result = {
        ...{ outcome: "completed", message: null, numerics, ticketDigest: null, trainedDigest: head, phases },
        ...{ trace: { head, blocks: marks.length, marks: head }, accuracy: { last: score, afterCut: score } },
      } as never;
      const { resultId } = await addResult(db, {
        ...(await takeJob(db, runner)),
        ...{ spec: seeded, result, specDigest: specDigest(seeded), groupDigest: groupDigest(seeded) },
        ...{ keyId: someDigest(), resultDigest: someDigest(), envelope: new Uint8Array([1]), files: [] },
        ...{ envelopeDigest: someDigest() },
        point: {
          commit: hash(at),
          testbed: on,
          values: { accuracy: correct / 100, "iteration-time": time },
          tracked: true,
        },
      });
      return resultId;
    }

    it("follows first parents from the head, as far as they are known", async () => {
      await addCommits(db, [commit(1, [77]), commit(2, [1]), commit(3, [1]), commit(4, [2, 3]), commit(5, null)]);
      const line = async (head: number, most: number) =>
        (await listLine(db, hash(head), most)).map(({ subject }) => subject);
      expect(await line(4, 10)).toEqual(["change 4", "change 2", "change 1"]);
      expect(await line(4, 2)).toEqual(["change 4", "change 2"]);
      expect(await line(5, 10)).toEqual(["change 5"]);
      expect(await line(9, 10)).toEqual([]);
    });

    it("a commit is found by seven digits or more, if they are its alone", async () => {
      const twin = `${hash(3).slice(0, 20)}${"f".repeat(20)}`;
      await addCommits(db, [commit(3, [1]), { ...commit(4, [1]), hash: twin }]);
      expect((await findCommit(db, twin.toUpperCase())).hash).toBe(twin);
      expect((await findCommit(db, ` ${twin.slice(0, 21)} `)).hash).toBe(twin);
      await expect(findCommit(db, hash(3).slice(0, 7))).rejects.toMatchObject({ code: "conflict" });
      await expect(findCommit(db, "1234567")).rejects.toMatchObject({ code: "not-found" });
      for (const name of ["", "030303", "030303_", "%", `${hash(3)}0`])
        await expect(findCommit(db, name), name).rejects.toMatchObject({ code: "bad-request" });
    });

    it("names parents and children, also a parent that nobody told of", async () => {
      await addCommits(db, [commit(1, []), commit(2, [1, 77]), commit(3, [2]), commit(4, [9, 2]), commit(5, null)]);
      const of = async (i: number) => relativesOf(db, await findCommit(db, hash(i)));
      expect(await of(2)).toEqual({
        parents: [
          { hash: hash(1), subject: "change 1" },
          { hash: hash(77), subject: null },
        ],
        children: [
          { hash: hash(3), subject: "change 3" },
          { hash: hash(4), subject: "change 4" },
        ],
      });
      expect(await of(1)).toMatchObject({ parents: [] });
      expect(await of(5)).toEqual({ parents: null, children: [] });
    });

    it("tells of each commit of the line how much was run, what waits, and whether bits changed", async () => {
      await makeLine(5);
      await measure(1, 1);
      await measure(2, 1);
      await measure(2, 1, { seed: 1 });
      await measure(2, 1, { of: dense });
      await measure(4, 1, { marks: ["bbbbbbbb"] });
      await measure(4, 1, { of: dense });
      await measure(4, 1, { on: other, marks: ["cccccccc"] }); // nothing before it on that testbed
      await db.insert(jobs).values({ ...someJob({ spec }), commit: hash(5), purpose: "track" });
      const line = await readLine(db, (await trackedBranch(db))!, 4);
      const none = { groups: 0, changed: 0, intended: 0, mixed: 0 };
      expect(line).toMatchObject([
        { hash: hash(5), measured: 0, wanted: 2, waiting: 1, running: 0, bits: none },
        { hash: hash(4), measured: 1, waiting: 0, bits: { groups: 2, changed: 1, intended: 0, mixed: 0 } },
        { hash: hash(3), measured: 0, bits: none },
        { hash: hash(2), measured: 2, bits: { groups: 1, changed: 0, intended: 0, mixed: 0 } },
      ]);
      const whole = await readLine(db, (await trackedBranch(db))!, 9);
      expect(whole.map(({ compared }) => compared)).toEqual([true, true, true, true, false]);
      expect(await queueCounts(db)).toEqual({ waiting: 1, running: 0 });
    });

    it("other bits are intended where NUMERICS was raised, and nothing can be said of a commit that contradicts itself", async () => {
      await makeLine(3);
      await measure(1, 1);
      await measure(2, 1, { marks: ["bbbbbbbb"], numerics: 2 });
      await measure(3, 1, { marks: ["bbbbbbbb"], numerics: 2 });
      await measure(3, 1, { marks: ["cccccccc"], numerics: 2 });
      expect((await readLine(db, (await trackedBranch(db))!, 9)).map(({ bits }) => bits)).toEqual([
        { groups: 1, changed: 0, intended: 0, mixed: 1 },
        { groups: 1, changed: 1, intended: 1, mixed: 0 },
        { groups: 0, changed: 0, intended: 0, mixed: 0 },
      ]);
    });

    it("holds a commit against the nearest before it that ran the same on the same testbed", async () => {
      await makeLine(5);
      await measure(1, 9, { on: other });
      await measure(2, 1);
      await measure(3, 7, { of: dense });
      await measure(5, 2, { correct: 80, marks: ["aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"] });
      await measure(5, 2, { of: dense, seed: 1 });
      const [here, ...elsewhere] = await measuredAt(db, hash(5), policy);
      expect(elsewhere.every(({ groups }) => groups.length === 0)).toBe(true);
      expect(here).toMatchObject({ digest: testbedDigest(testbed), testbed });
      expect(here!.groups).toMatchObject([
        {
          ...{ name: "MLP (tiny) on Toy patterns, Dense", base: hash(3), bits: { state: null } },
          metrics: [
            { metric: "accuracy", compared: null }, // another seed
            { metric: "iteration-time", compared: { before: 7, after: 2, significance: "too few runs" } },
          ],
        },
        {
          ...{ name: "MLP (tiny) on Toy patterns, L1 at 50 %", base: hash(2), bits: { state: "changed" } },
          first: { seed: 0, block: 1, phase: "search", iteration: 100 },
          metrics: [
            {
              metric: "accuracy",
              series: seriesId(groupDigest(spec), testbedDigest(testbed), "accuracy"),
              compared: { before: 0.9, after: 0.8, significance: "exact", verdict: "regression" },
            },
            { metric: "iteration-time", level: 2 },
          ],
        },
      ]);
      expect((await measuredAt(db, hash(2), policy))[0]!.groups).toMatchObject([{ base: null, bits: null }]);
      expect((await measuredAt(db, hash(4), policy)).flatMap(({ groups }) => groups)).toEqual([]);
    });

    it("takes a series' noise from the commits before, and leaves out what the policy does not watch", async () => {
      await makeLine(8);
      for (const i of [1, 2, 3, 4, 5, 6, 7]) await measure(i, 100 + (i % 3));
      await measure(8, 120);
      const { accuracy: _, ...watched } = policy.metrics;
      const rows = (await measuredAt(db, hash(8), { ...policy, metrics: watched }))[0]!.groups[0]!.metrics;
      expect(rows).toMatchObject([
        {
          metric: "iteration-time",
          compared: { before: 101, after: 120, significance: "clear", verdict: "regression" },
        },
      ]);
    });

    it("what a GPU trained has noise: its accuracy is measured, its bits are not held against each other", async () => {
      await makeLine(2);
      const webgpu = { ...testbed, engine: "webgpu" };
      await measure(1, 1, { on: webgpu });
      await measure(2, 1, { on: webgpu, correct: 70, marks: ["bbbbbbbb"] });
      expect((await measuredAt(db, hash(2), policy))[0]!.groups).toMatchObject([
        { bits: null, metrics: [{ compared: { significance: "too few runs", verdict: "none" } }, {}] },
      ]);
      expect((await readLine(db, (await trackedBranch(db))!, 9))[0]!.bits.groups).toBe(0);
    });

    it("two commits are compared testbed by testbed; what one side alone ran is named", async () => {
      await makeLine(3);
      await measure(1, 1);
      await measure(1, 1, { of: dense });
      await measure(3, 1, { correct: 95 });
      await measure(3, 1, { on: other });
      const l1 = "MLP (tiny) on Toy patterns, L1 at 50 %";
      expect(await compareCommits(db, hash(1), hash(3), policy)).toMatchObject([
        {
          digest: testbedDigest(testbed),
          groups: [{ name: l1, base: hash(1), metrics: [{ compared: { verdict: "improvement" } }, {}] }],
          onlyBase: ["MLP (tiny) on Toy patterns, Dense"],
          onlyHead: [],
        },
        { digest: testbedDigest(other), groups: [], onlyBase: [], onlyHead: [l1] },
      ]);
      expect(await compareCommits(db, hash(3), hash(1), policy)).toMatchObject([
        { groups: [{ metrics: [{ compared: { verdict: "regression" } }, {}] }] },
        { onlyBase: [l1], onlyHead: [] },
      ]);
      expect(await compareCommits(db, hash(2), hash(2), policy)).toEqual([]);
    });

    it("lists what was measured on and by whom, names groups, and knows a result's place", async () => {
      await makeLine(1);
      const id = await measure(1, 1);
      await measure(1, 1, { on: other });
      expect(await measuredOn(db)).toMatchObject([
        { testbed: other, runner: { name: "desk", online: true }, runs: 1 },
        { testbed, runs: 1 },
      ]);
      expect([...(await namesOfGroups(db, [groupDigest(spec)]))]).toEqual([
        [groupDigest(spec), "MLP (tiny) on Toy patterns, L1 at 50 %"],
      ]);
      expect(await placeOfResult(db, id)).toMatchObject({ commit: hash(1), tracked: true, known: true, purpose: null });
      await db.delete(commits);
      expect(await placeOfResult(db, id)).toMatchObject({ commit: hash(1), known: false });
    });

    it("pull requests that are open come with the latest change first", async () => {
      const pull = { head: hash(1), base: "main", title: "t", author: "a", url: "https://example.org" };
      await db.insert(pulls).values([
        { ...pull, number: 1, updatedAt: new Date(2_000) },
        { ...pull, number: 2, updatedAt: new Date(3_000) },
        { ...pull, number: 3, updatedAt: new Date(4_000), open: false },
      ]);
      expect((await openPulls(db)).map(({ number }) => number)).toEqual([2, 1]);
    });
  });
}
