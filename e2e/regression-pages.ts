/** The pages of regressions in a real browser, on the site and the commits of regressions.spec.ts: what they show, and that they can be used. */
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "@playwright/test";
import { root } from "../start.mjs";
import { overflow, structureFaults, watch } from "./page-faults.ts";
import type { Scratch } from "./planted.ts";
import { startNode } from "./processes.ts";
import type { Site } from "./site.ts";
import { expect, test } from "./test.ts";

/** A site that has followed a repository with planted commits. */
export interface Followed {
  readonly scratch: Scratch;
  readonly site: Site;
  /** Planted commits by the name of what was planted. */
  readonly culprits: Readonly<Record<string, string>>;
}

interface Alert {
  readonly id: string;
  readonly commit: string;
  readonly parent: string;
  readonly state: string;
  readonly findings: readonly { readonly metric: string; readonly name: string; readonly text: string }[];
}

interface Point {
  readonly commit: string;
  readonly subject: string;
  readonly value: number;
}

const short = (commit: string) => commit.slice(0, 7);

/** Declares the tests, in this order: the first ones find every alert open. */
export function testPages(followed: () => Followed): void {
  const alertsNow = async (): Promise<Alert[]> => (await followed().site.get("/alerts?limit=100")).alerts;
  const seriesOf = async (metric: string): Promise<string> => {
    const { series } = await followed().site.get("/series");
    return series.find((one: { metric: string }) => one.metric === metric).id;
  };
  const pointsOf = async (id: string): Promise<Point[]> => (await followed().site.get(`/series/${id}`)).points;

  /** A page in a context of its own, closed afterwards; whatever goes wrong in its console fails the test. */
  async function withPage(browser: Browser, use: (page: Page) => Promise<void>, options: BrowserContextOptions = {}) {
    const { origin } = followed().site;
    const context = await browser.newContext({ baseURL: origin, ...options });
    const page = await context.newPage();
    const faults = watch(page, origin);
    await use(page);
    await context.close();
    expect(faults).toEqual([]);
  }

  async function signIn(page: Page): Promise<void> {
    await page.goto(`/sign-in#${followed().site.token}`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Sign out" }).first().waitFor();
  }

  test("the overview tells each alert in words, and nothing of the harmless commits", async ({ browser }) => {
    const alerts = await alertsNow();
    await withPage(browser, async (page) => {
      await page.goto("/regressions");
      const open = page.getByRole("region", { name: "Open", exact: true });
      await expect(open.getByRole("heading", { level: 3 })).toHaveCount(alerts.length);
      for (const { commit, findings } of alerts) {
        const title = open.getByRole("link", { name: short(commit) });
        await expect(title).toContainText(findings[0]!.name);
        await expect(title).toContainText(/ (rose|fell) by \d|other bits/);
      }
      await expect(open).not.toContainText(/Note \d/);
      const rows = page.getByRole("region", { name: "Commits of main" }).locator("tbody tr");
      for (const row of await rows.filter({ hasText: /Note \d/ }).all())
        await expect(row.locator("td").nth(2)).toHaveText(/^(nothing found|not measured)/);
      for (const commit of Object.values(followed().culprits))
        await expect(rows.filter({ hasText: short(commit) })).toContainText(/worse|other bits|better/);
    });
  });

  test("an alert shows its evidence; a maintainer deals with it, with a reason that is kept", async ({ browser }) => {
    const { site } = followed();
    const [first, second] = (await alertsNow()) as [Alert, Alert];
    await withPage(browser, async (page) => {
      await page.goto(`/regressions/alerts/${first.id}`);
      await expect(page.getByLabel("Reason, kept and shown to all")).toHaveCount(0); // nobody is signed in
      const confirmed = page.getByRole("region", { name: "What was confirmed" });
      for (const { text } of first.findings) await expect(confirmed).toContainText(text.slice(1));
      await confirmed.locator("summary").first().click();
      const runs = confirmed.locator("details").first().getByRole("link", { name: "seed 0" });
      expect(await runs.count()).toBeGreaterThan(1);
      const commits = new Set<string>();
      for (const run of await runs.all()) {
        const response = await fetch(`${site.origin}/api/v1${(await run.getAttribute("href"))!}/envelope`);
        const { payload, signatures } = (await response.json()) as { payload: string; signatures: unknown[] };
        expect(signatures).toHaveLength(1);
        const { predicate } = JSON.parse(Buffer.from(payload, "base64").toString());
        commits.add(predicate.code.commit);
      }
      expect(commits).toEqual(new Set([first.commit, first.parent]));
      await runs.first().click();
      await expect(page.locator('a[href$="/envelope"]').first()).toBeVisible();

      await signIn(page);
      await page.goto(`/regressions/alerts/${first.id}`);
      const reason = page.getByLabel("Reason, kept and shown to all");
      await page.getByRole("button", { name: "Acknowledge" }).click(); // the browser wants a reason
      await expect(reason).toBeFocused();
      await reason.fill("   "); // the site does too
      await page.getByRole("button", { name: "Acknowledge" }).click();
      await expect(page.locator("#reason-fault")).toContainText("Say why");
      expect((await site.post(`/alerts/${first.id}`, { state: "resolved", reason: "" })).status).toBe(400);
      expect((await site.get(`/alerts/${first.id}`)).state).toBe("open");

      await reason.fill("Being mended.");
      await page.getByRole("button", { name: "Acknowledge" }).click();
      await expect(page.getByRole("listitem").filter({ hasText: "Being mended." })).toContainText(
        "by first maintainer",
      );
      await page.goto(`/regressions/alerts/${second.id}`);
      await page.getByLabel("Reason, kept and shown to all").fill("The change was meant.");
      await page.getByRole("button", { name: "Call intended" }).click();
      await expect(page.getByRole("listitem").filter({ hasText: "The change was meant." })).toContainText("intended");
    });
    for (const [{ id }, state, reason] of [
      [first, "acknowledged", "Being mended."],
      [second, "intended", "The change was meant."],
    ] as const) {
      const kept = await site.get(`/alerts/${id}`);
      expect(kept.state).toBe(state);
      expect(kept.events).toContainEqual(expect.objectContaining({ state, reason, by: "first maintainer" }));
    }
    await withPage(browser, async (page) => {
      await page.goto(`/regressions/alerts/${first.id}`);
      await expect(page.getByText("Being mended.")).toBeVisible();
      await page.goto("/regressions");
      const open = page.getByRole("region", { name: "Open", exact: true });
      await expect(open.locator("ul > li").filter({ hasText: short(first.commit) })).toContainText("acknowledged");
      await open.getByText("1 alert closed lately").click();
      await expect(open.locator("details")).toContainText(short(second.commit));
    });
  });

  test("a series is read and zoomed by keyboard, and its address keeps what is shown", async ({ browser }) => {
    const id = await seriesOf("iteration-time");
    const points = await pointsOf(id);
    const last = points.length - 1;
    await withPage(browser, async (page) => {
      await page.goto(`/regressions/series/${id}`);
      const slider = page.getByRole("slider");
      const isAt = async (place: number) => {
        await expect(page.getByTestId("read-out")).toContainText(points[place]!.commit.slice(0, 10));
        await expect(page.getByTestId("read-out")).toContainText(points[place]!.subject);
        await expect(slider).toHaveAttribute("aria-valuenow", String(place + 1));
      };
      await slider.focus();
      await isAt(last);
      for (const [key, place] of [
        ["ArrowLeft", last - 1],
        ["ArrowDown", last - 2],
        ["ArrowRight", last - 1],
        ["Home", 0],
        ["ArrowLeft", 0],
        ["ArrowUp", 1],
        ["End", last],
        ["ArrowRight", last],
      ] as const) {
        await page.keyboard.press(key);
        await isAt(place);
      }
      await page.keyboard.press("+");
      await expect(page).toHaveURL(new RegExp(`\\?from=[0-9a-f]{12}&to=${points[last]!.commit.slice(0, 12)}$`));
      const zoomed = page.url();
      await expect(page.getByRole("button", { name: "Show all points" })).toBeEnabled();
      await page.reload();
      await expect(page.getByRole("button", { name: "Show all points" })).toBeEnabled();
      expect(page.url()).toBe(zoomed);
      await slider.focus();
      await page.keyboard.press("0");
      await expect(page).toHaveURL(/\/[\w-]+$/);
      await page.keyboard.press("Home");
      await page.keyboard.press("Enter");
      await expect(page).toHaveURL(new RegExp(`/regressions/commits/${points[0]!.commit}$`));
    });
  });

  test("a series is there without script: the drawing, and the same points in a table and in CSV", async ({
    browser,
  }) => {
    const id = await seriesOf("iteration-time");
    const points = await pointsOf(id);
    for (const javaScriptEnabled of [true, false])
      await withPage(
        browser,
        async (page) => {
          await page.goto(`/regressions/series/${id}`);
          const drawing = page.getByRole("slider").locator('svg[role="img"]').first();
          await expect(drawing).toBeVisible();
          expect((await drawing.boundingBox())!.height).toBeGreaterThan(100);
          const rows = page.getByRole("region", { name: "Points, as a table" }).locator("tbody tr");
          const cells = await rows.evaluateAll((all) =>
            all.map((row) => [...row.children].map((cell) => cell.textContent ?? "")),
          );
          const shown = cells.map(([commit, , value]) => [commit!.slice(0, 10), Number.parseFloat(value!)]);
          const known = points.map(({ commit, value }) => [commit.slice(0, 10), Number(value.toPrecision(4))]);
          expect(shown).toEqual(known.toReversed());
        },
        { javaScriptEnabled },
      );
    const response = await fetch(`${followed().site.origin}/regressions/series/${id}/series.csv`);
    const lines = points.map(({ commit, value }) => `${commit},${value}\r\n`);
    expect(await response.text()).toBe(["commit,iteration-time\r\n", ...lines].join(""));
  });

  test("ticketmark detect reads a series' CSV and finds in it what its page says", async () => {
    const { site } = followed();
    const id = await seriesOf("accuracy");
    const file = join(site.data, "accuracy.csv");
    writeFileSync(file, await (await fetch(`${site.origin}/regressions/series/${id}/series.csv`)).text());
    const args = [join(root, "apps/runner/bin/ticketmark.js"), "detect", file, "--json"];
    const program = startNode({ args, cwd: root, env: {} });
    const code = await new Promise((done) => program.child.on("close", done));
    expect(code, program.output()).toBe(0);
    const { points, changePoints } = await site.get(`/series/${id}`);
    const found = changePoints.map(({ index }: { index: number }) => ({ index, commit: points[index].commit }));
    expect(JSON.parse(program.output()).series).toMatchObject([{ name: "accuracy", changePoints: found }]);
  });

  test("a commit and its comparison with the one before say what changed, as their JSON does", async ({ browser }) => {
    const { site, scratch, culprits } = followed();
    const head = culprits.accuracy!;
    const base = scratch.git("rev-parse", `${head}~1`);
    const query = `base=${base.slice(0, 10)}&head=${head.slice(0, 10)}`;
    const told = await site.get(`/compare?${query}`);
    expect(told).toMatchObject({ base, head, verdict: expect.stringContaining("accuracy of") });
    const [{ metrics }] = told.testbeds[0].groups;
    await withPage(browser, async (page) => {
      await page.goto(`/regressions/commits/${head}`);
      await expect(page.getByRole("heading", { level: 1 })).toHaveText(scratch.git("log", "-1", "--format=%s", head));
      await expect(page.getByRole("link", { name: short(base) }).first()).toBeVisible();
      const figures = page.locator("table.data").first();
      await expect(figures.getByRole("row", { name: /^Accuracy/ })).toContainText("worse");
      await page.getByRole("link", { name: /accuracy of .* fell by/ }).click();
      await page.getByRole("link", { name: "compare the two commits" }).click();
      await expect(page.getByText(told.verdict)).toBeVisible();
      const rows = page.locator("table.data tbody tr").filter({ has: page.locator("td.number") });
      const changedOnly = await rows.count();
      await page.getByRole("link", { name: "Everything" }).click();
      await expect(page).toHaveURL(/show=all/);
      await expect(rows).toHaveCount(metrics.length);
      expect(changedOnly).toBeLessThan(metrics.length);
      const shown = await rows.evaluateAll((all) =>
        all.map((row) => [...row.children].map((cell) => cell.textContent ?? "")),
      );
      const [, before, after] = shown.find(([metric]) => metric === "Accuracy")!;
      const { compared } = metrics.find((one: { metric: string }) => one.metric === "accuracy");
      expect(Number.parseFloat(before!)).toBeCloseTo(100 * compared.before, 2);
      expect(Number.parseFloat(after!)).toBeCloseTo(100 * compared.after, 2);
      await page.getByLabel("Before").fill("0123456");
      await page.getByRole("button", { name: "Compare" }).click();
      await expect(page.locator("#base-fault")).toContainText("0123456");
    });
  });

  test("badges, frames and the feed are for other sites, the pages are not", async ({ browser }) => {
    const { origin } = followed().site;
    const id = await seriesOf("accuracy");
    const alerts = await alertsNow();
    const open = alerts.filter(({ state }) => state === "open").length;
    for (const [path, text] of [
      ["/badges/regressions.svg", open === 0 ? "none" : `${open} open`],
      [`/badges/series/${id}.svg`, "accuracy"],
      [`/embed/series/${id}.svg`, "<path"],
    ] as const) {
      const response = await fetch(origin + path);
      expect(response.headers.get("content-type")).toBe("image/svg+xml; charset=utf-8");
      expect(await response.text()).toContain(text);
    }

    const frames = [`${origin}/embed/series/${id}`, `${origin}/regressions`];
    const images = [`${origin}/badges/regressions.svg`, `${origin}/embed/series/${id}.svg`];
    const elsewhere = createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end(
        frames.map((src) => `<iframe src="${src}" width="900"></iframe>`).join("") +
          images.map((src) => `<img src="${src}" alt="">`).join(""),
      );
    });
    await new Promise<void>((done) => elsewhere.listen(0, "127.0.0.1", done));
    const page = await browser.newPage();
    await page.goto(`http://localhost:${(elsewhere.address() as AddressInfo).port}/`);
    const [embedded, whole] = await Promise.all(frames.map((_, i) => page.locator("iframe").nth(i).contentFrame()));
    await expect(embedded!.locator('svg[role="img"]').first()).toBeVisible();
    await expect(whole!.locator("main")).toHaveCount(0);
    const sizes = await page
      .locator("img")
      .evaluateAll((all) => all.map((img) => (img as HTMLImageElement).naturalWidth));
    expect(Math.min(...sizes)).toBeGreaterThan(50);
    await page.close();
    elsewhere.close();

    await withPage(browser, async (own) => {
      await own.goto("/regressions");
      const feed = await own.evaluate(async () => {
        const text = await (await fetch("/regressions/feed.xml")).text();
        const xml = new DOMParser().parseFromString(text, "application/xml");
        const links = [...xml.querySelectorAll('entry > link[rel="alternate"]')].map((link) =>
          link.getAttribute("href"),
        );
        return { root: xml.documentElement.tagName, broken: xml.querySelector("parsererror") !== null, links };
      });
      expect(feed).toMatchObject({ root: "feed", broken: false });
      expect(new Set(feed.links)).toEqual(new Set(alerts.map((alert) => `${origin}/regressions/alerts/${alert.id}`)));
    });
  });
}

/** Declares the test that each page of regressions is whole, on a desktop and on a phone. `tried`: a try's id. */
export function testWholeness(followed: () => Followed & { readonly tried: string }): void {
  test("each page of regressions is whole, also on a phone", async ({ browser }) => {
    const { site, scratch, culprits, tried } = followed();
    const [head, [alert], { series }] = [culprits.bit!, (await site.get("/alerts")).alerts, await site.get("/series")];
    const [failed] = (await site.get("/jobs?state=failed&limit=1")).jobs; // of the fork's commit, with a long message
    const drawn = series.filter(({ metric }: { metric: string }) => ["iteration-time", "final-loss"].includes(metric));
    const base = scratch.git("rev-parse", `${head}~1`);
    const pages = [
      ...["", "/series", "/compare", `/compare?base=${base}&head=${head}&show=all`, `/commits/${head}`],
      ...[`/alerts/${alert.id}`, `/tries/${tried}`],
      ...drawn.map(({ id }: { id: string }) => `/series/${id}`),
    ].map((path) => `/regressions${path}`);
    const found: Record<string, unknown> = {};
    for (const width of [390, 1440]) {
      const context = await browser.newContext({ viewport: { width, height: 844 }, baseURL: site.origin });
      const page = await context.newPage();
      const faults = watch(page, site.origin);
      for (const path of ["/jobs", `/jobs/${failed.id}`, ...pages, `/regressions/commits/${failed.commit}`]) {
        await page.goto(path);
        await page.waitForLoadState("networkidle");
        const wide = await overflow(page);
        const wrong = [
          ...faults.splice(0),
          ...(await structureFaults(page)),
          ...(wide > 0 ? [`${wide} px too wide`] : []),
        ];
        if (wrong.length > 0) found[`${width} px: ${path}`] = wrong;
      }
      await context.close();
    }
    expect(found).toEqual({});
  });
}
