import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ClassFolder,
  groupDigest,
  parseSpec,
  type SuiteStatus,
  specDigest,
  suiteStatusSchema,
  suites,
} from "@ticketmark/core";
import { beforeAll, expect, it, vi } from "vitest";
import * as cancel from "./app/api/v1/jobs/[id]/cancel/route.ts";
import * as jobs from "./app/api/v1/jobs/route.ts";
import * as route from "./app/api/v1/suites/[id]/route.ts";
import { db } from "./db/client.ts";
import { cancelJob } from "./db/jobs.ts";
import { addSuiteJob, cancelWaiting, countWaiting } from "./db/suites.ts";
import { planOf } from "./plans.ts";
import { costOfSpecs } from "./suite.ts";
import { asMaintainer, call, expectProblem, prepareApi } from "./test-api.ts";

beforeAll(() => {
  const data = mkdtempSync(join(tmpdir(), "ticketmark-suite-"));
  Object.assign(process.env, { POSTGRES_URL: "pglite:memory", TICKETMARK_DATA: data });
});
prepareApi();

const suite = suites.get("dlth-imagenet-subset");
const folders = (names: string, train = 1_300): ClassFolder[] => [...names].map((name) => ({ name, train, test: 50 }));
const post = (id: string, body?: object) => call(route, "POST", { id, body, headers: asMaintainer });
const status = async (id = suite.id): Promise<SuiteStatus["specs"]> =>
  suiteStatusSchema.parse(JSON.parse((await call(route, "GET", { id })).text)).specs;

/** Its first job alone, as if it had been queued by an earlier version of the suite. */
async function queueFirst(classes: readonly ClassFolder[]): Promise<void> {
  const spec = parseSpec(suite.specs(classes)[0]);
  const plan = await planOf(parseSpec({ dataset: "toy", model: "mlp-tiny", method: "dense" }));
  const digests = { specDigest: specDigest(spec), groupDigest: groupDigest(spec) };
  const job = { spec, plan, engine: "auto", priority: 0, createdBy: "a test", suite: suite.id };
  await addSuiteJob(await db(), { ...job, ...digests });
}

it("shows each list of classes that a suite was queued with, by names of their own, and completes it once", async () => {
  expect(await status()).toEqual([]);
  await queueFirst(folders("ab"));
  const one = await status();
  expect(one.map(({ state }) => state)).toEqual(["queued", ...one.slice(1).map(() => "missing")]);
  expect(one[0]!.name).not.toMatch(/classes/);

  await queueFirst(folders("bc"));
  const completed = vi.spyOn(suite, "specs");
  const both = await status();
  expect(await status()).toEqual(both);
  expect(completed).toHaveBeenCalledTimes(1);
  completed.mockRestore();
  expect(both.map((spec) => spec.specDigest).slice(0, one.length)).toEqual(one.map((spec) => spec.specDigest));
  const distinct = (key: "name" | "groupDigest") => new Set(both.map((spec) => spec[key])).size;
  expect(distinct("name")).toBe(distinct("groupDigest"));

  const last = both.findLast(({ jobId }) => jobId !== null)!;
  await call(cancel, "POST", { id: last.jobId!, body: {}, headers: asMaintainer });
  expect(await status()).toEqual(one);
});

it("is queued whole, or not at all where a spec is refused, which is named", async () => {
  const refused = await post(suite.id, { classes: folders("ab", 20) });
  expectProblem(refused, 400, "bad-spec", "nothing of suite dlth-imagenet-subset was queued");
  expect(JSON.parse(refused.text).detail).toMatch(/^RST at 50 %.*, seed 0: expected at most \d+ evaluations/);
  expect(JSON.parse((await call(jobs, "GET")).text).jobs).toEqual([]);
  expect(await status()).toEqual([]);
});

it("is queued once for all who ask at the same time", async () => {
  const replies = await Promise.all([post("quickstart"), post("quickstart"), post("quickstart")]);
  const [first, ...others] = replies.map(({ text }) => JSON.parse(text));
  expect(first).toMatchObject({ requeued: 0, existing: 0 });
  expect(others).toEqual([first, first]);
  expect(first.queued).toBe((await status("quickstart")).length);
});

it("costs what its specs cost together", async () => {
  const quickstart = suites.get("quickstart");
  const specs = quickstart.specs().map(parseSpec);
  const rst = specs.find(({ method }) => method.id === "rst")!; // trains before its ticket too
  const [first, second] = [rst, specs[0]!].map(specDigest);
  const one = await costOfSpecs(quickstart, new Set([first!]));
  const other = await costOfSpecs(quickstart, new Set([second!]));
  const both = await costOfSpecs(quickstart, new Set([first!, second!]));
  const plan = await planOf(rst);
  expect(one.iterations).toBe(plan.methodIterations + plan.finalIterations);
  expect(both).toEqual({ iterations: one.iterations + other.iterations, images: one.images + other.images });
});

it("is taken back whole: what waits of it and nothing else", async () => {
  await post("quickstart");
  await post("resnet20-mnist32");
  const database = await db();
  const before = await countWaiting(database, "quickstart");
  const others = await countWaiting(database, "resnet20-mnist32");
  const [{ jobId }] = (await status("quickstart")) as [SuiteStatus["specs"][number]];
  await cancelJob(database, jobId!, "somebody else");
  expect(await cancelWaiting(database, "quickstart", "a test")).toBe(before - 1);
  expect((await status("quickstart")).every(({ state }) => state === "cancelled")).toBe(true);
  expect(await countWaiting(database, "quickstart")).toBe(0);
  expect(await countWaiting(database, "resnet20-mnist32")).toBe(others);
});
