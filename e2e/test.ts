/** Playwright's test with a site and, where asked for, a runner: one of each, shared by all tests that do not kill them. */
import { test as base, type Page } from "@playwright/test";
import { runnerProcess } from "../start.mjs";
import { type Running, startNode } from "./processes.ts";
import { enrolRunner, freePort, Site } from "./site.ts";

export { expect } from "@playwright/test";

/** One thread: the site, the browser and this test want the other core. The bits are the same. */
export function startRunner(site: Site, data: string): Running {
  const program = runnerProcess(site.origin, data);
  const mark = { TICKETMARK_E2E: site.data }; // read by processesFor alone: training inherits it
  return startNode({ ...program, env: { ...program.env, ...mark, TICKETMARK_THREADS: "1" } });
}

export const test = base.extend<{ signedIn: Page }, { site: Site; runner: Running }>({
  site: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern
    async ({}, use) => {
      const site = new Site(await freePort(), {});
      await site.start();
      await use(site);
      await site.stop();
    },
    { scope: "worker", timeout: 90_000 },
  ],
  runner: [
    async ({ site }, use) => {
      const runner = startRunner(site, await enrolRunner(site, "shared"));
      await use(runner);
      await runner.end("SIGTERM");
    },
    { scope: "worker", timeout: 60_000 },
  ],
  baseURL: async ({ site }, use) => use(site.origin),
  signedIn: async ({ page, site }, use) => {
    await page.goto(`/sign-in#${site.token}`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Sign out" }).first().waitFor();
    await use(page);
  },
});

/** A job of a moment. Another seed is another spec. */
export const toySpec = (seed: number) => ({
  dataset: "toy",
  model: "lenet-300-100",
  method: "random",
  sparsity: 0.9,
  seed,
});

/** A job of five seconds or more, long enough to be interrupted: real MNIST, 917 iterations an epoch. */
export const longSpec = (seed: number, epochs = 18) => ({ ...toySpec(seed), dataset: "mnist", recipe: { epochs } });
