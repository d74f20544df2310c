/**
 * kill -9 of everything that can be killed, each in the middle of a job: the job ends once, with the digests of an
 * undisturbed run, and nobody is left behind.
 */

import { expect, test } from "@playwright/test";
import { childrenOf, familyOf, isAlive, processesFor, type Running } from "./processes.ts";
import { enrolRunner, freePort, Site } from "./site.ts";
import { longSpec, startRunner } from "./test.ts";

test.skip(process.platform !== "linux", "processes are found through /proc");
test.describe.configure({ mode: "serial" });

const spec = longSpec(401);
let site: Site;
let data: string;
let undisturbed: unknown;

// biome-ignore lint/suspicious/noExplicitAny: public JSON
const bits = ({ ticketDigest, trainedDigest, result }: any) => ({ ticketDigest, trainedDigest, trace: result.trace });

async function resultsOf(job: string) {
  const { results } = await site.get("/results?limit=200");
  return results.filter((result: { jobId: string }) => result.jobId === job);
}

/** The one result that a job must have. */
async function theResult(job: string) {
  await site.untilState(job, "done");
  const results = await resultsOf(job);
  expect(results).toHaveLength(1);
  return site.get(`/results/${results[0].id}`);
}

const trainingChild = (runner: Running) =>
  childrenOf(runner.child.pid!).find(({ command }) => command.includes("worker"))!;

/** Stops a runner that has nothing to do; it leaves well and leaves nobody. */
async function endWell(runner: Running) {
  const family = familyOf(runner.child.pid!);
  expect((await runner.end("SIGTERM")).code, runner.output()).toBe(0);
  expect(family.filter(isAlive)).toEqual([]);
}

test.beforeAll(async () => {
  site = new Site(await freePort(), { TICKETMARK_LEASE_SECONDS: "8", TICKETMARK_HEARTBEAT_SECONDS: "0.25" });
  await site.start();
  data = await enrolRunner(site, "victim");
  const runner = startRunner(site, data);
  const result = await theResult(await site.queue(spec));
  undisturbed = bits(result);
  expect(result.result.trace.blocks).toBeGreaterThan(100);
  await runner.end("SIGTERM");
});

test.afterAll(async () => site.stop());

test("the training child", async () => {
  const runner = startRunner(site, data);
  const job = await site.queue(spec);
  await site.untilRunning(job, 1_000);
  const child = trainingChild(runner);
  expect(processesFor(site.data).map(({ pid }) => pid)).toContain(child.pid);
  process.kill(child.pid, "SIGKILL");
  const result = await theResult(job);
  expect(bits(result)).toEqual(undisturbed);
  expect((await site.job(job)).attempts).toBe(1); // faults so far
  expect(isAlive(child.pid)).toBe(false);
  await endWell(runner);
});

test("the runner: its child ends too, and the next runner goes on", async () => {
  const first = startRunner(site, data);
  const job = await site.queue(spec);
  await site.untilRunning(job, 1_000);
  const child = trainingChild(first);
  await first.end("SIGKILL");
  await expect.poll(() => isAlive(child.pid)).toBe(false);

  const second = startRunner(site, data);
  expect(bits(await theResult(job))).toEqual(undisturbed);
  await endWell(second);
});

test("the site: training goes on, and the result arrives when it is back", async () => {
  const runner = startRunner(site, data);
  const job = await site.queue(spec);
  await site.untilRunning(job, 1_000);
  await site.process.end("SIGKILL");
  const child = trainingChild(runner);
  await new Promise((done) => setTimeout(done, 800)); // some heartbeats find nobody
  expect(isAlive(child.pid)).toBe(true);
  await site.start();
  expect(bits(await theResult(job))).toEqual(undisturbed);
  expect(runner.alive()).toBe(true);
  await endWell(runner);
});

test("SIGTERM is no kill: the job is handed back with a snapshot, and goes on where it was", async () => {
  const first = startRunner(site, data);
  const job = await site.queue(spec);
  await site.untilRunning(job, 1_000);
  const child = trainingChild(first);
  expect((await first.end("SIGTERM")).code).toBe(0);
  expect(isAlive(child.pid)).toBe(false);
  expect(await site.job(job)).toMatchObject({ state: "queued", snapshotIteration: expect.any(Number) });

  const second = startRunner(site, data);
  expect(bits(await theResult(job))).toEqual(undisturbed);
  expect(second.output()).toContain("going on from iteration");
  await endWell(second);
});

test("nobody is left behind", async () => {
  expect(processesFor(site.data).map(({ pid }) => pid)).toContain(site.process.child.pid);
  await site.stop();
  expect(processesFor(site.data)).toEqual([]);
});
