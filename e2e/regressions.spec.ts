/**
 * Regressions end to end: a scratch repository with planted commits, a real site that follows it, a real runner that runs
 * each commit with its own code. Each culprit is found, confirmed and located; the harmless commits raise nothing. Then the
 * same site's pages (regression-pages.ts), and what it must refuse (regression-refusals.ts).
 */
import { runnerProcess } from "../start.mjs";
import { PLANTED, Scratch } from "./planted.ts";
import { type Running, startNode } from "./processes.ts";
import { testPages, testWholeness } from "./regression-pages.ts";
import { testRefusals } from "./regression-refusals.ts";
import { enrolRunner, freePort, Site } from "./site.ts";
import { expect, test } from "./test.ts";

const SECRET = "a secret that only this test knows";

/** LeNet-300-100 on real MNIST, 600 iterations. Rounds: what the planted changes need, and no more. */
const policy = {
  version: 1,
  track: {
    specs: [
      {
        dataset: "mnist",
        model: "lenet-300-100",
        method: "dense",
        recipe: { epochs: 1, batchSize: 100 },
        seed: 0,
        protocol: "paper",
      },
    ],
  },
  backfill: 0,
  metrics: {
    accuracy: { floor: 0.005, rounds: 1 },
    "iteration-time": { floor: 0.05, rounds: 8 },
    "peak-memory": { floor: 0.2, rounds: 8 },
    "package-size": { floor: 0.05, rounds: 1 },
  },
};

interface Alert {
  readonly id: string;
  readonly commit: string;
  readonly parent: string;
  readonly findings: readonly { readonly metric: string; readonly kind: string; readonly change: number | null }[];
}

test.describe.configure({ mode: "serial" });
test.use({ baseURL: undefined }); // the site that other tests share is not wanted here

test.describe("a scratch repository", () => {
  let scratch: Scratch;
  let site: Site;
  let runner: Running;
  let runnerData: string;
  const culprits: Record<string, string> = {};

  test.beforeAll(async () => {
    scratch = new Scratch(policy);
    site = new Site(await freePort(), {
      TICKETMARK_REPOSITORY: scratch.folder,
      TICKETMARK_WEBHOOK_SECRET: SECRET,
    });
    await site.start();
    runnerData = await enrolRunner(site, "tracker", { trusted: true });
    const program = runnerProcess(site.origin, runnerData);
    runner = startNode({
      ...program,
      args: [...program.args, "--repository", scratch.folder, "--branch", "main"],
      env: { ...program.env, TICKETMARK_E2E: site.data, TICKETMARK_THREADS: "1" },
    });
  });
  test.afterAll(async () => {
    await runner?.end("SIGTERM");
    await site?.stop();
    scratch?.remove();
  });

  const webhook = (push: ReturnType<Scratch["push"]>) =>
    fetch(`${site.origin}/api/v1/webhooks/github`, { method: "POST", ...push });
  const alertsNow = async (): Promise<Alert[]> => (await site.get("/alerts?limit=100")).alerts;

  /** Until the head was run, and nothing waits, runs or is looked into. */
  async function untilQuiet(): Promise<void> {
    const head = scratch.git("rev-parse", "HEAD");
    await expect
      .poll(
        async () => {
          if (!runner.alive()) throw new Error(`the runner ended: ${runner.output()}`);
          const commit = await site.get(`/commits/${head}`).catch(() => null);
          const queued = (await site.get("/jobs?state=queued&limit=1")).jobs.length;
          const running = (await site.get("/jobs?state=running&limit=1")).jobs.length;
          const open = (await site.get("/regressions")).investigations.length;
          return { isRun: commit !== null && commit.testbeds.length > 0, queued, running, open };
        },
        { timeout: 600_000, intervals: [500] },
      )
      .toEqual({ isRun: true, queued: 0, running: 0, open: 0 });
  }

  /** The site hears of the commits after that one, and does all there is to do. */
  async function told(before: string): Promise<void> {
    const response = await webhook(scratch.push(before, SECRET));
    expect(response.status, await response.text()).toBe(200);
    await untilQuiet();
  }

  async function pushed(make: () => void): Promise<void> {
    const before = scratch.git("rev-parse", "HEAD");
    make();
    await told(before);
  }

  let notes = 0;
  test("its first commits are run with their own code, and are a history", async () => {
    test.setTimeout(600_000);
    await told(scratch.git("rev-parse", "HEAD~1"));
    for (let n = 0; n < 3; n++) await pushed(() => scratch.harmless(notes++));
    expect(await alertsNow()).toEqual([]);
  });

  /** Six commits, one of them planted. */
  const batch = (planted: keyof typeof PLANTED, at: number) => () => {
    for (let i = 0; i < 6; i++) {
      if (i === at) culprits[planted] = scratch.plant(PLANTED[planted]);
      else scratch.harmless(notes++);
    }
  };

  for (const [planted, at, metric] of [
    ["slow", 3, "iteration-time"],
    ["bit", 1, "behaviour"],
    ["accuracy", 4, "accuracy"],
    ["leak", 2, "peak-memory"],
  ] as const)
    test(`finds the planted change "${planted}" on its commit`, async () => {
      test.setTimeout(900_000);
      await pushed(batch(planted, at));
      const alerts = await alertsNow();
      const [alert] = alerts.filter(({ commit }) => commit === culprits[planted]);
      // One run of a head may be as quick as before on a restless machine; then a later head shows it, and the end asks for it.
      if (planted === "slow" && !alert) return;
      expect(alert, JSON.stringify(alerts)).toBeDefined();
      expect(alert!.parent).toBe(scratch.git("rev-parse", `${alert!.commit}~1`));
      expect(alert!.findings.map((finding) => finding.metric)).toContain(metric);
      console.log(planted, JSON.stringify(alert!.findings));
    });

  test("all four are found, and nothing is said of twenty harmless commits and three", async () => {
    expect(notes).toBe(23);
    const alerts = await alertsNow();
    expect(new Set(alerts.map(({ commit }) => commit))).toEqual(new Set(Object.values(culprits)));
  });

  let tried = "";
  const followed = () => ({ scratch, site, culprits, secret: SECRET, runnerData, tried });
  testPages(followed);
  testRefusals(followed, (id) => {
    tried = id;
  });
  testWholeness(followed);
});
