/**
 * A/A: the tracking suite at thirty commits that run the same code, by this repository's own policy. Whatever the machine
 * does meanwhile, no alert may be raised. Takes most of an hour on two cores, so only when asked for:
 *
 *   TICKETMARK_LONG=all npx playwright test -c e2e/playwright.config.ts a-a
 *
 * Instead of "all", a model's id: only the suite's specs of that model.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suites } from "@ticketmark/core";
import { root, runnerProcess } from "../start.mjs";
import { Scratch } from "./planted.ts";
import { startNode } from "./processes.ts";
import { enrolRunner, freePort, Site } from "./site.ts";
import { expect, test } from "./test.ts";

const COMMITS = 30;
const HOURS = 3;

test("the tracking suite at thirty commits that change nothing raises no alert @long", async () => {
  test.setTimeout(HOURS * 3_600_000);
  const policy = JSON.parse(readFileSync(join(root, "regressions.json"), "utf8"));
  const { TICKETMARK_LONG: wanted } = process.env;
  const specs = suites.get(policy.track.suite).specs();
  const chosen = specs.filter(({ model }) => wanted === "all" || model === wanted);
  const scratch = new Scratch({ ...policy, track: { specs: chosen }, backfill: COMMITS }); // what lies before them is real history, with real changes
  for (let n = 1; n < COMMITS; n++) scratch.note(n);
  const site = new Site(await freePort(), { TICKETMARK_REPOSITORY: scratch.folder });
  await site.start();
  const program = runnerProcess(site.origin, await enrolRunner(site, "tracker", { trusted: true }));
  const runner = startNode({
    ...program,
    args: [...program.args, "--repository", scratch.folder, "--branch", "main"],
    env: { ...program.env, TICKETMARK_E2E: site.data },
  });
  const line = scratch.git("log", "--format=%H").split("\n").slice(0, COMMITS);
  const measured = async () => {
    const done = await Promise.all(line.map((hash) => site.get(`/commits/${hash}`).catch(() => null)));
    return done.filter((commit) => commit?.testbeds[0]?.groups.every(isWhole)).length;
  };
  const isWhole = (group: { runs: { head: unknown[] } }) => group.runs.head.length >= 3;
  try {
    for (let told = -1; ; ) {
      const { alerts, investigations, queue } = await site.get("/regressions");
      const n = await measured();
      if (n !== told)
        console.log(
          `${new Date().toISOString()} ${n} commits, ${JSON.stringify({ alerts, queue, looking: investigations.length })}`,
        );
      told = n;
      expect(runner.alive(), runner.output()).toBe(true);
      expect((await site.get("/alerts")).alerts).toEqual([]);
      if (n === COMMITS && queue.waiting + queue.running + investigations.length === 0) break;
      await new Promise((done) => setTimeout(done, 10_000));
    }
  } finally {
    await runner.end("SIGTERM");
    await site.stop();
    scratch.remove();
  }
});
