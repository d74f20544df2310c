/** The API's route handlers, called as Next calls them, on a real database with a real run's files. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ClaimedJob,
  canonicalBytes,
  digestOf,
  digestOfJson,
  type Envelope,
  enrolMessage,
  fromBase64,
  type KeyPair,
  keyIdOf,
  MAX_JSON_BYTES,
  makeStatement,
  newKeyPair,
  parseSpec,
  type Result,
  type SpecInput,
  type Statement,
  sign,
  signStatement,
  toBase64,
} from "@ticketmark/core";
import { type JobOutput, runJob } from "@ticketmark/core/run";
import { wasmEngine } from "@ticketmark/core/verify";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import * as nowhere from "./app/api/[...path]/route.ts";
import * as claims from "./app/api/v1/claim/route.ts";
import * as enrolmentTokens from "./app/api/v1/enrolment-tokens/route.ts";
import * as file from "./app/api/v1/files/[digest]/route.ts";
import * as files from "./app/api/v1/files/route.ts";
import * as cancel from "./app/api/v1/jobs/[id]/cancel/route.ts";
import * as handBack from "./app/api/v1/jobs/[id]/hand-back/route.ts";
import * as heartbeat from "./app/api/v1/jobs/[id]/heartbeat/route.ts";
import * as jobResult from "./app/api/v1/jobs/[id]/result/route.ts";
import * as job from "./app/api/v1/jobs/[id]/route.ts";
import * as jobs from "./app/api/v1/jobs/route.ts";
import * as envelopes from "./app/api/v1/results/[id]/envelope/route.ts";
import * as result from "./app/api/v1/results/[id]/route.ts";
import * as results from "./app/api/v1/results/route.ts";
import * as runners from "./app/api/v1/runners/route.ts";
import * as suites from "./app/api/v1/suites/[id]/route.ts";
import { stopChecker } from "./check/checker.ts";
import { closeDatabase, db } from "./db/client.ts";
import { clear, environment } from "./db/test-databases.ts";
import { addFirstMaintainer, addSession } from "./db/tokens.ts";
import { hashSecret, newSecret } from "./secret.ts";

const data = mkdtempSync(join(tmpdir(), "ticketmark-api-"));
const root = join(import.meta.dirname, "../..");
const key = newKeyPair();
const maintainer = newSecret();
const spec: SpecInput = { dataset: "toy", model: "mlp-tiny", method: "l1", sparsity: 0.5, recipe: { epochs: 1 } };
let run: JobOutput;
let bearer: string;

beforeAll(async () => {
  Object.assign(process.env, { POSTGRES_URL: "pglite:memory", TICKETMARK_DATA: data });
  execFileSync(process.execPath, ["--import", "tsx", join(root, "packages/core/src/engine/cpu/node/build.ts")]);
  run = await realRun(spec);
});
afterAll(async () => {
  await stopChecker();
  await closeDatabase();
  rmSync(data, { recursive: true, force: true });
});
beforeEach(async () => {
  await clear(await db());
  await addFirstMaintainer(await db(), hashSecret(maintainer));
  bearer = JSON.parse((await enrol(await enrolmentToken())).text).bearer;
});

async function realRun(input: SpecInput): Promise<JobOutput> {
  const engine = await wasmEngine(new Uint8Array(readFileSync(join(root, "packages/core/build/kernels.wasm"))));
  let now = 0;
  const output = await runJob(parseSpec(input), {
    engine,
    environment,
    read: async () => new Uint8Array(), // the toy set is made, not read
    now: () => (now += 1),
  });
  if (output === "stopped") throw new Error("nobody stops it");
  return output;
}

type Routes = Partial<Record<string, (request: Request, context: { params: Promise<unknown> }) => Promise<Response>>>;
interface Call {
  readonly id?: string;
  readonly digest?: string;
  readonly path?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

async function call(routes: Routes, method: string, { path = "/", body, headers, ...params }: Call = {}) {
  const raw = body instanceof Uint8Array || typeof body === "string" ? body : JSON.stringify(body);
  const request = new Request(`http://site.test/api/v1${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    body: raw as BodyInit | undefined,
  });
  const response = await routes[method]!(request, { params: Promise.resolve(params) });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
type Reply = Awaited<ReturnType<typeof call>>;

const asMaintainer = { authorization: `Bearer ${maintainer}` };
const asRunner = () => ({ authorization: `Bearer ${bearer}` });

const enrolmentToken = async (): Promise<string> =>
  JSON.parse((await call(enrolmentTokens, "POST", { headers: asMaintainer })).text).token;

function enrol(token: string, by: KeyPair = key, proofBy: KeyPair = by): Promise<Reply> {
  const publicKey = toBase64(by.publicKey);
  const proof = toBase64(sign(enrolMessage(token, publicKey), proofBy));
  return call(runners, "POST", { body: { token, name: "tests", publicKey, proof, environment } });
}

async function queue(input: SpecInput = spec): Promise<string> {
  const reply = await call(jobs, "POST", { body: { spec: input }, headers: asMaintainer });
  expect(reply.status, reply.text).toBe(201);
  return JSON.parse(reply.text).id;
}

async function take(): Promise<ClaimedJob> {
  const body = { kinds: ["run"], engines: ["auto", "cpu"], environment, snapshots: [] };
  const reply = await call(claims, "POST", { body, headers: asRunner() });
  expect(reply.status, reply.text).toBe(200);
  return JSON.parse(reply.text).job;
}

type Named = Record<"result" | "ticket" | "trained", Uint8Array | null>;

const announce = (held: ClaimedJob, kind: string, bytes: Uint8Array) =>
  call(files, "POST", {
    body: { job: held.id, lease: held.lease.token, digest: digestOf(bytes), kind, bytes: bytes.length },
    headers: asRunner(),
  });

const put = (held: ClaimedJob, digest: string, bytes: Uint8Array) =>
  call(file, "PUT", {
    digest,
    body: bytes,
    headers: { ...asRunner(), "ticketmark-job": held.id, "ticketmark-lease": held.lease.token },
  });

async function upload(held: ClaimedJob, named: Named = run.files): Promise<void> {
  for (const [kind, bytes] of Object.entries(named)) {
    if (!bytes) continue;
    const announced = await announce(held, kind, bytes);
    expect(announced.status, announced.text).toBe(200);
    if (JSON.parse(announced.text).url === null) continue;
    const stored = await put(held, digestOf(bytes), bytes);
    expect(stored.status, stored.text).toBe(200);
  }
}

const statement = (held: ClaimedJob, of: Result = run.result, resultDigest = digestOf(run.files.result)): Statement =>
  makeStatement({
    result: of,
    resultDigest,
    job: { id: held.id, attempt: held.attempt, leaseNonce: held.lease.nonce },
    code: { commit: null, dirty: false, version: "0.1.0" },
    keyId: keyIdOf(key.publicKey),
  });

const submit = (held: ClaimedJob, envelope: Envelope) =>
  call(jobResult, "POST", { id: held.id, body: { lease: held.lease.token, envelope }, headers: asRunner() });

/** Everything that refusing must leave as it was. */
async function stored() {
  const list = JSON.parse((await call(results, "GET", { path: "/results" })).text).results;
  return { results: list, files: readdirSync(join(data, "files"), { recursive: true }).sort() };
}

function expectProblem(reply: Reply, status: number, title: string, detail = ""): void {
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
  expect(JSON.parse(reply.text)).toMatchObject({ status, title, detail: expect.stringContaining(detail) });
  expect(reply.status).toBe(status);
}

const untilChecked = (id: string) =>
  vi.waitFor(
    async () => {
      const found = JSON.parse((await call(result, "GET", { id })).text);
      expect(found.check).not.toBeNull();
      return found;
    },
    { timeout: 20_000 },
  );

describe("enrolment", () => {
  it("takes a token once, and the same runner again", async () => {
    const token = await enrolmentToken();
    const other = newKeyPair();
    const first = await enrol(token, other);
    expect(first.status).toBe(201);
    expect(JSON.parse(first.text)).toMatchObject({ keyId: keyIdOf(other.publicKey) });
    const again = JSON.parse((await enrol(token, other)).text);
    expect(again.runnerId).toBe(JSON.parse(first.text).runnerId);
    expectProblem(await enrol(token, newKeyPair()), 401, "unauthorized", "another runner");
  });

  it("wants a token that was made and a proof by the key", async () => {
    expectProblem(await enrol(newSecret()), 401, "unauthorized");
    expectProblem(await enrol(await enrolmentToken(), newKeyPair(), newKeyPair()), 400, "bad-signature");
  });

  it("stops listening to an address after twenty wrong tokens", async () => {
    const guess = () =>
      call(enrolmentTokens, "POST", {
        headers: { authorization: `Bearer ${newSecret()}`, "x-forwarded-for": "203.0.113.9" },
      });
    for (let n = 0; n < 20; n++) expectProblem(await guess(), 401, "unauthorized");
    expectProblem(await guess(), 429, "too-many-requests");
    expect((await call(enrolmentTokens, "POST", { headers: asMaintainer })).status).toBe(201);
  });
});

describe("maintainers", () => {
  const sessionHeaders = async () => {
    const session = newSecret();
    await addSession(await db(), hashSecret(session), hashSecret(maintainer));
    return { cookie: `theme=dark; ticketmark-session=${session}`, host: "site.test" };
  };

  it("queue jobs from this site's pages, not from another site's", async () => {
    const headers = await sessionHeaders();
    const post = (more: Record<string, string>) =>
      call(jobs, "POST", { body: { spec }, headers: { ...headers, ...more } });
    expect((await post({ "sec-fetch-site": "same-origin" })).status).toBe(201);
    expect((await post({ origin: "http://site.test" })).status).toBe(201);
    expectProblem(await post({ "sec-fetch-site": "cross-site" }), 403, "forbidden");
    expectProblem(await post({ "sec-fetch-site": "same-site" }), 403, "forbidden");
    expectProblem(await post({ origin: "http://evil.test" }), 403, "forbidden");
    expectProblem(await post({}), 403, "forbidden");
  });

  it("are nobody without a token, and a runner is none", async () => {
    for (const [routes, params] of [
      [jobs, {}],
      [suites, { id: "quickstart" }],
      [enrolmentTokens, {}],
      [cancel, { id: await queue() }],
    ] as const) {
      expectProblem(await call(routes, "POST", { body: {}, ...params }), 401, "unauthorized");
      expectProblem(await call(routes, "POST", { body: {}, ...params, headers: asRunner() }), 401, "unauthorized");
    }
  });

  it("hear every fault of a spec", async () => {
    const bad = { ...spec, sparsity: 2, seed: -1 };
    const reply = await call(jobs, "POST", { body: { spec: bad }, headers: asMaintainer });
    expectProblem(reply, 400, "bad-spec", "sparsity");
    expect(reply.text).toContain("seed");
  });

  it("queue a suite once", async () => {
    const post = () => call(suites, "POST", { id: "quickstart", headers: asMaintainer });
    const first = JSON.parse((await post()).text);
    expect(first).toMatchObject({ suite: "quickstart", existing: 0 });
    expect(first.queued).toBeGreaterThan(10);
    expect(JSON.parse((await post()).text)).toEqual({ suite: "quickstart", queued: 0, existing: first.queued });
    expectProblem(await call(suites, "POST", { id: "none", headers: asMaintainer }), 404, "not-found");
  });
});

describe("a job's way", () => {
  it("goes from the queue through a runner to a checked result that anyone can read", async () => {
    const id = await queue();
    const held = await take();
    expect(held).toMatchObject({ id, attempt: 1, kind: "run", specDigest: run.result.specDigest });
    const progress = {
      phase: 0,
      phaseName: "dense training",
      iteration: 5,
      iterations: 50,
      loss: 1,
      accuracy: null,
      iterationsPerSecond: 9,
    };
    const beat = await call(heartbeat, "POST", {
      id,
      body: { lease: held.lease.token, progress },
      headers: asRunner(),
    });
    expect(JSON.parse(beat.text)).toEqual({ command: "continue", seconds: 15 });
    const seen = JSON.parse((await call(job, "GET", { id })).text);
    expect(seen).toMatchObject({
      state: "running",
      progress,
      runner: { name: "tests" },
      plan: { finalIterations: 25 },
    });
    for (const secret of [held.lease.token, hashSecret(held.lease.token), held.lease.nonce])
      expect(JSON.stringify(seen)).not.toContain(secret);

    await upload(held);
    const envelope = signStatement(statement(held), key);
    const first = await submit(held, envelope);
    expect(first.status, first.text).toBe(200);
    const { resultId } = JSON.parse(first.text);
    expect(JSON.parse((await call(job, "GET", { id })).text)).toMatchObject({ state: "done", resultId });

    const found = await untilChecked(resultId);
    expect(found).toMatchObject({
      level: "checked",
      check: { ok: true, message: "", last: run.result.accuracy!.last, afterCut: run.result.accuracy!.afterCut },
      metrics: { accuracy: run.result.accuracy },
      result: run.result,
      keyId: keyIdOf(key.publicKey),
    });
    const bytes = await call(envelopes, "GET", { id: resultId });
    expect(digestOf(new TextEncoder().encode(bytes.text))).toBe(found.envelopeDigest);
    expect(JSON.parse(bytes.text)).toEqual(envelope);
    const resultFile = await call(file, "GET", { digest: found.resultDigest });
    expect(resultFile.text).toBe(new TextDecoder().decode(run.files.result));
    expect(resultFile.headers.get("cache-control")).toContain("immutable");

    const before = await stored();
    const again = await submit(held, envelope); // the reply was lost
    expect([again.status, JSON.parse(again.text).resultId]).toEqual([200, resultId]);
    await upload(held); // files are announced before the envelope is posted again
    const changed = statement(held);
    changed.predicate.code.dirty = true;
    expectProblem(await submit(held, signStatement(changed, key)), 409, "conflict");
    expect(await stored()).toEqual(before);
  });

  it("stores a result once when it is posted twice at once", async () => {
    await queue();
    const held = await take();
    await upload(held);
    const envelope = signStatement(statement(held), key);
    const replies = await Promise.all([submit(held, envelope), submit(held, envelope)]);
    expect(replies.map((reply) => reply.status)).toEqual([200, 200]);
    expect(new Set(replies.map((reply) => JSON.parse(reply.text).resultId)).size).toBe(1);
    expect((await stored()).results).toHaveLength(1);
  });

  it("keeps a diverged run, and says that there is nothing to recompute", async () => {
    const wild: SpecInput = { ...spec, recipe: { epochs: 1, learningRate: [{ epoch: 0, value: 1_000 }] } };
    const diverged = await realRun(wild);
    expect(diverged.result.outcome).toBe("diverged");
    await queue(wild);
    const held = await take();
    await upload(held, diverged.files);
    const signed = statement(held, diverged.result, digestOf(diverged.files.result));
    const reply = await submit(held, signStatement(signed, key));
    expect(reply.status, reply.text).toBe(200);
    expect(await untilChecked(JSON.parse(reply.text).resultId)).toMatchObject({
      outcome: "diverged",
      level: "signed",
      check: { ok: null },
    });
  });

  it("leaves a result at signed when the trained net has another accuracy than it claims", async () => {
    const accuracy = structuredClone(run.result.accuracy!);
    accuracy.last.correct -= 1;
    const claimed: Result = { ...run.result, accuracy };
    const bytes = canonicalBytes(claimed);
    await queue();
    const held = await take();
    await upload(held, { ...run.files, result: bytes });
    const reply = await submit(held, signStatement(statement(held, claimed, digestOf(bytes)), key));
    expect(reply.status, reply.text).toBe(200);
    const found = await untilChecked(JSON.parse(reply.text).resultId);
    expect(found).toMatchObject({ level: "signed", check: { ok: false, last: run.result.accuracy!.last } });
    expect(found.check.message).toContain(`${accuracy.last.correct} of 200`);
  });

  it("ends by cancel and hand-back", async () => {
    const id = await queue();
    const held = await take();
    expect((await call(cancel, "POST", { id, headers: asMaintainer })).status).toBe(200);
    const beat = { lease: held.lease.token, progress: null };
    expect(JSON.parse((await call(heartbeat, "POST", { id, body: beat, headers: asRunner() })).text).command).toBe(
      "cancel",
    );
    const why = { lease: held.lease.token, reason: "cancelled", message: "", snapshotIteration: null };
    expect((await call(handBack, "POST", { id, body: why, headers: asRunner() })).status).toBe(200);
    expect(JSON.parse((await call(job, "GET", { id })).text).state).toBe("cancelled");
    expectProblem(await submit(held, signStatement(statement(held), key)), 409, "lease-lost", "cancelled");
  });
});

const forgeries: [name: string, title: string, forge: (held: ClaimedJob) => Envelope][] = [
  ["one altered byte", "bad-signature", (held) => alter(signStatement(statement(held), key))],
  ["an unknown key", "bad-signature", (held) => signStatement(statement(held), newKeyPair())],
  [
    "a wrong nonce",
    "bad-statement",
    (held) => signStatement(statement({ ...held, lease: { ...held.lease, nonce: newSecret() } }), key),
  ],
  ["another job", "bad-statement", (held) => signStatement(statement({ ...held, id: crypto.randomUUID() }), key)],
  ["another attempt", "bad-statement", (held) => signStatement(statement({ ...held, attempt: 2 }), key)],
  [
    "a result file that is not there",
    "bad-file",
    (held) => signStatement(statement(held, run.result, digestOfJson("none")), key),
  ],
];

function alter(envelope: Envelope): Envelope {
  const payload = fromBase64(envelope.payload);
  payload[payload.length >> 1]! ^= 1;
  return { ...envelope, payload: toBase64(payload) };
}

describe("refused, and nothing is stored", () => {
  for (const [name, title, forge] of forgeries) {
    it(name, async () => {
      const id = await queue();
      const held = await take();
      await upload(held);
      const before = await stored();
      expectProblem(await submit(held, forge(held)), 400, title);
      expect(await stored()).toEqual(before);
      expect(JSON.parse((await call(job, "GET", { id })).text).state).toBe("running");
    });
  }

  it("a result under a lease that another runner has now", async () => {
    await queue();
    const held = await take();
    await upload(held);
    const stranger = { ...held, lease: { ...held.lease, token: newSecret() } };
    expectProblem(await submit(stranger, signStatement(statement(held), key)), 409, "lease-lost");
    expectProblem(await announce(stranger, "ticket", run.files.ticket!), 409, "lease-lost");
    expectProblem(await put(stranger, digestOf(run.files.ticket!), run.files.ticket!), 409, "lease-lost");
    expect((await stored()).results).toEqual([]);
  });

  it("files that are truncated, too long, altered or not announced", async () => {
    await queue();
    const held = await take();
    const bytes = crypto.getRandomValues(new Uint8Array(10_000));
    const digest = digestOf(bytes);
    expectProblem(await put(held, digest, bytes), 409, "conflict", "announcement");
    expect(JSON.parse((await announce(held, "ticket", bytes)).text)).toEqual({ url: `/api/v1/files/${digest}` });
    const before = await stored();
    expectProblem(await put(held, digest, bytes.subarray(1)), 400, "bad-file", "9999");
    expectProblem(await put(held, digest, new Uint8Array([...bytes, 0])), 413, "too-large");
    expectProblem(
      await put(
        held,
        digest,
        bytes.map((byte, i) => (i === 77 ? byte ^ 1 : byte)),
      ),
      400,
      "bad-file",
      digest,
    );
    expectProblem(await call(file, "GET", { digest }), 404, "not-found");
    expectProblem(await call(file, "GET", { digest: "../../maintainer-token" }), 404, "not-found");
    expect(await stored()).toEqual(before);
    expect((await put(held, digest, bytes)).status).toBe(200);
    expect(JSON.parse((await announce(held, "ticket", bytes)).text)).toEqual({ url: null });
  });

  it("bodies that are too large, cut short, of another type, or hold what is no text", async () => {
    await queue();
    const held = await take();
    const body = JSON.stringify({ lease: held.lease.token, envelope: signStatement(statement(held), key) });
    const post = (body: string, headers = {}) =>
      call(jobResult, "POST", { id: held.id, body, headers: { ...asRunner(), ...headers } });
    expectProblem(await post(body + " ".repeat(MAX_JSON_BYTES)), 413, "too-large");
    expectProblem(await post(body.slice(0, -9)), 400, "bad-request", "JSON");
    expectProblem(await post(body, { "content-type": "text/plain" }), 400, "bad-request", "content-type");
    expectProblem(await post("{}"), 400, "bad-request", "lease");
    const why = { lease: held.lease.token, reason: "fault", message: "a\u0000b", snapshotIteration: null };
    expectProblem(await call(handBack, "POST", { id: held.id, body: why, headers: asRunner() }), 400, "bad-request");
    expect((await stored()).results).toEqual([]);
  });
});

describe("public JSON", () => {
  it("comes in pages with opaque cursors", async () => {
    const ids = [await queue(), await queue(), await queue()].reverse();
    const page = async (query: string) => JSON.parse((await call(jobs, "GET", { path: `/jobs?${query}` })).text);
    const first = await page("limit=2");
    const second = await page(`limit=2&after=${first.next}`);
    expect([...first.jobs, ...second.jobs].map(({ id }) => id)).toEqual(ids);
    expect(second.next).toBeNull();
    expect((await page("state=done")).jobs).toEqual([]);
    for (const query of ["limit=0", "limit=201", "limit=x", "after=%00", "after=1", "state=none"])
      expectProblem(await call(jobs, "GET", { path: `/jobs?${query}` }), 400, "bad-request");
  });

  it("answers 304 to who has it, and anything else anew", async () => {
    const first = await call(jobs, "GET", { path: "/jobs" });
    const etag = first.headers.get("etag")!;
    const ask = (tag: string) => call(jobs, "GET", { path: "/jobs", headers: { "if-none-match": tag } });
    expect(await ask(etag)).toMatchObject({ status: 304, text: "" });
    expect((await ask(`"x", W/${etag}`)).status).toBe(304);
    expect((await ask('"x"')).status).toBe(200);
    await queue();
    expect((await ask(etag)).status).toBe(200);
    expect(first.headers.get("access-control-allow-origin")).toBe("*");
  });

  it("says what is not there and what cannot be done", async () => {
    for (const routes of [job, result, envelopes]) {
      expectProblem(await call(routes, "GET", { id: "7" }), 404, "not-found");
      expectProblem(await call(routes, "GET", { id: crypto.randomUUID() }), 404, "not-found");
    }
    expectProblem(await call(results, "DELETE"), 405, "method-not-allowed", "GET");
    expectProblem(await call(nowhere, "POST", { path: "/none" }), 404, "not-found", "/api/v1/none");
  });
});
