/**
 * Results that must not get in. A key of the test's own is enrolled and takes real jobs; what it posts is made from a
 * real run, signed by core's own functions, and wrong in exactly one place. Nothing of it may be stored.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import {
  type ClaimedJob,
  canonicalJson,
  digestOf,
  digestOfJson,
  type Envelope,
  enrolMessage,
  fromBase64,
  type KeyPair,
  keyIdOf,
  MAX_JSON_BYTES,
  makeStatement,
  NUMERICS,
  newKeyPair,
  type Result,
  type Statement,
  sign,
  signStatement,
  toBase64,
} from "@ticketmark/core";
import { root } from "../start.mjs";
import { freePort, Site } from "./site.ts";
import { toySpec } from "./test.ts";

const KINDS = ["result", "ticket", "trained"] as const;
type Kind = (typeof KINDS)[number];
type Files = Record<Kind, Uint8Array<ArrayBuffer>>;

const key = newKeyPair();
let site: Site; // its own: the only runner here is the test
let bearer: string;
let files: Files;
let result: Result;

test.beforeAll(async () => {
  site = new Site(await freePort(), {});
  await site.start();
  const out = join(site.data, "by-hand");
  mkdirSync(out);
  const spec = join(out, "spec.json");
  writeFileSync(spec, JSON.stringify(toySpec(301)));
  const cli = join(root, "apps/runner/bin/ticketmark.js");
  const env = { ...process.env, NODE_OPTIONS: "", TICKETMARK_HOME: join(out, "home") };
  execFileSync(process.execPath, [cli, "run", spec, "--out", join(out, "run")], { env, stdio: "pipe" });
  const read = (name: string) => new Uint8Array(readFileSync(join(out, "run", name)));
  files = { result: read("result.json"), ticket: read("ticket.tkt"), trained: read("trained.tkt") };
  result = JSON.parse(new TextDecoder().decode(files.result));
  await enrolHere();
});

test.afterAll(async () => site.stop());

async function enrolHere() {
  const token = await site.enrolmentToken();
  const publicKey = toBase64(key.publicKey);
  const proof = toBase64(sign(enrolMessage(token, publicKey), key));
  const body = { token, name: "by hand", publicKey, proof, environment: result.environment };
  const reply = await send("POST", "/runners", JSON.stringify(body));
  expect(reply.status, reply.text).toBe(201);
  bearer = JSON.parse(reply.text).bearer;
}

async function send(method: string, path: string, body: BodyInit, headers: Record<string, string> = {}) {
  const response = await fetch(`${site.origin}/api/v1${path}`, {
    method,
    headers: { "content-type": "application/json", ...(bearer && { authorization: `Bearer ${bearer}` }), ...headers },
    body,
  });
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
}

/** Queues the spec that the files belong to, and claims it. */
async function claim(): Promise<ClaimedJob> {
  await site.queue(toySpec(301));
  return (await claimQueued())!;
}

async function claimQueued(): Promise<ClaimedJob | null> {
  const { environment } = result;
  const lease = toBase64(newKeyPair().publicKey); // random; whoever knows it holds the job
  const offer = { kinds: ["run"], engines: ["auto", "cpu"], environment, snapshots: [], lease, numerics: NUMERICS };
  const reply = await send("POST", "/claim", JSON.stringify(offer));
  expect(reply.status, reply.text).toBe(200);
  const { job } = JSON.parse(reply.text) as { job: ClaimedJob | null };
  if (job) expect(job.specDigest).toBe(result.specDigest);
  return job;
}

const announce = (job: ClaimedJob, kind: Kind, of = files[kind]) =>
  send(
    "POST",
    "/files",
    JSON.stringify({ job: job.id, lease: job.lease.token, digest: digestOf(of), kind, bytes: of.length }),
  );

const put = (job: ClaimedJob, digest: string, body: Uint8Array<ArrayBuffer>) =>
  send("PUT", `/files/${digest}`, body, {
    "content-type": "application/octet-stream",
    "ticketmark-job": job.id,
    "ticketmark-lease": job.lease.token,
  });

const fileUrl = (kind: Kind) => `${site.origin}/api/v1/files/${digestOf(files[kind])}`;

async function uploadAll(job: ClaimedJob, of: Files = files) {
  for (const kind of KINDS) {
    const announced = await announce(job, kind, of[kind]);
    expect(announced.status, announced.text).toBe(200);
    if (JSON.parse(announced.text).url === null) continue; // the site has it
    const stored = await put(job, digestOf(of[kind]), of[kind]);
    expect(stored.status, stored.text).toBe(200);
  }
}

function statementFor(job: ClaimedJob, of: Result = result, resultDigest = digestOf(files.result)): Statement {
  return makeStatement({
    result: of,
    resultDigest,
    job: { id: job.id, attempt: job.attempt, leaseNonce: job.lease.nonce, kind: job.kind },
    code: { commit: null, dirty: false, version: "0.1.0" },
    keyId: keyIdOf(key.publicKey),
  });
}

const submit = (job: ClaimedJob, envelope: Envelope) =>
  send("POST", `/jobs/${job.id}/result`, JSON.stringify({ lease: job.lease.token, envelope }));

const signed = (statement: Statement, by: KeyPair = key) => signStatement(statement, by);

async function giveBack(job: ClaimedJob) {
  await site.post(`/jobs/${job.id}/cancel`);
  const why = { lease: job.lease.token, reason: "cancelled", message: "", snapshotIteration: null };
  await send("POST", `/jobs/${job.id}/hand-back`, JSON.stringify(why));
}

function expectProblem(reply: { status: number; type: string | null; text: string }, titles: string[]) {
  expect(reply.type, reply.text).toContain("application/problem+json");
  const problem = JSON.parse(reply.text);
  expect(titles, reply.text).toContain(problem.title);
  expect(problem.status).toBe(reply.status);
  expect(problem.detail.length).toBeGreaterThan(20);
}

const forgeries: [name: string, titles: string[], (job: ClaimedJob) => Envelope][] = [
  [
    "one altered byte in the payload",
    ["bad-signature"],
    (job) => {
      const envelope = signed(statementFor(job));
      const payload = fromBase64(envelope.payload);
      payload[payload.length >> 1]! ^= 1;
      return { ...envelope, payload: toBase64(payload) };
    },
  ],
  [
    "one altered byte in the signature",
    ["bad-signature"],
    (job) => {
      const envelope = signed(statementFor(job));
      const sig = fromBase64(envelope.signatures[0]!.sig);
      sig[10]! ^= 1;
      return { ...envelope, signatures: [{ ...envelope.signatures[0]!, sig: toBase64(sig) }] };
    },
  ],
  ["an unknown key", ["bad-signature"], (job) => signed(statementFor(job), newKeyPair())],
  [
    "an unknown key under the known key's id",
    ["bad-signature"],
    (job) => {
      const envelope = signed(statementFor(job), newKeyPair());
      return { ...envelope, signatures: [{ ...envelope.signatures[0]!, keyid: keyIdOf(key.publicKey) }] };
    },
  ],
  [
    "another lease's nonce",
    ["bad-statement"],
    (job) => signed(statementFor({ ...job, lease: { ...job.lease, nonce: "n".repeat(job.lease.nonce.length) } })),
  ],
  [
    "another job's id",
    ["bad-statement"],
    (job) => signed(statementFor({ ...job, id: "00000000-0000-4000-8000-000000000000" })),
  ],
  [
    "another spec",
    ["bad-statement"],
    (job) => signed(statementFor(job, { ...result, specDigest: digestOfJson("another") })),
  ],
  [
    "a result file that was never uploaded",
    ["bad-statement", "bad-file"],
    (job) => signed(statementFor(job, result, digestOfJson("no such file"))),
  ],
  [
    "better metrics than the result file's",
    ["bad-statement", "bad-file"],
    (job) => {
      const accuracy = { ...result.accuracy!, last: { ...result.accuracy!.last, correct: 200 } };
      return signed(statementFor(job, { ...result, accuracy }));
    },
  ],
];

for (const [name, titles, forge] of forgeries) {
  test(`refused: ${name}`, async () => {
    const job = await claim();
    const before = await site.stored();
    await uploadAll(job);
    for (const kind of KINDS) expect((await fetch(fileUrl(kind))).status).toBe(404); // nobody vouches for it yet
    expectProblem(await submit(job, forge(job)), titles);
    expect(await site.stored()).toEqual(before);
    expect((await site.job(job.id)).state).toBe("running");
    await giveBack(job);
  });
}

test("refused: files that are truncated, altered or longer than announced", async () => {
  const job = await claim();
  // A file of its own, so that the site cannot have it from another test.
  const ticket = new Uint8Array([...files.ticket, 0]);
  const digest = digestOf(ticket);
  const before = await site.stored();
  expect((await announce(job, "ticket", ticket)).status).toBe(200);
  expectProblem(await put(job, digest, ticket.subarray(0, ticket.length - 1)), ["bad-file"]);
  expectProblem(await put(job, digest, new Uint8Array([...ticket, 1])), ["bad-file", "too-large"]);
  const altered = ticket.slice();
  altered[7]! ^= 1;
  expectProblem(await put(job, digest, altered), ["bad-file"]);
  expectProblem(await put(job, digestOfJson("not announced"), ticket), ["bad-request", "conflict", "not-found"]);
  expect(await site.stored()).toEqual(before);
  await giveBack(job);
});

test("refused: an envelope larger than the server reads, and one cut short", async () => {
  const job = await claim();
  const before = await site.stored();
  await uploadAll(job);
  const body = JSON.stringify({ lease: job.lease.token, envelope: signed(statementFor(job)) });
  const path = `/jobs/${job.id}/result`;
  expectProblem(await send("POST", path, body + " ".repeat(MAX_JSON_BYTES)), ["too-large"]);
  expectProblem(await send("POST", path, body.slice(0, -20)), ["bad-request"]);
  await giveBack(job); // neither was a submission: until now the files were waited for
  expect(await site.stored()).toEqual(before);
});

test("stored, but never checked: an accuracy that the trained net does not have", async ({ page }) => {
  const job = await claim();
  // A lie that agrees with itself: the curve ends with it, and it is the best.
  const { curves } = result;
  const last = { ...result.accuracy!.last, correct: 200 };
  const accuracy = { ...result.accuracy!, last, best: { score: last, iteration: curves.iteration.at(-1)! } };
  const claimed = { ...result, accuracy, curves: { ...curves, testAccuracy: curves.testAccuracy.with(-1, 1) } };
  const bytes = new TextEncoder().encode(canonicalJson(claimed));
  await uploadAll(job, { ...files, result: bytes });
  const reply = await submit(job, signed(statementFor(job, claimed, digestOf(bytes))));
  expect(reply.status, reply.text).toBe(200); // signed by whom it says; only recomputing shows the lie
  const { resultId } = JSON.parse(reply.text);
  await expect.poll(async () => (await site.get(`/results/${resultId}`)).check?.ok, { timeout: 30_000 }).toBe(false);
  expect((await site.get(`/results/${resultId}`)).level).toBe("signed");
  await page.goto(`${site.origin}/results/${resultId}`);
  await expect(page.locator("main")).toContainText(/not equal/i);
});

test("stored once: the same envelope twice; another one for the same job is refused", async () => {
  const job = await claim();
  await uploadAll(job);
  const envelope = signed(statementFor(job));
  const first = await submit(job, envelope);
  expect(first.status, first.text).toBe(200);
  const { resultId } = JSON.parse(first.text);
  await expect.poll(async () => (await site.get(`/results/${resultId}`)).level, { timeout: 30_000 }).toBe("checked");

  const before = await site.stored();
  const second = await submit(job, envelope);
  expect(second.status, second.text).toBe(200);
  expect(JSON.parse(second.text).resultId).toBe(resultId);
  const other = statementFor(job);
  const changed = { ...other, predicate: { ...other.predicate, code: { ...other.predicate.code, dirty: true } } };
  expectProblem(await submit(job, signed(changed)), ["conflict"]);
  expect(await site.stored()).toEqual(before);
});

test("stored: a late result, though another lease has the job by now; that one hears of it", async () => {
  await site.stop();
  site = new Site(await freePort(), { TICKETMARK_LEASE_SECONDS: "1" });
  await site.start();
  await enrolHere();
  const late = await claim();
  let next: ClaimedJob | null = null;
  await expect.poll(async () => (next ??= await claimQueued())?.id).toBe(late.id);
  await uploadAll(late);
  const reply = await submit(late, signed(statementFor(late)));
  expect(reply.status, reply.text).toBe(200);
  expect(await site.job(late.id)).toMatchObject({ state: "done" });
  const beat = JSON.stringify({ lease: next!.lease.token, progress: null });
  expectProblem(await send("POST", `/jobs/${late.id}/heartbeat`, beat), ["lease-lost"]);
  expect((await site.get("/results")).results).toHaveLength(1);
});
