/** The engine in a browser: the page trains short runs, conv nets among them, and gets the bits that Node gets. */

import type { Page } from "@playwright/test";
import { PINS } from "@ticketmark/core";
import { expect, test } from "./test.ts";

const NAMES = ["ticket", "trained", "trace"] as const;

/** Digests in the last column, by run. */
const computed = (page: Page) =>
  page
    .locator("main section")
    .evaluateAll(
      (sections, names) =>
        sections.map((section) =>
          Object.fromEntries(
            names.map((name) => [name, section.querySelector(`[data-digest=${name}] code`)?.textContent]),
          ),
        ),
      [...NAMES],
    );

const pinned = PINS.map(({ ticket, trained, trace }) => ({ ticket, trained, trace }));

test("a page trains what is pinned, to the bit", async ({ page }) => {
  await page.goto("/engine");
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  expect(await computed(page)).not.toEqual(pinned);
  await page.getByRole("button", { name: "Train them here" }).click();
  await expect(page.getByRole("status")).toHaveText(/^All \d+ digests are equal/, { timeout: 60_000 });
  expect(await computed(page)).toEqual(pinned);
});

test("a digest that differs is shown, in its row and above", async ({ page }) => {
  const [first, second] = PINS;
  const other = `${first!.trained.slice(0, -1)}${first!.trained.endsWith("0") ? "1" : "0"}`; // in its last four bits
  await page.route(/\/engine\?run$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replaceAll(first!.trained, other) });
  });
  await page.goto("/engine?run");
  await expect(page.getByRole("button", { name: "Train them again" })).toBeEnabled({ timeout: 60_000 });
  await expect(page.getByRole("status")).toHaveText(`1 of ${3 * PINS.length} digests differ from the pinned ones.`);
  await expect(page.getByRole("region", { name: first!.name }).locator("[data-digest=trained]")).toContainText("≠");
  await expect(page.getByRole("region", { name: second!.name }).locator("[data-digest=trained]")).toContainText("=");
});

test("without its kernels the page says so", async ({ page }) => {
  await page.route("**/engine/kernels.wasm", (route) => route.fulfill({ status: 503 }));
  await page.goto("/engine?run");
  await expect(page.getByRole("status")).toHaveText("/engine/kernels.wasm: the site answered 503");
  await expect(page.getByRole("button", { name: "Train them here" })).toBeEnabled();
});

test("the kernels come as WebAssembly, once", async ({ site }) => {
  const url = `${site.origin}/engine/kernels.wasm`;
  const first = await fetch(url);
  expect([first.status, first.headers.get("content-type")]).toEqual([200, "application/wasm"]);
  const again = await fetch(url, { headers: { "if-none-match": first.headers.get("etag")! } });
  expect(again.status).toBe(304);
});
