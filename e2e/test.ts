/** Playwright's test with a site and, where asked for, a runner: one of each, shared by all tests that do not kill them. */
import { test as base, type Page } from "@playwright/test";
import { runnerProcess } from "../start.mjs";
import { type Running, startNode } from "./processes.ts";
import { enrolRunner, freePort, Site } from "./site.ts";

export { expect } from "@playwright/test";

export const startRunner = (site: Site, data: string): Running => startNode(runnerProcess(site.origin, data));

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

/** A job on the toy data set: about a second of training for 400 epochs. Different seeds are different specs. */
export const toySpec = (seed: number, epochs = 3) => ({
  dataset: "toy",
  model: "lenet-300-100",
  method: "random",
  sparsity: 0.9,
  seed,
  recipe: { epochs },
});
