/**
 * For tests: the API's route handlers, called as Next calls them, on a database in memory; and what a maintainer and a
 * runner do with them. A test file sets POSTGRES_URL and TICKETMARK_DATA, then calls `prepareApi`.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  type ClaimedJob,
  type ClaimReply,
  digestOf,
  type Envelope,
  enrolMessage,
  type KeyPair,
  keyIdOf,
  makeStatement,
  NUMERICS,
  newKeyPair,
  type Result,
  type SpecInput,
  type Statement,
  sign,
  toBase64,
} from "@ticketmark/core";
import { afterAll, beforeEach, expect } from "vitest";
import * as claims from "./app/api/v1/claim/route.ts";
import * as enrolmentTokens from "./app/api/v1/enrolment-tokens/route.ts";
import * as file from "./app/api/v1/files/[digest]/route.ts";
import * as files from "./app/api/v1/files/route.ts";
import * as jobResult from "./app/api/v1/jobs/[id]/result/route.ts";
import * as jobs from "./app/api/v1/jobs/route.ts";
import * as results from "./app/api/v1/results/route.ts";
import * as runners from "./app/api/v1/runners/route.ts";
import { stopChecker } from "./check/checker.ts";
import { closeDatabase, db } from "./db/client.ts";
import { clear, environment } from "./db/test-databases.ts";
import { addFirstMaintainer } from "./db/tokens.ts";
import { env } from "./env.ts";
import { hashSecret, newSecret } from "./secret.ts";

/** The enrolled runner's. */
export const key = newKeyPair();
export const maintainer = newSecret();
export const spec: SpecInput = {
  dataset: "toy",
  model: "mlp-tiny",
  method: "l1",
  sparsity: 0.5,
  recipe: { epochs: 1 },
};
let bearer: string;

/** An empty database with one maintainer and one runner before each test. */
export function prepareApi(): void {
  beforeEach(async () => {
    mkdirSync(join(env().data, "files"), { recursive: true });
    await clear(await db());
    await addFirstMaintainer(await db(), hashSecret(maintainer));
    bearer = JSON.parse((await enrol(await enrolmentToken())).text).bearer;
  });
  afterAll(async () => {
    await stopChecker();
    await closeDatabase();
    rmSync(env().data, { recursive: true, force: true });
  });
}

type Routes = Partial<Record<string, (request: Request, context: { params: Promise<unknown> }) => Promise<Response>>>;
interface Call {
  readonly id?: string;
  readonly digest?: string;
  readonly path?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export async function call(routes: Routes, method: string, { path = "/", body, headers, ...params }: Call = {}) {
  const raw = body instanceof Uint8Array || typeof body === "string" ? body : JSON.stringify(body);
  const request = new Request(`http://site.test/api/v1${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    body: raw as BodyInit | undefined,
  });
  const response = await routes[method]!(request, { params: Promise.resolve(params) });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
export type Reply = Awaited<ReturnType<typeof call>>;

export const asMaintainer = { authorization: `Bearer ${maintainer}` };
export const asRunner = () => ({ authorization: `Bearer ${bearer}` });

export const enrolmentToken = async (): Promise<string> =>
  JSON.parse((await call(enrolmentTokens, "POST", { headers: asMaintainer })).text).token;

export function enrol(token: string, by: KeyPair = key, proofBy: KeyPair = by): Promise<Reply> {
  const publicKey = toBase64(by.publicKey);
  const proof = toBase64(sign(enrolMessage(token, publicKey), proofBy));
  return call(runners, "POST", { body: { token, name: "tests", publicKey, proof, environment } });
}

export async function queue(input: SpecInput = spec): Promise<string> {
  const reply = await call(jobs, "POST", { body: { spec: input }, headers: asMaintainer });
  expect(reply.status, reply.text).toBe(201);
  return JSON.parse(reply.text).id;
}

/** The whole reply to a claim. */
export async function ask(more: { lease?: string; numerics?: number } = {}) {
  const offer = { kinds: ["run"], engines: ["auto", "cpu"], environment, snapshots: [] };
  const body = { ...offer, lease: newSecret(), numerics: NUMERICS, ...more };
  const reply = await call(claims, "POST", { body, headers: asRunner() });
  expect(reply.status, reply.text).toBe(200);
  return JSON.parse(reply.text) as ClaimReply;
}

export const take = async (lease?: string): Promise<ClaimedJob> => (await ask(lease ? { lease } : {})).job!;

export type Named = Record<"result" | "ticket" | "trained", Uint8Array | null>;

export const announce = (held: ClaimedJob, kind: string, bytes: Uint8Array) =>
  call(files, "POST", {
    body: { job: held.id, lease: held.lease.token, digest: digestOf(bytes), kind, bytes: bytes.length },
    headers: asRunner(),
  });

export const put = (held: ClaimedJob, digest: string, bytes: Uint8Array) =>
  call(file, "PUT", {
    digest,
    body: bytes,
    headers: { ...asRunner(), "ticketmark-job": held.id, "ticketmark-lease": held.lease.token },
  });

export async function upload(held: ClaimedJob, named: Named): Promise<void> {
  for (const [kind, bytes] of Object.entries(named)) {
    if (!bytes) continue;
    const announced = await announce(held, kind, bytes);
    expect(announced.status, announced.text).toBe(200);
    if (JSON.parse(announced.text).url === null) continue;
    const stored = await put(held, digestOf(bytes), bytes);
    expect(stored.status, stored.text).toBe(200);
  }
}

export const statement = (held: ClaimedJob, of: Result, resultDigest: string): Statement =>
  makeStatement({
    result: of,
    resultDigest,
    job: { id: held.id, attempt: held.attempt, leaseNonce: held.lease.nonce, kind: held.kind },
    code: { commit: null, dirty: false, version: "0.1.0" },
    keyId: keyIdOf(key.publicKey),
  });

export const submit = (held: ClaimedJob, envelope: Envelope) =>
  call(jobResult, "POST", { id: held.id, body: { lease: held.lease.token, envelope }, headers: asRunner() });

/** Everything that refusing must leave as it was. */
export async function stored() {
  const list = JSON.parse((await call(results, "GET", { path: "/results" })).text).results;
  const files = readdirSync(join(env().data, "files"), { recursive: true, withFileTypes: true });
  const names = files.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return { results: list, files: names.sort() };
}

export function expectProblem(reply: Reply, status: number, title: string, detail = ""): void {
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
  expect(JSON.parse(reply.text)).toMatchObject({ status, title, detail: expect.stringContaining(detail) });
  expect(reply.status).toBe(status);
}
