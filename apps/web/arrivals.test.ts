/** How commits and pull requests arrive through the API, who may tell of them, and which of them may run. */
import { createHmac } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClaimReply, claimReplySchema, NUMERICS, newKeyPair, type Scan } from "@ticketmark/core";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as claims from "./app/api/v1/claim/route.ts";
import * as enrolmentTokens from "./app/api/v1/enrolment-tokens/route.ts";
import * as approvals from "./app/api/v1/pulls/[number]/approve/route.ts";
import * as distrust from "./app/api/v1/runners/[id]/distrust/route.ts";
import * as trust from "./app/api/v1/runners/[id]/trust/route.ts";
import * as scans from "./app/api/v1/scans/route.ts";
import * as tries from "./app/api/v1/tries/route.ts";
import * as webhook from "./app/api/v1/webhooks/github/route.ts";
import { db } from "./db/client.ts";
import { graphOf, listBranches } from "./db/commits.ts";
import { listInvestigations } from "./db/investigations.ts";
import { findPull } from "./db/pulls.ts";
import { environment } from "./db/test-databases.ts";
import { newSecret } from "./secret.ts";
import { asMaintainer, asRunner, call, enrol, enrolmentToken, expectProblem, prepareApi } from "./test-api.ts";
import { stopTracker } from "./track/tracker.ts";

const repository = "https://github.com/owner/name.git";
const secret = "not known to anybody else";
const hash = (n: number) => n.toString(16).padStart(40, "0");

beforeAll(async () => {
  await stopTracker(); // what it does about what arrives is tested elsewhere
  Object.assign(process.env, {
    ...{ POSTGRES_URL: "pglite:memory", TICKETMARK_DATA: mkdtempSync(join(tmpdir(), "ticketmark-arrivals-")) },
    ...{ TICKETMARK_REPOSITORY: repository, TICKETMARK_BRANCHES: "main, release" },
    TICKETMARK_WEBHOOK_SECRET: secret,
  });
});
prepareApi();

let trusted: { authorization: string };
beforeEach(async () => {
  delete (globalThis as { ticketmarkFirstScan?: number }).ticketmarkFirstScan;
  const made = await call(enrolmentTokens, "POST", { body: { trusted: true }, headers: asMaintainer });
  const { bearer } = JSON.parse((await enrol(JSON.parse(made.text).token, newKeyPair())).text);
  trusted = { authorization: `Bearer ${bearer}` };
});

const commit = (n: number, ...parents: number[]) => ({
  ...{ hash: hash(n), parents: parents.map(hash), subject: `commit ${n}`, author: "someone", committedAt: n * 1_000 },
});
/**
 *   1 ─ 2 ─ 3 ─ 4 ─ 7 main       8 on release
 *        ╲─ 5 ─ 6 ─╱ ╲─ 8
 */
const history = [commit(1), commit(2, 1), commit(3, 2), commit(4, 3)];
history.push(commit(5, 2), commit(6, 5), commit(7, 4, 6), commit(8, 4));
const scanned = (more: Partial<Scan> = {}): Scan => ({
  repository,
  branches: [
    { name: "main", head: hash(7), policy: null },
    { name: "release", head: hash(8), policy: null },
  ],
  commits: history,
  ...more,
});
const scan = (body: unknown = scanned(), headers = trusted) => call(scans, "POST", { body, headers });
const branch = async (name = "main") => (await listBranches(await db(), [name]))[0];

async function ask(headers = trusted, of = repository): Promise<ClaimReply> {
  const tracks = { repository: of, pulls: false };
  const offer = { kinds: ["run"], engines: ["auto"], environment, snapshots: [], numerics: NUMERICS, tracks };
  const answer = await call(claims, "POST", { body: { ...offer, lease: newSecret() }, headers });
  return claimReplySchema.parse(JSON.parse(answer.text));
}

const at = (name: string) => ({
  ...{ id: 1, full_name: name, clone_url: `https://github.com/${name}.git`, html_url: `https://github.com/${name}` },
  ssh_url: `git@github.com:${name}.git`,
});
const pushed = (n: number) => ({
  ...{ id: hash(n), tree_id: hash(0), message: `commit ${n}\n\nand more`, timestamp: "2026-01-02T03:04:05Z" },
  author: { name: "someone", email: "someone@example.org" },
});
const push = (before: number, after: number, more: object = {}) => ({
  ...{ ref: "refs/heads/main", before: hash(before), after: hash(after), forced: false, repository: at("owner/name") },
  ...{ commits: after === 0 ? [] : [pushed(after)], head_commit: after === 0 ? null : pushed(after), ...more },
});
const pull = (head: number, at_ = 0, { action = "opened", state = "open", ...more } = {}) => ({
  ...{ action, number: 7, repository: at("owner/name") },
  pull_request: {
    ...{ state, title: "Faster", html_url: "https://github.com/owner/name/pull/7", user: { login: "someone" } },
    ...{ updated_at: `2026-01-02T03:04:${String(at_).padStart(2, "0")}Z`, base: { ref: "main" } },
    head: { sha: hash(head), repo: at("fork/name") },
    ...more,
  },
});
const signature = (body: string, under = secret) => `sha256=${createHmac("sha256", under).update(body).digest("hex")}`;
function deliver(event: string, payload: unknown, headers: Record<string, string> = {}) {
  const body = typeof payload === "string" ? payload : JSON.stringify(payload);
  const sent = { "x-github-event": event, "x-hub-signature-256": signature(body), ...headers };
  return call(webhook, "POST", { body, headers: sent });
}
async function accepted(event: string, payload: unknown): Promise<string> {
  const answer = await deliver(event, payload);
  expect(answer.status, answer.text).toBe(200);
  return JSON.parse(answer.text).message;
}
function approve(head: number, number = "7", headers: Record<string, string> = asMaintainer) {
  const sent = { number, body: { head: hash(head) }, headers };
  return call(approvals, "POST", sent);
}
const startTry = (body: object) => call(tries, "POST", { body, headers: asMaintainer });

describe("scans", () => {
  it("are taken from a trusted runner alone", async () => {
    expectProblem(await scan(scanned(), asRunner()), 403, "forbidden", "trusted");
    expectProblem(await scan(scanned(), asMaintainer), 401, "unauthorized");
    expect((await graphOf(await db())).size).toBe(0);
    expect((await scan()).status).toBe(200);
    expect((await graphOf(await db())).get(hash(7))).toEqual([hash(4), hash(6)]);
    expect(await branch()).toMatchObject({ head: hash(7), scannedHead: hash(7) });
  });

  it("are of this repository and its branches", async () => {
    const other = scanned({ repository: "https://github.com/fork/name.git" });
    expectProblem(await scan(other), 403, "forbidden", "fork/name");
    const branches = [...scanned().branches, { name: "feature", head: hash(3), policy: null }];
    expectProblem(await scan(scanned({ branches })), 403, "forbidden", "feature");
    expect((await graphOf(await db())).size).toBe(0);
  });

  it("may be larger than other bodies, come in parts, and are refused whole when something is wrong", async () => {
    const wide = Array.from({ length: 1_500 }, (_, i) => ({ ...commit(i + 1, i), subject: "語".repeat(200) }));
    wide[0]!.parents = [];
    expect((await scan(scanned({ commits: wide }))).status).toBe(200);
    expect((await scan(scanned({ commits: [commit(1_501, 1_500)], branches: [] }))).status).toBe(200);
    expect(await listBranches(await db(), ["main", "release"])).toHaveLength(2);
    for (const wrong of [
      scanned({ commits: [commit(2_000), { ...commit(2_001), parents: ["main"] }] }),
      scanned({ commits: [commit(2_000), { ...commit(2_001), subject: "\u0000" }] }),
      "{",
    ])
      expectProblem(await scan(wrong), 400, "bad-request");
    expect((await graphOf(await db())).size).toBe(1_501);
  });

  it("are asked of a trusted runner that tracks the repository, one at a time", async () => {
    expect((await ask(asRunner())).scan).toBeNull();
    expect((await ask(trusted, "https://github.com/fork/name.git")).scan).toBeNull();
    expect((await ask()).scan).toEqual({ repository, branches: ["main", "release"], known: [] });
    expect((await ask()).scan).toBeNull();
    await scan();
    expect((await ask()).scan).toBeNull();
    await accepted("push", push(7, 9));
    expect((await ask()).scan!.known.sort()).toEqual([hash(7), hash(8)]);
    expect((await ask()).scan).toBeNull();
  });

  it("are asked of a runner that names the repository otherwise, by the name it gave", async () => {
    const own = "ssh://git@GitHub.com/owner/name";
    expect((await ask(trusted, own)).scan?.repository).toBe(own);
    expect((await scan(scanned({ repository: own }))).status).toBe(200);
  });

  it("are asked of an enrolled runner as long as a maintainer trusts it", async () => {
    const made = await enrol(await enrolmentToken(), newKeyPair());
    const { runnerId: id, bearer } = JSON.parse(made.text);
    const enrolled = { authorization: `Bearer ${bearer}` };
    expect((await ask(enrolled)).scan).toBeNull();
    const tell = async (routes: typeof trust) =>
      expect((await call(routes, "POST", { id, headers: asMaintainer })).status).toBe(200);
    await tell(trust);
    expect((await ask(enrolled)).scan).not.toBeNull();
    await tell(distrust);
    expectProblem(await scan(scanned(), enrolled), 403, "forbidden", "trusted");
  });

  it("are no longer asked of a runner whose key enrolled again without trust", async () => {
    const token = async (body?: object) =>
      JSON.parse((await call(enrolmentTokens, "POST", { body, headers: asMaintainer })).text).token;
    const [key, first] = [newKeyPair(), await token({ trusted: true })];
    const enrolled = async (once: string) => {
      const { bearer } = JSON.parse((await enrol(once, key)).text);
      return (await scan(scanned(), { authorization: `Bearer ${bearer}` })).status;
    };
    expect(await enrolled(first)).toBe(200);
    expect(await enrolled(await enrolmentToken())).toBe(403);
    expect(await enrolled(first)).toBe(403);
    expect(await enrolled(await token({ trusted: true }))).toBe(200);
    const wrong = await call(enrolmentTokens, "POST", { body: { trusted: 1 }, headers: asMaintainer });
    expectProblem(wrong, 400, "bad-request", "trusted");
  });
});

describe("a webhook", () => {
  it("is signed with the secret over the very bytes", async () => {
    const body = JSON.stringify(push(0, 1));
    const signed = { "x-hub-signature-256": signature(body) };
    for (const wrong of [
      call(webhook, "POST", { body, headers: { "x-github-event": "push" } }),
      deliver("push", body, { "x-hub-signature-256": signature(body, "another secret of someone") }),
      deliver("push", body, { "x-hub-signature-256": signature(body).replace("sha256", "sha1") }),
      deliver("push", `${body} `, signed),
      deliver("push", "not even JSON", signed),
    ])
      expectProblem(await wrong, 401, "unauthorized", "x-hub-signature-256");
    expect(await branch()).toBeUndefined();
    expect((await deliver("push", body, signed)).status).toBe(200);
    expect((await branch())!.head).toBe(hash(1));
  });

  it("is read as far as its form is the expected one", async () => {
    expectProblem(await deliver("push", "{"), 400, "bad-request", "JSON");
    expectProblem(await deliver("push", "[".repeat(200_000)), 400, "bad-request", "JSON");
    expectProblem(await deliver("push", push(0, 1, { after: "main" })), 400, "bad-request", "after");
    expectProblem(await deliver("push", push(0, 1, { commits: [{ id: hash(1) }] })), 400, "bad-request", "commits.0");
    expectProblem(await deliver("pull_request", { ...pull(1), number: -1 }), 400, "bad-request", "number");
    const form = { "content-type": "application/x-www-form-urlencoded" };
    expectProblem(await deliver("push", push(0, 1), form), 400, "bad-request", "application/json");
    expect((await graphOf(await db())).size).toBe(0);
  });

  it("that is too large is left to the next scan", async () => {
    const body = JSON.stringify(push(0, 1, { padding: "x".repeat(5_000_000) }));
    expectProblem(await deliver("push", body), 413, "too-large", "scan");
    expect(await branch()).toBeUndefined();
  });

  it("is of this repository, not of a fork", async () => {
    const repository = at("fork/name");
    expectProblem(await deliver("push", push(0, 1, { repository })), 403, "forbidden", "fork/name");
    expectProblem(await deliver("pull_request", { ...pull(1), repository }), 403, "forbidden", "fork/name");
    expect(await branch()).toBeUndefined();
    expect(await findPull(await db(), 7)).toBeNull();
  });

  it("of anything else is answered, and changes nothing", async () => {
    expect(await accepted("ping", { zen: "Speak like a human." })).toBe("ready");
    for (const [event, payload] of [
      ["star", {}],
      ["push", push(0, 1, { ref: "refs/heads/feature" })],
      ["push", push(0, 1, { ref: "refs/tags/main" })],
      ["pull_request", pull(1, 0, { action: "labeled" })],
    ] as const)
      expect(await accepted(event, payload), event).toMatch(/^ignored: /);
    expect((await graphOf(await db())).size).toBe(0);
    expect(await branch("feature")).toBeUndefined();
    expect(await findPull(await db(), 7)).toBeNull();
  });

  it("tells of pushes: told again or late it moves nothing", async () => {
    await accepted("push", push(0, 1));
    await accepted("push", push(1, 2));
    await accepted("push", push(2, 3, { commits: [], head_commit: pushed(3) }));
    const graph = await graphOf(await db());
    expect([...graph.keys()].sort()).toEqual([hash(1), hash(2), hash(3)]);
    expect([...graph.values()]).toEqual([undefined, undefined, undefined]);
    await accepted("push", push(1, 2));
    await accepted("push", push(1, 0));
    expect((await branch())!.head).toBe(hash(3));
    await scan(scanned({ branches: [{ name: "main", head: hash(3), policy: null }] }));
    await accepted("push", push(2, 3));
    expect((await graphOf(await db())).get(hash(3))).toEqual([hash(2)]);
    await accepted("push", push(3, 0));
    expect(await branch()).toBeUndefined();
  });

  it("tells of pull requests, the newest message last whatever the order", async () => {
    await accepted("pull_request", pull(5));
    await accepted("pull_request", pull(6, 2, { action: "synchronize" }));
    await accepted("pull_request", pull(5));
    const expected = {
      head: hash(6),
      base: "main",
      title: "Faster",
      author: "someone",
      open: true,
      approvedHead: null,
    };
    expect(await findPull(await db(), 7)).toMatchObject(expected);
    await accepted("pull_request", pull(6, 3, { action: "closed", state: "closed" }));
    expect((await findPull(await db(), 7))!.open).toBe(false);
  });
});

describe("a pull request", () => {
  it("runs at the head that a maintainer approved, and at no later one", async () => {
    await scan();
    expectProblem(await approve(5), 404, "not-found");
    await accepted("pull_request", pull(5));
    expectProblem(await startTry({ pull: 7 }), 403, "forbidden", "not approved");
    expectProblem(await approve(5, "7", trusted), 401, "unauthorized");
    expectProblem(await approve(6), 409, "conflict", "changed");
    for (const number of ["0", "-7", "7.0", "x", "99999999999"])
      expectProblem(await approve(5, number), 404, "not-found");
    expect((await approve(5)).status).toBe(200);
    expect(await findPull(await db(), 7)).toMatchObject({ approvedHead: hash(5), approvedBy: "first maintainer" });
    expect((await startTry({ pull: 7 })).status).toBe(201);

    await accepted("pull_request", pull(6, 1, { action: "synchronize" }));
    expectProblem(await startTry({ pull: 7 }), 403, "forbidden", hash(6));
    expectProblem(await approve(5), 409, "conflict", "changed");
    expect((await approve(6)).status).toBe(200);
    await accepted("pull_request", pull(6, 2, { action: "closed", state: "closed" }));
    expectProblem(await startTry({ pull: 7 }), 409, "conflict", "closed");
    expectProblem(await approve(6), 409, "conflict", "closed");
  });

  it("is tried beside where it left the branch: the scan after the approval tells of it", async () => {
    await scan();
    await accepted("pull_request", pull(10));
    expect((await ask()).scan).toBeNull();
    await approve(10);
    expectProblem(await startTry({ pull: 7 }), 409, "conflict", "not known here yet");
    expect((await ask()).scan!.branches).toEqual(["main", "release", "refs/pull/7/head"]);
    await scan(scanned({ commits: [commit(9, 3), commit(10, 9)] }));
    const answer = await startTry({ pull: 7 });
    expect(JSON.parse(answer.text)).toMatchObject({ base: hash(3), head: hash(10) });
    const [row] = await listInvestigations(await db());
    expect(row).toMatchObject({ kind: "try", base: hash(3), head: hash(10), pull: 7, createdBy: "first maintainer" });
    expect((await startTry({ commit: hash(10) })).status).toBe(201);
    expect((await listInvestigations(await db())).map((one) => one.pull)).toEqual([7, 7]);
    expectProblem(await startTry({ commit: hash(9) }), 403, "forbidden", "neither");
    await accepted("push", push(7, 11));
    expect((await ask()).scan!.branches).toEqual(["main", "release"]);
  });
});

describe("a try", () => {
  it("runs a commit of an allow-listed branch beside the one where it left the followed line", async () => {
    await scan();
    for (const [head, base] of [
      [7, 4],
      [3, 2],
      [6, 2],
      [8, 4],
    ] as const) {
      const answer = await startTry({ commit: hash(head) });
      expect(answer.status, answer.text).toBe(201);
      expect(JSON.parse(answer.text)).toMatchObject({ head: hash(head), base: hash(base) });
    }
    expect((await listInvestigations(await db())).map((one) => one.pull)).toEqual([null, null, null, null]);
    expectProblem(await startTry({ commit: hash(1) }), 409, "conflict", "first commit");
  });

  it("is refused for a commit that may not run, or that nobody told of", async () => {
    expectProblem(await startTry({ commit: hash(3) }), 404, "not-found", "not known");
    await scan(scanned({ commits: [...history, commit(20, 3), commit(21)] }));
    expectProblem(await startTry({ commit: hash(20) }), 403, "forbidden", "main, release");
    expectProblem(await startTry({ commit: hash(22) }), 404, "not-found", "not known");
    expectProblem(await startTry({ pull: 7 }), 404, "not-found", "pull 7");
    await accepted("pull_request", pull(20));
    expectProblem(await startTry({ commit: hash(20) }), 403, "forbidden", "neither");
    await accepted("pull_request", pull(21, 1));
    await approve(21);
    expectProblem(await startTry({ pull: 7 }), 409, "conflict", "no ancestor on main");
    expect(await listInvestigations(await db())).toEqual([]);
  });

  it("is a maintainer's to start", async () => {
    await scan();
    expectProblem(await call(tries, "POST", { body: { commit: hash(3) }, headers: trusted }), 401, "unauthorized");
    expectProblem(await startTry({ commit: hash(3), pull: 7 }), 400, "bad-request");
    expectProblem(await startTry({ commit: "main" }), 400, "bad-request");
  });
});
