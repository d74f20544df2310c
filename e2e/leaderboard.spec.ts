/** The main path, as a person takes it: sign in, fill in the form, watch, and read the result; and changing one's mind. */
import { childrenOf, isAlive } from "./processes.ts";
import { expect, longSpec, test, toySpec } from "./test.ts";

test("form → job → live progress → signed and checked row → result page", async ({ signedIn: page, site, runner }) => {
  expect(runner.alive()).toBe(true);
  await page.goto("/submit");
  await page.getByLabel("Data set").selectOption("mnist");
  await page.getByLabel("Model").selectOption("lenet-300-100");
  await page.getByLabel("Method", { exact: true }).selectOption("random");
  await page.getByLabel("Sparsity, %").fill("90");
  await page.getByLabel("epochs", { exact: true }).fill("30");
  await page.getByRole("button", { name: "Queue the job" }).click();

  await expect(page).toHaveURL(/\/jobs/);
  const [job] = (await site.get("/jobs?limit=1")).jobs;
  expect(job.spec).toMatchObject({ dataset: "mnist", method: { id: "random" }, sparsity: 0.9, recipe: { epochs: 30 } });
  await page.goto(`/jobs/${job.id}`);

  // Live: the number on the page grows without a reload.
  const bar = page.getByRole("progressbar");
  await expect(bar).toBeVisible({ timeout: 30_000 });
  const value = async () => Number(await bar.getAttribute("aria-valuenow"));
  const before = await value();
  await expect.poll(value).toBeGreaterThan(before);

  await site.untilState(job.id, "done");
  await expect(page.getByRole("link", { name: /result/i }).first()).toBeVisible();
  await expect
    .poll(async () => (await site.get("/results?limit=1")).results[0]?.level, { timeout: 30_000 })
    .toBe("checked");
  const [result] = (await site.get("/results?limit=1")).results;
  expect(result.jobId).toBe(job.id);

  await page.goto("/?dataset=mnist");
  const row = page.getByRole("row").filter({ hasText: "Scratch" }).first();
  await expect(row).toContainText(/checked/i);
  await page.locator("summary").filter({ hasText: "1" }).first().click();
  await page.locator(`a[href="/results/${result.id}"]`).first().click();
  await expect(page).toHaveURL(new RegExp(`/results/${result.id}`));
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.locator("main")).toContainText(result.keyId.slice(0, 8));
});

test("a running job is cancelled from the site, and its process is gone", async ({ signedIn: page, site, runner }) => {
  const id = await site.queue(longSpec(101, 1_000));
  await site.untilRunning(id);
  const [child] = childrenOf(runner.child.pid!);
  expect(child).toBeDefined();

  await page.goto(`/jobs/${id}`);
  await page.locator("summary", { hasText: "Cancel" }).first().click();
  await page.getByRole("button", { name: "Cancel the job" }).first().click();

  await site.untilState(id, "cancelled");
  await expect(page.locator("main")).toContainText(/cancelled/i);
  await expect.poll(() => isAlive(child!.pid)).toBe(false);
  expect((await site.get("/results?limit=200")).results.filter((r: { jobId: string }) => r.jobId === id)).toEqual([]);

  const next = await site.queue(toySpec(102)); // the runner goes on to the next job
  await site.untilState(next, "done");
});
