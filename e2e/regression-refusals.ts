/**
 * What must be refused where a site follows a repository: forged webhooks, scans of runners that nobody trusts, and commits
 * that are no ancestor of a followed branch, by the site and, where the site was lied to, by the runner itself.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Posted, type Scratch, signed } from "./planted.ts";
import type { Followed } from "./regression-pages.ts";
import { enrolRunner, type Site } from "./site.ts";
import { expect, test } from "./test.ts";

const PULL = 7;

export interface FollowedByRunner extends Followed {
  readonly secret: string;
  /** Folder of the runner that follows: trusted, and without --allow-pull-requests. */
  readonly runnerData: string;
}

const bearerIn = (data: string): string => JSON.parse(readFileSync(join(data, "runner.json"), "utf8")).bearer;

const postScan = (site: Site, bearer: string, scan: object) =>
  fetch(`${site.origin}/api/v1/scans`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify(scan),
  });

const problem = async (response: Response): Promise<[status: number, detail: string]> => [
  response.status,
  ((await response.json()) as { detail: string }).detail,
];

/** A commit that no branch has, on top of main's head; under a ref, it can be fetched all the same. */
function forkCommit(scratch: Scratch, subject: string): string {
  const who = ["-c", "user.name=Stranger", "-c", "user.email=stranger@localhost"];
  return execFileSync("git", [...who, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", subject], {
    cwd: scratch.folder,
    encoding: "utf8",
  }).trim();
}

/** Declares the tests. `onTry` hears the id of a try that has ended. */
export function testRefusals(followed: () => FollowedByRunner, onTry: (id: string) => void): void {
  const hook = ({ body, headers }: Posted) =>
    fetch(`${followed().site.origin}/api/v1/webhooks/github`, { method: "POST", body, headers });
  let tried: { readonly id: string; readonly base: string; readonly head: string };
  let opened: number;

  test("a try of a followed branch's commit is taken", async () => {
    const { site, scratch, culprits } = followed();
    opened = (await site.get("/alerts")).alerts.length;
    const response = await site.post("/tries", { commit: culprits.bit });
    expect(response.status, await response.clone().text()).toBe(201);
    tried = (await response.json()) as typeof tried;
    expect(tried).toMatchObject({ head: culprits.bit, base: scratch.git("rev-parse", `${culprits.bit}~1`) });
  });

  test("a forged webhook is refused: its signature, its bytes, its repository, its size", async () => {
    const { site, scratch, secret } = followed();
    const state = async () => (await site.get("/regressions")).repository;
    const before = await state();
    const fork = forkCommit(scratch, "Pushed by nobody");
    const commit = { id: fork, message: "Pushed by nobody", timestamp: "2026-01-01T00:00:00Z", author: { name: "x" } };
    const told = { ref: "refs/heads/main", before: before.head, after: fork, commits: [commit], head_commit: commit };
    const push = (repository: object, key = secret) => signed("push", { ...told, repository }, key);
    const good = push(scratch.address);
    const { "x-hub-signature-256": _, ...unsigned } = good.headers;
    for (const [what, forged, status] of [
      ["signed with another secret", push(scratch.address, `${secret}.`), 401],
      ["not signed", { ...good, headers: unsigned }, 401],
      ["changed after it was signed", { ...good, body: good.body.replace("nobody", "someone") }, 401],
      ["signed with SHA-1", { ...good, headers: { ...unsigned, "x-hub-signature": "sha1=00" } }, 401],
      ["of another repository", push({ ...scratch.address, ...addresses("https://example.com/else/where") }), 403],
      ["too large", push({ ...scratch.address, description: "x".repeat(5_000_000) }), 413],
    ] as const) {
      const response = await hook(forged);
      expect([what, response.status, await response.text()]).toEqual([what, status, expect.any(String)]);
    }
    expect(await state()).toEqual(before);
    expect((await fetch(`${site.origin}/api/v1/commits/${fork}`)).status).toBe(404);
  });

  test("a scan is taken from trusted runners alone, and of the followed repository alone", async () => {
    const { site, scratch, runnerData } = followed();
    const scan = { repository: scratch.folder, branches: [], commits: [] };
    const stranger = bearerIn(await enrolRunner(site, "stranger"));
    expect(await problem(await postScan(site, stranger, scan))).toEqual([403, expect.stringContaining("trusted")]);
    expect((await postScan(site, "a-bearer-that-nobody-has", scan)).status).toBe(401);
    const trusted = bearerIn(runnerData);
    for (const other of [
      { ...scan, repository: "https://example.com/else/where" },
      { ...scan, branches: [{ name: "aside", head: scratch.git("rev-parse", "HEAD"), policy: null }] },
    ])
      expect((await postScan(site, trusted, other)).status).toBe(403);
  });

  let fork: string;

  test("a fork's commit is not tried; as an approved pull request it waits for a runner that takes such", async ({
    browser,
  }) => {
    const { site, scratch, secret } = followed();
    fork = forkCommit(scratch, "From a fork");
    scratch.git("update-ref", `refs/pull/${PULL}/head`, fork); // as GitHub keeps it
    const aside = forkCommit(scratch, "On a branch that nobody follows");
    scratch.git("branch", "aside", aside);
    for (const commit of [fork, aside])
      expect(await problem(await site.post("/tries", { commit }))).toEqual([404, expect.stringContaining("not known")]);

    expect((await hook(scratch.pullRequest(PULL, fork, "opened", secret))).status).toBe(200);
    const tryIt = () => site.post("/tries", { pull: PULL });
    expect(await problem(await tryIt())).toEqual([403, expect.stringContaining("not approved")]);
    expect((await site.post(`/pulls/${PULL}/approve`, { head: aside })).status).toBe(409);
    expect((await site.post(`/pulls/${PULL}/approve`, { head: fork })).status).toBe(200);
    let waiting = await tryIt();
    const isScanned = async () => {
      if (waiting.status === 409) waiting = await tryIt(); // until a scan has told where it left the branch
      return waiting.status;
    };
    await expect.poll(isScanned, { timeout: 60_000 }).toBe(201);
    const { id, base } = (await waiting.json()) as typeof tried;
    expect(base).toBe(scratch.git("rev-parse", "HEAD"));
    const page = await browser.newPage({ baseURL: site.origin });
    await page.goto(`/regressions/tries/${id}`);
    await expect(page.getByText("Nothing is known yet: it waits for a runner that takes pull requests")).toBeVisible();
    await page.close();

    const newer = forkCommit(scratch, "Slipped in after it was approved");
    expect((await hook(scratch.pullRequest(PULL, newer, "synchronize", secret))).status).toBe(200);
    expect(await problem(await tryIt())).toEqual([403, expect.stringContaining("has changed since")]);
    expect(await problem(await site.post("/tries", { commit: fork }))).toEqual([
      403,
      expect.stringContaining("it is neither"),
    ]);
  });

  test("the try ends and its page shows what differs; no alert comes of it", async ({ browser }) => {
    test.setTimeout(300_000);
    const { site } = followed();
    const isUnderWay = async () =>
      (await site.get("/regressions")).investigations.some((one: { id: string }) => one.id === tried.id);
    await expect.poll(isUnderWay, { timeout: 280_000, intervals: [500] }).toBe(false);
    const page = await browser.newPage({ baseURL: site.origin });
    await page.goto(`/regressions/tries/${tried.id}`);
    const differs = page.getByRole("region", { name: "What differs" });
    await expect(differs).toContainText("Other bits of LeNet-300-100 on MNIST, Dense");
    await expect(page.getByText(/^\d+ done, 0 running, 0 waiting, 0 failed$/)).toBeVisible();
    await page.close();
    expect((await site.get("/alerts")).alerts).toHaveLength(opened);
    onTry(tried.id);
  });

  test("a runner does not run a fork's commit, though a site that was lied to wants it run", async () => {
    const { site, scratch, secret, runnerData } = followed();
    const [main, before] = ["HEAD", "HEAD~1"].map((name) => scratch.git("rev-parse", name)) as [string, string];
    const policy = readFileSync(join(scratch.folder, "regressions.json"), "utf8");
    const branches = [{ name: "main", head: fork, policy }];
    const lie = { repository: scratch.folder, branches, commits: [] };
    expect((await postScan(site, bearerIn(runnerData), lie)).status).toBe(200);
    interface Job {
      readonly id: string;
      readonly commit: string;
      readonly message: string | null;
    }
    const refused = async (): Promise<Job | undefined> =>
      (await site.get("/jobs?state=failed&limit=100")).jobs.find(({ commit }: Job) => commit === fork);
    await expect.poll(refused, { timeout: 60_000 }).toMatchObject({
      message: expect.stringContaining(`commit ${fork}: expected one of a branch that may run (main)`),
    });
    expect((await site.get(`/commits/${fork}`)).testbeds).toEqual([]);
    expect((await hook(scratch.push(before, secret))).status).toBe(200); // asks for a scan, which tells the truth
    await expect.poll(async () => (await site.get("/regressions")).repository.head, { timeout: 60_000 }).toBe(main);
  });
}

const addresses = (url: string) => ({ clone_url: url, ssh_url: url, html_url: url });
