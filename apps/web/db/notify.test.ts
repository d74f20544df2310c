/** Messages to the outside, against a server on this machine that answers as GitHub and a webhook's receiver do. */
import { createHmac } from "node:crypto";
import { asc, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { env } from "../env.ts";
import { onTryFinished } from "../track/announce.ts";
import { githubOf } from "../track/github.ts";
import { MARKER } from "../track/github-text.ts";
import { sendWaiting, stopNotifier, wakeNotifier } from "../track/notify.ts";
import { behaviour, slower } from "../track/test-findings.ts";
import { ME, REPOSITORY, type Receiver, startReceiver } from "../track/test-receiver.ts";
import { openAlert } from "./alerts.ts";
import { closeDatabase, type Db, db as siteDb } from "./client.ts";
import { addDelivery, secondsToNext, takeDelivery, waitAfter } from "./deliveries.ts";
import { alerts, deliveries, type Investigation, investigations } from "./schema.ts";

const [commit, parent] = ["c".repeat(40), "b".repeat(40)];
const SECRET = "a secret of the receiver";
const REPOS = `/repos/${REPOSITORY}`;
const CHECKS = `POST ${REPOS}/check-runs`;
const COMMENTS = `${REPOS}/issues/7/comments`;
const FIRST_PAGE = `GET ${COMMENTS}?per_page=100&page=1`;

let receiver: Receiver;
let db: Db;
beforeAll(async () => {
  receiver = await startReceiver();
  Object.assign(process.env, {
    POSTGRES_URL: "pglite:memory",
    TICKETMARK_REPOSITORY: `https://github.com/${REPOSITORY}.git`,
    TICKETMARK_ALERT_URL: `${receiver.origin}/hook`,
    TICKETMARK_ALERT_SECRET: SECRET,
    TICKETMARK_GITHUB_TOKEN: "token of octo",
    TICKETMARK_GITHUB_API: receiver.origin,
    TICKETMARK_ORIGIN: "https://site.test",
  });
  db = await siteDb();
});
beforeEach(async () => {
  receiver.reset();
  await db.execute(sql`truncate alerts, alert_events, deliveries, investigations cascade`);
});
afterAll(async () => {
  await stopNotifier();
  await closeDatabase();
  await receiver.stop();
});

const send = (timeoutMs = 10_000, signal = new AbortController().signal) =>
  sendWaiting(db, env(), { timeoutMs, signal });
const outbox = () => db.select().from(deliveries).orderBy(asc(deliveries.target), asc(deliveries.nextAt));
/** The clock is the database's: what waits is moved instead. */
const later = () => db.update(deliveries).set({ nextAt: sql`now() - interval '1 second'` });
const open = () => openAlert(db, { commit, parent, findings: [slower()] });
/** Without GitHub's part of the outbox. */
const openForWebhook = async () => {
  const alert = await open();
  await db.delete(deliveries).where(sql`${deliveries.target} <> 'webhook'`);
  return alert;
};
const openForGithub = async () => {
  await open();
  await db.delete(deliveries).where(sql`${deliveries.target} = 'webhook'`);
};
async function finishTry(more: Partial<Investigation> = {}): Promise<void> {
  const [row] = await db
    .insert(investigations)
    .values({
      ...{ kind: "try", state: "dismissed", reason: "asked for", pull: 7, createdBy: "ada" },
      ...{ base: parent, head: commit, firstBase: parent, firstHead: commit },
      ...more,
    })
    .returning();
  await onTryFinished(db, row!.id);
}

describe("the webhook", () => {
  it("gets the alert, signed over the exact bytes, with the message's id", async () => {
    const { id } = await openForWebhook();
    await send();
    const [{ headers, text }] = receiver.received as [Receiver["received"][number]];
    expect(headers["x-ticketmark-signature-256"]).toBe(
      `sha256=${createHmac("sha256", SECRET).update(text).digest("hex")}`,
    );
    expect(headers["content-type"]).toBe("application/json");
    const [delivery] = await outbox();
    expect(headers["x-ticketmark-delivery"]).toBe(delivery!.id);
    expect(JSON.parse(text)).toMatchObject({
      type: "alert",
      alert: { id, commit, parent, state: "open", findings: [{ metric: "iteration-time", change: 0.1022 }] },
      text: expect.stringMatching(/rose by 10\.2 %/),
      url: `https://site.test/regressions/alerts/${id}`,
    });
    expect(delivery).toMatchObject({ attempts: 1, error: null, failedAt: null });
    expect(delivery!.sentAt).not.toBeNull();
    await send();
    expect(receiver.received).toHaveLength(1);
  });

  it("is tried again, under the same id, until it is through", async () => {
    await openForWebhook();
    receiver.next("POST /hook", { status: 500, text: "out of\0 order" }, { status: 404 });
    await send();
    const [delivery] = await outbox();
    expect(delivery).toMatchObject({ sentAt: null, failedAt: null, error: "expected 2xx; got 500: out of order" });
    await send();
    expect(receiver.received).toHaveLength(1); // it is not due
    expect(await secondsToNext(db)).toBeGreaterThan(0);
    await later();
    await send();
    await later();
    await send();
    expect(new Set(receiver.received.map(({ headers }) => headers["x-ticketmark-delivery"])).size).toBe(1);
    expect((await outbox())[0]).toMatchObject({ attempts: 3, error: null });
    expect(await secondsToNext(db)).toBeNull();
  });

  it("is given up after ten attempts, from a minute to six hours apart", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    await openForWebhook();
    for (let attempt = 1; attempt <= 11; attempt++) {
      receiver.next("POST /hook", { status: 503 });
      await later();
      await send();
    }
    expect(receiver.received).toHaveLength(10);
    expect((await outbox())[0]).toMatchObject({ attempts: 10, sentAt: null, failedAt: expect.any(Date) });
    expect(said).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/^webhook alert\/.*: given up: .* 503/));
    said.mockRestore();
    const waits = Array.from({ length: 10 }, (_, i) => waitAfter(i + 1));
    expect([waits[0], waits[8], waits[9]]).toEqual([60, 6 * 3_600, null]);
    expect(waits.slice(0, 9)).toEqual(waits.slice(0, 9).toSorted((a, b) => a! - b!));
  });

  it("that hangs keeps nobody waiting for long", async () => {
    await openForWebhook();
    receiver.next("POST /hook", "hang");
    await send(20);
    expect((await outbox())[0]).toMatchObject({ sentAt: null, error: "expected an answer; none within 0.02 s" });
  });

  it("that hangs does not keep the site from stopping", async () => {
    await openForWebhook();
    const stopping = new AbortController();
    receiver.next("POST /hook", "hang");
    const sending = send(60_000, stopping.signal);
    await vi.waitUntil(() => receiver.received.length === 1);
    stopping.abort();
    await sending;
    expect((await outbox())[0]).toMatchObject({ sentAt: null, error: "expected an answer; the site was stopping" });
  });

  it("is not followed elsewhere", async () => {
    await openForWebhook();
    receiver.next("POST /hook", { status: 307, headers: { location: `${receiver.origin}/elsewhere` } });
    await send();
    expect(receiver.received.map(({ path }) => path)).toEqual(["/hook"]);
    expect((await outbox())[0]!.error).toMatch(/got 307: redirects are not followed/);
  });

  it("is read no further than is told", async () => {
    await openForWebhook();
    receiver.next("POST /hook", "endless");
    await send();
    expect((await outbox())[0]!.error).toMatch(/^expected 2xx; got 400: x{200}$/);
  });

  it("that is nowhere is a fault that names neither address nor secret", async () => {
    await openForWebhook();
    const nowhere = { ...env(), alerts: { url: "http://127.0.0.1:9/hidden", secret: SECRET } };
    await sendWaiting(db, nowhere, { timeoutMs: 10_000, signal: new AbortController().signal });
    const { error } = (await outbox())[0]!;
    expect(error).toMatch(/^expected an answer; /);
    expect(error).not.toMatch(/hidden|secret/);
  });
});

describe("GitHub", () => {
  it("gets a check run at the commit", async () => {
    const { id } = await openAlert(db, {
      commit,
      parent,
      findings: [slower(), behaviour({ name: "`a` | @octo <b>" })],
    });
    await send();
    const [check] = receiver.at(CHECKS);
    expect(check).toMatchObject({
      ...{ name: "ticketmark", head_sha: commit, status: "completed", conclusion: "failure" },
      details_url: `https://site.test/regressions/alerts/${id}`,
      output: {
        title: expect.stringMatching(/^between bbbbbbb and ccccccc: .* rose by 10\.2 %.*, and 1 other change$/),
      },
    });
    expect(check.output.summary).toContain("| other bits | `` other bits of `a` ¦ @octo <b>: from block 3");
    const { headers } = receiver.received.find(({ path }) => path.endsWith("/check-runs"))!;
    expect(headers).toMatchObject({
      ...{ authorization: "Bearer token of octo", accept: "application/vnd.github+json" },
      "x-github-api-version": "2022-11-28",
    });
  });

  it.each([403, 404])("gets a status where the token may make no check runs: %i", async (status) => {
    await openForGithub();
    receiver.next(CHECKS, { status, text: JSON.stringify({ message: "Resource not accessible" }) });
    await send();
    const [stated] = receiver.at(`POST ${REPOS}/statuses/${commit}`);
    expect(stated).toMatchObject({ context: "ticketmark", state: "failure" });
    expect(stated.description.length).toBeLessThanOrEqual(140);
    expect((await outbox())[0]!.sentAt).not.toBeNull();
  });

  it("is asked again later where it was asked too often: no status in its place", async () => {
    await openForGithub();
    receiver.next(CHECKS, { status: 403, headers: { "x-ratelimit-remaining": "0" } }, { status: 502 });
    await send();
    await later();
    await send();
    expect((await outbox())[0]).toMatchObject({ attempts: 2, sentAt: null });
    await later();
    await send();
    expect(receiver.received).toHaveLength(3);
    expect((await outbox())[0]!.sentAt).not.toBeNull();
  });

  it("is told of a pull request's try once, and of the next in the same comment", async () => {
    await finishTry();
    await send();
    expect(receiver.at(CHECKS)).toMatchObject([{ conclusion: "success", output: { title: "No change was found" } }]);
    expect(receiver.comments).toHaveLength(1);
    expect(receiver.comments[0]!.body).toMatch(/^<!-- ticketmark -->\n\n\*\*No change was found\*\*/);

    await finishTry({ state: "confirmed", findings: [slower()] });
    await send();
    expect(receiver.comments).toHaveLength(1);
    expect(receiver.comments[0]!.body).toContain("rose by 10.2 %");
    expect(receiver.at(CHECKS)[1]).toMatchObject({ conclusion: "failure" });
  });

  it("is not told that nothing was found where nothing was measured", async () => {
    await finishTry({ state: "abandoned", steps: [{ at: 0, text: "gave up: @octo **no** runner" }] });
    await send();
    expect(receiver.at(CHECKS)).toMatchObject([
      { conclusion: "neutral", output: { title: "Not measured to the end" } },
    ]);
    expect(receiver.comments[0]!.body).toContain("`gave up: @octo **no** runner`");
  });

  it("finds its comment far down, and leaves those of others alone", async () => {
    const by = (login: string, body: string) => ({
      id: receiver.comments.length + 1,
      body,
      user: { login, type: "User" },
    });
    receiver.comments.push(by("mallory", `${MARKER}\nlooks like ours`));
    while (receiver.comments.length < 230) receiver.comments.push(by("ada", "hello"));
    receiver.comments.push(by(ME, `${MARKER}\nours`), by(ME, `as ${MARKER} says`));
    await finishTry();
    await send();
    expect(receiver.comments).toHaveLength(232);
    expect(receiver.comments[0]!.body).toContain("looks like ours");
    expect(receiver.comments[230]!.body).toContain("No change was found");
    expect(receiver.received.filter(({ method, path }) => method === "GET" && path.startsWith(COMMENTS))).toHaveLength(
      3,
    );
  });

  it("of an app has its comments by a bot", async () => {
    receiver.next("GET /user", { status: 403 });
    receiver.comments.push({ id: 1, body: `${MARKER} mallory's`, user: { login: "mallory", type: "User" } });
    receiver.comments.push({ id: 2, body: `${MARKER} ours`, user: { login: "app[bot]", type: "Bot" } });
    await finishTry();
    await send();
    expect(receiver.comments.map(({ body }) => body.includes("No change"))).toEqual([false, true]);
  });

  it("gets a new comment where ours was taken away meanwhile", async () => {
    receiver.comments.push({ id: 1, body: `${MARKER} ours`, user: { login: ME, type: "User" } });
    receiver.next(`PATCH ${REPOS}/issues/comments/1`, { status: 404 });
    await finishTry();
    await send();
    expect(receiver.comments).toHaveLength(2);
  });

  it("that answers in no format of its own is asked again", async () => {
    await finishTry();
    receiver.next(FIRST_PAGE, { status: 200, text: "<html>" });
    await send();
    const comment = (await outbox()).find(({ target }) => target === "github-comment");
    expect(comment).toMatchObject({ sentAt: null, error: expect.stringContaining("GitHub's format") });
    expect(receiver.comments).toEqual([]);
  });

  it("hears the last word on a pull request alone, and of no try without one", async () => {
    await finishTry({ pull: null });
    expect(await outbox()).toEqual([]);
    await finishTry();
    await finishTry({ state: "confirmed", findings: [slower()] });
    const waiting = (await outbox()).map(({ target }) => target);
    expect(waiting).toEqual(["github-check", "github-check", "github-comment"]);
    await send();
    expect(receiver.at(`POST ${COMMENTS}`)).toHaveLength(1);
    expect(receiver.comments[0]!.body).toContain("rose by 10.2 %");
  });
});

it("a repository of GitHub's is one however it is written; any other is none", () => {
  const of = (repository: string | null, api = "https://api.github.com") =>
    githubOf({ github: { token: "t", api }, repository })?.repository ?? null;
  for (const address of [
    "https://github.com/octo/ticket.mark",
    "https://github.com/octo/ticket.mark.git",
    "https://user@GitHub.com/octo/ticket.mark/",
    "git@github.com:octo/ticket.mark.git",
    "ssh://git@github.com:22/octo/ticket.mark.git",
  ])
    expect(of(address), address).toBe("octo/ticket.mark");
  for (const address of [
    "https://gitlab.com/octo/x",
    "https://github.com/octo",
    "https://github.com/octo/x/y",
    "https://github.com/octo/..",
    "https://github.com.evil.test/octo/x",
    "/srv/octo/x",
    null,
  ])
    expect(of(address), String(address)).toBeNull();
  expect(of("https://git.corp.test/octo/x", "https://git.corp.test/api/v3")).toBe("octo/x");
  expect(githubOf({ github: null, repository: "https://github.com/octo/x" })).toBeNull();
});

it("two that send never take the same message", async () => {
  await addDelivery(db, { target: "webhook", about: "alert/a", revision: 1, body: {} });
  const taken = await Promise.all([takeDelivery(db), takeDelivery(db), takeDelivery(db)]);
  expect(taken.filter((delivery) => delivery !== null)).toHaveLength(1);
});

it("a target that is no longer set is told of in the outbox, and keeps no other waiting", async () => {
  await open();
  await sendWaiting(db, { ...env(), alerts: null }, { timeoutMs: 10_000, signal: new AbortController().signal });
  const [check, webhook] = await outbox();
  expect(check!.sentAt).not.toBeNull();
  expect(webhook).toMatchObject({ sentAt: null, error: expect.stringContaining("TICKETMARK_ALERT_URL") });
});

it("the site's notifier sends what waits when it is woken, what comes meanwhile, and no more once it was stopped", async () => {
  await openForWebhook();
  wakeNotifier();
  await vi.waitUntil(async () => (await outbox())[0]!.sentAt !== null, { timeout: 10_000 });
  await db.delete(alerts);
  await openForWebhook();
  wakeNotifier();
  wakeNotifier();
  await vi.waitUntil(async () => (await outbox()).every(({ sentAt }) => sentAt !== null), { timeout: 10_000 });
  expect(receiver.received).toHaveLength(2);
  await stopNotifier();
  await db.delete(alerts);
  await openForWebhook();
  wakeNotifier();
  await stopNotifier();
  expect(receiver.received).toHaveLength(2);
});
