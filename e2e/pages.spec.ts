/** Every page, on a phone and a desktop, light and dark: no error in the console, nothing wider than the screen, and usable without a mouse. */
import { overflow, structureFaults, watch } from "./page-faults.ts";
import { expect, test, toySpec } from "./test.ts";

const PAGES = [
  ...["/", "/jobs", "/jobs/JOB", "/results/RESULT", "/submit", "/runners", "/methods", "/models", "/datasets"],
  ...["/suites", "/suites/mnist-reference"],
  ...["/engine", "/sign-in"],
];
const SCREENS = [
  { width: 1440, height: 900, colorScheme: "light" },
  { width: 390, height: 844, colorScheme: "dark" },
  { width: 390, height: 844, colorScheme: "light" },
  { width: 1440, height: 900, colorScheme: "dark" },
] as const;

let ids: { JOB: string; RESULT: string };

test.beforeAll(async ({ site, runner }) => {
  expect(runner.alive()).toBe(true);
  const JOB = await site.queue(toySpec(501));
  await site.untilState(JOB, "done");
  const [{ id: RESULT }] = (await site.get("/results?limit=1")).results;
  ids = { JOB, RESULT };
});

const address = (path: string) => path.replace("JOB", ids.JOB).replace("RESULT", ids.RESULT);

for (const { width, height, colorScheme } of SCREENS) {
  test(`${width} px, ${colorScheme}: every page is whole`, async ({ site, browser }) => {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, baseURL: site.origin });
    const page = await context.newPage();
    const faults = watch(page, site.origin);
    const found: Record<string, unknown> = {};
    for (const path of PAGES) {
      await page.goto(address(path));
      await page.waitForLoadState("networkidle");
      const wide = await overflow(page);
      const wrong = [
        ...faults.splice(0),
        ...(await structureFaults(page)),
        ...(wide > 0 ? [`${wide} px too wide`] : []),
      ];
      if (wrong.length > 0) found[path] = wrong;
    }
    expect(found).toEqual({});
    await context.close();
  });
}

test("run it: the form has that data set and model, and what they leave out stays left out", async ({ page }) => {
  for (const [path, entry] of [
    ["/models", "lenet-5"],
    ["/datasets", "kmnist"],
  ] as const) {
    await page.goto(`${path}#${entry}`);
    await page.locator(`#${entry}`).getByRole("link", { name: "run it" }).click();
    await expect(page.getByLabel(path === "/models" ? "Model" : "Data set", { exact: true })).toHaveValue(entry);
    await expect(page.getByLabel("augmentation", { exact: true })).toHaveValue("");
  }
});

test("a suite says what is missing, and a maintainer queues it", async ({ signedIn: page, site }) => {
  await page.goto("/suites");
  await page.getByRole("link", { name: "ResNet-20 on MNIST" }).click();
  await expect(page.getByText("9 missing, of 9")).toBeVisible();
  await page.getByRole("button", { name: "Queue the 9 that are missing, failed or cancelled" }).click();
  await expect(page.getByRole("button", { name: "All queued" })).toBeDisabled({ timeout: 30_000 });
  await expect(page.getByText("missing", { exact: true })).toHaveCount(0);
  await page.getByText("Cancel what is queued of this suite").click();
  await page.getByRole("button", { name: /^Cancel \d jobs?$/ }).click();
  await expect(page.getByText("Cancel what is queued of this suite")).toHaveCount(0, { timeout: 30_000 });
  const { specs } = await site.get("/suites/resnet20-mnist32");
  for (const { jobId } of specs) expect((await site.post(`/jobs/${jobId}/cancel`)).ok).toBe(true); // what a runner has taken
  await expect(page.getByRole("button", { name: "Queue the 9" })).toBeEnabled({ timeout: 30_000 });
});

test("dark is dark and light is light", async ({ site, browser }) => {
  const lightness = async (colorScheme: "light" | "dark") => {
    const context = await browser.newContext({ colorScheme, baseURL: site.origin });
    const page = await context.newPage();
    await page.goto("/");
    const shot = await page.evaluate(() => {
      const canvas = document.createElement("canvas").getContext("2d")!;
      canvas.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
      canvas.fillRect(0, 0, 1, 1);
      return canvas.getImageData(0, 0, 1, 1).data[1]!;
    });
    await context.close();
    return shot;
  };
  expect(await lightness("dark")).toBeLessThan(80);
  expect(await lightness("light")).toBeGreaterThan(200);
});

test("what is not there says so, with a way on", async ({ page }) => {
  for (const path of ["/nothing", "/results/00000000-0000-4000-8000-000000000000", "/jobs/not-an-id"]) {
    const response = await page.goto(path);
    expect([path, response!.status()]).toEqual([path, 404]);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("There is nothing at this address");
    await expect(page.locator("main a[href]").first()).toBeVisible();
  }
});

test("the keyboard: skip link first, then every control of the form in reading order", async ({ signedIn: page }) => {
  await page.goto("/submit");
  await page.keyboard.press("Tab");
  const skip = page.locator("a:focus");
  await expect(skip).toHaveAttribute("href", "#main");
  await expect(skip).toBeInViewport();
  await page.keyboard.press("Enter");
  await expect(page.locator("#main")).toBeFocused();

  const inOrder = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLInputElement>("main form :is(input,select,textarea,button)")]
      .filter((e) => e.type !== "hidden" && e.type !== "radio" && !e.disabled && e.checkVisibility())
      .map((e) => e.name || e.textContent),
  );
  expect(inOrder.length).toBeGreaterThan(5);
  const visited: string[] = [];
  for (let i = 0; i < 4 * inOrder.length && visited.length < inOrder.length; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const e = document.activeElement as HTMLInputElement;
      const outline = getComputedStyle(e);
      const seen = outline.outlineStyle !== "none" || outline.boxShadow !== "none";
      const counts = e.matches("main form :is(input,select,textarea,button)") && e.type !== "radio";
      return { counts, name: e.name || e.textContent, seen, html: e.outerHTML.slice(0, 120) };
    });
    expect(at.seen, `no visible focus: ${at.html}`).toBe(true);
    if (at.counts) visited.push(at.name ?? "");
  }
  expect(visited).toEqual(inOrder);
});

test("pages are isolated and run no script but their own", async ({ site }) => {
  const { headers } = await fetch(`${site.origin}/`);
  expect(headers.get("content-security-policy")).toMatch(/script-src[^;]*'nonce-/);
  expect(headers.get("content-security-policy")).not.toMatch(/script-src[^;]*'unsafe-inline'/);
  expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
  expect(headers.get("cross-origin-embedder-policy")).toBe("require-corp");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
});
