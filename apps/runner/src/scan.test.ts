/** What a site hears that asks for a scan, over HTTP and from real git. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ClaimReply, MAX_JSON_BYTES, MAX_SCANNED, POLICY_FILE, Problem } from "@ticketmark/core";
import { beforeEach, describe, expect, it } from "vitest";
import { until } from "./fixtures.ts";
import { eachInItsWorld } from "./loop-fixture.ts";
import { type TestRepository, testRepository } from "./mirror-fixture.ts";
import type { TestSite } from "./site-fixture.ts";

const world = eachInItsWorld();
let site: TestSite;
let said: string[];
let source: TestRepository;
beforeEach(() => {
  ({ site, said } = world());
  source = testRepository();
});

type Wanted = NonNullable<ClaimReply["scan"]>;

/** Asks once, when the repository was reached, and waits until the runner asks for a job again. */
async function ask(wanted: Partial<Wanted> = {}): Promise<void> {
  const tracking = { repository: source.folder, branches: ["main", "next", "old"], pulls: false, diskBytes: 1e9 };
  site.wantedScan = { repository: source.folder, branches: ["main"], known: [], ...wanted };
  const { end } = await world().runner({ tracking: { ...tracking, environment: process.env } });
  await until(() => site.claims.filter(({ tracks }) => tracks).length === 2);
  await end();
}

/** A line of commits on main, made at once. Returns their hashes, oldest first. */
function history(count: number, subject: string): string[] {
  const commits = Array.from({ length: count }, (_, i) => {
    const text = `${subject}${i}`;
    const from = i > 0 ? `from :${i}\n` : "";
    return `commit refs/heads/main
mark :${i + 1}
committer A Tester <test@example.com> ${1_600_000_000 + i} +0000
data ${Buffer.byteLength(text)}
${text}
${from}`;
  });
  execFileSync("git", ["fast-import", "--quiet"], { cwd: source.folder, input: commits.join("\n") });
  return source.git("rev-list", "--reverse", "main").split("\n");
}

describe("a scan", () => {
  it("tells of branches that it may look at what the site does not know, with the policy at each head", async () => {
    const known = await source.commit({ a: "1" }, "One");
    const second = await source.commit({ [POLICY_FILE]: "{ ü }" }, "Two\n\nand more");
    source.git("checkout", "-q", "-b", "next", known);
    const third = await source.commit({ a: "2" }, "Three");
    source.git("checkout", "-q", "-b", "secret", known);
    await source.commit({ a: "3" }, "Four");
    await ask({ branches: ["main", "secret", "next", "old"], known: [known] });
    expect(site.scans).toHaveLength(2);
    const [commits, branches] = site.scans as [(typeof site.scans)[number], (typeof site.scans)[number]];
    expect(commits.branches).toEqual([]); // first what leads to the heads, then the heads
    const author = "A Tester";
    expect(commits.commits).toHaveLength(2);
    expect(commits.commits).toContainEqual(
      expect.objectContaining({ hash: second, parents: [known], subject: "Two", author }),
    );
    expect(commits.commits).toContainEqual(expect.objectContaining({ hash: third, parents: [known] }));
    expect(branches).toEqual({
      repository: source.folder,
      branches: [
        { name: "main", head: second, policy: "{ ü }" },
        { name: "next", head: third, policy: null },
        { name: "old", head: null, policy: null },
      ],
      commits: [],
    });
  });

  it("tells of an approved pull request's commits, also where the runner runs none; one that is gone is left out", async () => {
    const known = await source.commit({ a: "1" }, "One");
    source.git("checkout", "-q", "--detach");
    const [first, second] = [await source.commit({ a: "2" }), await source.commit({ a: "3" })];
    source.git("update-ref", "refs/pull/7/head", second);
    source.git("checkout", "-q", "main");
    await ask({ branches: ["main", "refs/pull/7/head", "refs/pull/8/head"], known: [known] });
    const told = site.scans.flatMap(({ commits }) => commits);
    expect(told.map(({ hash, parents }) => [hash, parents])).toEqual([
      [first, [known]],
      [second, [first]],
    ]);
    expect(site.scans.at(-1)!.branches).toEqual([{ name: "main", head: known, policy: null }]);
    expect(said.join("\n")).toContain("Pull request 8 is left out");
  });

  it("comes in parts that the site takes, of a long history the newest", async () => {
    const hashes = history(4_500, "ü".repeat(190));
    await ask();
    const told = site.scans.flatMap(({ commits }) => commits.map(({ hash }) => hash));
    expect(told).toEqual(hashes.slice(-2_000));
    expect(site.scans.length).toBeGreaterThan(2);
    for (const scan of site.scans) {
      expect(scan.commits.length).toBeLessThanOrEqual(MAX_SCANNED);
      expect(Buffer.byteLength(JSON.stringify(scan))).toBeLessThan(MAX_JSON_BYTES);
    }
    expect(site.scans.at(-1)!.branches).toEqual([{ name: "main", head: hashes.at(-1), policy: null }]);
    const toldWhenKnown = async (known: string) => {
      site.scans.length = 0;
      site.claims.length = 0;
      await ask({ known: [known] });
      return site.scans.flatMap(({ commits }) => commits.map(({ hash }) => hash));
    };
    expect(await toldWhenKnown(hashes[0]!)).toEqual(hashes.slice(1));
    expect(await toldWhenKnown("9".repeat(40))).toEqual(hashes.slice(-2_000)); // of before a force push
  });

  it("leaves out, aloud, a policy that is no text or too large", async () => {
    const head = await source.commit({ a: "1" });
    writeFileSync(join(source.folder, POLICY_FILE), Buffer.from([0x7b, 0xff, 0x7d]));
    source.git("add", POLICY_FILE);
    const broken = await source.commit({}, "No UTF-8");
    source.git("checkout", "-q", "-b", "next", head);
    const large = await source.commit({ [POLICY_FILE]: " ".repeat(300_000) });
    await ask({ branches: ["main", "next"] });
    expect(site.scans.at(-1)!.branches).toEqual([
      { name: "main", head: broken, policy: null },
      { name: "next", head: large, policy: null },
    ]);
    expect(said).toContainEqual(`${POLICY_FILE} of main is left out: expected UTF-8`);
    expect(said).toContainEqual(expect.stringMatching(/^regressions.json of next is left out: .*at most 262144/));
  });

  it("comes in parts where policies are too many for one, and loses none", async () => {
    const policy = '"'.repeat(250_000); // twice as long in JSON
    const head = await source.commit({ [POLICY_FILE]: policy });
    const names = ["main", "next", "old"];
    for (const name of names.slice(1)) source.git("branch", name);
    await ask({ branches: names });
    const parts = site.scans.filter(({ branches }) => branches.length > 0);
    expect(parts.length).toBeGreaterThan(1);
    for (const part of parts) expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(MAX_JSON_BYTES);
    expect(parts.flatMap(({ branches }) => branches)).toEqual(names.map((name) => ({ name, head, policy })));
  });

  it("that fails is said, and the runner goes on", async () => {
    await source.commit({ a: "1" });
    await ask({ repository: "https://example.com/another" });
    expect(site.scans).toEqual([]);
    expect(said).toContainEqual(
      expect.stringMatching(/could not be answered: .*the site follows https:\/\/example.com/),
    );
    site.claims.length = 0;
    await ask({ branches: ["secret"] });
    expect(said).toContainEqual(expect.stringMatching(/could not be answered: it asks for branch secret/));
    site.claims.length = 0;
    await ask({ branches: ["old"] });
    expect(said).toContain(
      "The site follows branch old: there is none; there is main: TICKETMARK_BRANCHES names what it follows",
    );
    expect(site.scans.flatMap(({ branches }) => branches)).toEqual([{ name: "old", head: null, policy: null }]);
    site.claims.length = 0;
    site.problems.set("/scans", new Problem("forbidden", "this runner is not trusted"));
    await ask();
    expect(said).toContainEqual(expect.stringMatching(/could not be answered: this runner is not trusted/));
  });
});
