/** Results on their way in: real runs through the routes to a checked row; forged ones, refused without a trace. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ClaimedJob,
  canonicalBytes,
  digestOf,
  digestOfJson,
  type Envelope,
  fromBase64,
  keyIdOf,
  MAX_JSON_BYTES,
  NUMERICS,
  newKeyPair,
  parseSpec,
  type Result,
  type SpecInput,
  signStatement,
  toBase64,
} from "@ticketmark/core";
import { type JobOutput, runJob } from "@ticketmark/core/run";
import { wasmEngine } from "@ticketmark/core/verify";
import { beforeAll, describe, expect, it, vi } from "vitest";
import * as file from "../app/api/v1/files/[digest]/route.ts";
import * as cancel from "../app/api/v1/jobs/[id]/cancel/route.ts";
import * as handBack from "../app/api/v1/jobs/[id]/hand-back/route.ts";
import * as heartbeat from "../app/api/v1/jobs/[id]/heartbeat/route.ts";
import * as jobResult from "../app/api/v1/jobs/[id]/result/route.ts";
import * as job from "../app/api/v1/jobs/[id]/route.ts";
import * as envelopes from "../app/api/v1/results/[id]/envelope/route.ts";
import * as result from "../app/api/v1/results/[id]/route.ts";
import * as drain from "../app/api/v1/runners/[id]/drain/route.ts";
import * as resume from "../app/api/v1/runners/[id]/resume/route.ts";
import * as revoke from "../app/api/v1/runners/[id]/revoke/route.ts";
import { db } from "../db/client.ts";
import { announcements, jobs, runners } from "../db/schema.ts";
import { environment } from "../db/test-databases.ts";
import { hashSecret, newSecret } from "../secret.ts";
import {
  announce,
  ask,
  asMaintainer,
  asRunner,
  call,
  expectProblem,
  key,
  type Named,
  prepareApi,
  put,
  queue,
  spec,
  statement as statementOf,
  stored,
  submit,
  take,
  upload as uploadFiles,
} from "../test-api.ts";

const root = join(import.meta.dirname, "../../..");
let run: JobOutput;

beforeAll(async () => {
  const data = mkdtempSync(join(tmpdir(), "ticketmark-submission-"));
  Object.assign(process.env, { POSTGRES_URL: "pglite:memory", TICKETMARK_DATA: data });
  execFileSync(process.execPath, ["--import", "tsx", join(root, "packages/core/src/engine/cpu/node/build.ts")]);
  run = await realRun(spec);
});
prepareApi();

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

/** The real run's, unless told otherwise. */
const statement = (held: ClaimedJob, of: Result = run.result, digest = digestOf(run.files.result)) =>
  statementOf(held, of, digest);
const upload = (held: ClaimedJob, named: Named = run.files) => uploadFiles(held, named);

const expire = async () => (await db()).update(jobs).set({ leaseExpiresAt: new Date(0) });

const untilChecked = (id: string) =>
  vi.waitFor(
    async () => {
      const found = JSON.parse((await call(result, "GET", { id })).text);
      expect(found.check).not.toBeNull();
      return found;
    },
    { timeout: 20_000 },
  );

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
    accuracy.last.correct += 1;
    accuracy.best = { score: accuracy.last, iteration: run.result.curves.iteration.at(-1)! };
    const curves = structuredClone(run.result.curves); // a forger would not forget them
    curves.testAccuracy[curves.testAccuracy.length - 1] = accuracy.last.correct / accuracy.last.total;
    const claimed: Result = { ...run.result, accuracy, curves };
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

  it("gives the same job to a claim whose reply was lost", async () => {
    const id = await queue();
    await queue();
    const token = newSecret();
    const first = await take(token);
    expect([first.id, first.lease.token]).toEqual([id, token]);
    expect(await take(token)).toEqual(first);
    expect((await take()).id).not.toBe(id);
  });

  it("ends by a late result too, when another has claimed the job: what it brought is dropped", async () => {
    await queue();
    const late = await take();
    await expire();
    const now = await take();
    expect(now).toMatchObject({ id: late.id, attempt: 2 });
    await upload(now);
    await upload(late);
    const reply = await submit(late, signStatement(statement(late), key));
    expect(reply.status, reply.text).toBe(200);
    const beat = { lease: now.lease.token, progress: null };
    expectProblem(await call(heartbeat, "POST", { id: now.id, body: beat, headers: asRunner() }), 409, "lease-lost");
    expectProblem(await submit(now, signStatement(statement(now), key)), 409, "conflict");
    expect((await stored()).files.filter((path) => path.includes("pending"))).toEqual([]);
  });

  it("sends no job to an old or a drained runner, and says why", async () => {
    const id = await queue();
    expect(await ask({ numerics: NUMERICS - 1 })).toMatchObject({ job: null, command: "update" });
    const [runner] = await (await db()).select().from(runners);
    const tell = (routes: typeof drain) => call(routes, "POST", { id: runner!.id, headers: asMaintainer });
    expect((await tell(drain)).status).toBe(200);
    expect(await ask()).toMatchObject({ job: null, command: "drain" });
    expect((await tell(resume)).status).toBe(200);
    const { job: held, command } = await ask({ numerics: NUMERICS + 1 });
    expect([held?.id, command]).toEqual([id, "continue"]);
    expect((await tell(revoke)).status).toBe(200);
    const beat = { lease: held!.lease.token, progress: null };
    expectProblem(await call(heartbeat, "POST", { id, body: beat, headers: asRunner() }), 403, "forbidden", "revoked");
    expect(JSON.parse((await call(job, "GET", { id })).text).state).toBe("queued");
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
      const before = await stored();
      await upload(held);
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

  it("files, until a result names them, and longer ones than such a job can have", async () => {
    await queue();
    const held = await take();
    const before = await stored();
    await upload(held);
    for (const bytes of Object.values(run.files))
      expectProblem(await call(file, "GET", { digest: digestOf(bytes!) }), 404, "not-found");
    for (const kind of ["result", "ticket", "trained"])
      expectProblem(await announce(held, kind, new Uint8Array(9 << 20)), 413, "too-large", kind);
    const others = Array.from({ length: 3 }, () => crypto.getRandomValues(new Uint8Array(1_000)));
    for (const other of others) await upload(held, { result: null, ticket: other, trained: null });
    expect((await stored()).files).toHaveLength(before.files.length + 3); // the announcement that was changed took its file along
    const why = { lease: held.lease.token, reason: "stopping", message: "", snapshotIteration: null };
    expect((await call(handBack, "POST", { id: held.id, body: why, headers: asRunner() })).status).toBe(200);
    expect(await stored()).toEqual(before);
  });

  it("what a lease brought that is lost, and what a cancelled job's did", async () => {
    await queue();
    const before = await stored();
    const silent = await take();
    await upload(silent);
    await expire();
    await take(); // another claim, soon: the late result may be under way
    expect((await stored()).files).toHaveLength(before.files.length + 3);
    await (await db()).update(announcements).set({ announcedAt: new Date(0) });
    await announce(silent, "ticket", run.files.ticket!);
    await take(); // sent again: the others are still wanted
    expect((await stored()).files).toHaveLength(before.files.length + 3);
    await (await db()).update(announcements).set({ announcedAt: new Date(0) });
    const id = await queue();
    const held = await take();
    expect(await stored()).toEqual(before);
    await upload(held);
    await expire();
    expect((await call(cancel, "POST", { id, headers: asMaintainer })).status).toBe(200);
    expect(await stored()).toEqual(before);
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
