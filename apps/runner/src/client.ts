/**
 * The runner's side of the wire (core's api.ts): every reply bounded, validated, and given a time limit; problem JSON
 * becomes a Problem again. Retrying is the caller's, through `withRetries`.
 */
import {
  type Claim,
  type ClaimedJob,
  type ClaimReply,
  type ClassFolder,
  claimReplySchema,
  type Enrol,
  type Envelope,
  enrolReplySchema,
  type FILE_KINDS,
  fileReplySchema,
  type HAND_BACK_REASONS,
  heartbeatReplySchema,
  MAX_JSON_BYTES,
  PROBLEM_CODES,
  Problem,
  type ProblemCode,
  type Progress,
  resultReplySchema,
  type Scan,
  type SuiteStatus,
  suiteReplySchema,
  suiteStatusSchema,
} from "@ticketmark/core";
import { z } from "zod";
import { Unreachable } from "./retry.ts";
import { firstOf, storable } from "./storable.ts";

const REPLY_MS = 15_000;
const QUEUE_MS = 300_000;
/** Slowest upload that is not given up: 20 kB/s. */
const UPLOAD_BYTES_PER_MS = 20;

/** Of a hand-back, in characters. */
const MAX_MESSAGE = 2_000;

const problemSchema = z.object({
  type: z.string().startsWith("urn:ticketmark:problem:"),
  title: z.enum(Object.keys(PROBLEM_CODES) as [ProblemCode, ...ProblemCode[]]),
  detail: z.string(),
});

interface Call<T> {
  readonly method: "GET" | "POST" | "PUT";
  readonly headers?: Record<string, string>;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
  readonly limitMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** null = the reply's body is of no interest (it may not even be ours: a presigned upload). */
  readonly reply: z.ZodType<T> | null;
}

export type HandBack = {
  reason: (typeof HAND_BACK_REASONS)[number];
  message: string;
  snapshotIteration: number | null;
};
type Held = Pick<ClaimedJob, "id" | "lease">;

export class Client {
  readonly server: string;
  readonly #bearer: string | null;

  /** `server` is an origin; `bearer` null only before enrolment. */
  constructor(server: string, bearer: string | null) {
    this.server = server;
    this.#bearer = bearer;
  }

  enrol(body: Enrol) {
    return this.#post("/api/v1/runners", body, enrolReplySchema);
  }

  claim(body: Claim, signal?: AbortSignal): Promise<ClaimReply> {
    return this.#post("/api/v1/claim", body, claimReplySchema, signal);
  }

  heartbeat(job: Held, progress: Progress | null, signal?: AbortSignal) {
    const body = { lease: job.lease.token, progress };
    return this.#post(`/api/v1/jobs/${job.id}/heartbeat`, body, heartbeatReplySchema, signal);
  }

  async handBack(job: Held, { message, ...rest }: HandBack, signal?: AbortSignal): Promise<void> {
    const body = { lease: job.lease.token, message: storable(firstOf(message, MAX_MESSAGE)), ...rest };
    await this.#post(`/api/v1/jobs/${job.id}/hand-back`, body, z.unknown(), signal);
  }

  /** Where to PUT the file; null = the site has it. */
  async announce(
    job: Held,
    file: { digest: string; kind: (typeof FILE_KINDS)[number]; bytes: number },
    signal?: AbortSignal,
  ): Promise<string | null> {
    const body = { job: job.id, lease: job.lease.token, ...file };
    return (await this.#post("/api/v1/files", body, fileReplySchema, signal)).url;
  }

  async upload(job: Held, url: string, bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<void> {
    const target = this.#uploadTarget(url);
    // The bearer and the lease are for the site alone: a store elsewhere has its permission in the URL.
    const own = target.origin === this.server;
    const headers = own
      ? { "ticketmark-lease": job.lease.token, "ticketmark-job": job.id, ...this.#authorization() }
      : {};
    const limitMs = REPLY_MS + Math.ceil(bytes.length / UPLOAD_BYTES_PER_MS);
    await this.#call(target, { method: "PUT", headers, body: bytes, limitMs, signal, reply: null });
  }

  /** A store elsewhere is reached over https; without it only between programs of one machine. */
  #uploadTarget(url: string): URL {
    const target = URL.canParse(url, this.server) ? new URL(url, this.server) : null;
    const allowed =
      target &&
      (target.origin === this.server ||
        target.protocol === "https:" ||
        (target.protocol === "http:" && isLoopback(target) && isLoopback(new URL(this.server))));
    if (allowed) return target;
    // The site's settings are wrong, not the file: it waits until they are put right.
    throw new Unreachable(`expected an https address to upload to; the site gave ${url.slice(0, 200)}`);
  }

  submit(job: Held, envelope: Envelope, signal?: AbortSignal) {
    const body = { lease: job.lease.token, envelope };
    return this.#post(`/api/v1/jobs/${job.id}/result`, body, resultReplySchema, signal);
  }

  suite(id: string): Promise<SuiteStatus> {
    const call = { method: "GET" as const, body: null, reply: suiteStatusSchema };
    return this.#call(new URL(`/api/v1/suites/${encodeURIComponent(id)}`, this.server), call);
  }

  /** The site plans each job, which takes it a while. */
  queueSuite(id: string, classes: readonly ClassFolder[] | undefined) {
    const headers = { "content-type": "application/json", ...this.#authorization() };
    const body = JSON.stringify({ classes });
    const call = { method: "POST" as const, headers, body, limitMs: QUEUE_MS, reply: suiteReplySchema };
    return this.#call(new URL(`/api/v1/suites/${encodeURIComponent(id)}`, this.server), call);
  }

  /** What git knows, for a site that asked with a claim's reply. */
  async scan(body: Scan, signal?: AbortSignal): Promise<void> {
    await this.#post("/api/v1/scans", body, z.unknown(), signal);
  }

  #authorization(): Record<string, string> {
    return this.#bearer === null ? {} : { authorization: `Bearer ${this.#bearer}` };
  }

  #post<T>(path: string, body: unknown, reply: z.ZodType<T>, signal?: AbortSignal): Promise<T> {
    const headers = { "content-type": "application/json", ...this.#authorization() };
    const call = { method: "POST" as const, headers, body: JSON.stringify(body), signal, reply };
    return this.#call(new URL(path, this.server), call);
  }

  async #call<T>(url: URL, { method, headers = {}, body, limitMs = REPLY_MS, signal, reply }: Call<T>): Promise<T> {
    const where = `${method} ${url.origin}${url.pathname}`;
    const limit = AbortSignal.timeout(limitMs);
    let response: Response;
    let bytes: Uint8Array;
    try {
      response = await fetch(url, {
        method,
        headers: { accept: "application/json", ...headers },
        body,
        redirect: "error", // a redirect would carry the bearer elsewhere
        signal: signal ? AbortSignal.any([limit, signal]) : limit,
      });
      bytes = await readReply(response, where);
    } catch (cause) {
      if (cause instanceof Unreachable) throw cause;
      throw new Unreachable(`${where}: ${reasonOf(cause)}`, { cause });
    }
    if (!response.ok) throw refusal(response, bytes, where);
    if (reply === null) return undefined as T;
    const parsed = reply.safeParse(parseJson(bytes));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0]!;
    // Not what the site says: another program behind the address, or a site of another version.
    throw new Unreachable(`${where}: unexpected reply: ${issue.path.join(".") || "(body)"}: ${issue.message}`, {
      cause: parsed.error,
    });
  }
}

async function readReply(response: Response, where: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  if (response.body) {
    for await (const part of response.body) {
      length += part.length;
      if (length > MAX_JSON_BYTES) throw new Unreachable(`${where}: reply of more than ${MAX_JSON_BYTES} bytes`);
      parts.push(part);
    }
  }
  return Buffer.concat(parts);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined; // no schema of ours accepts it, so the caller says what was expected
  }
}

/** Only the site's own problem JSON is a refusal; a proxy's error page says nothing about what was sent. */
function refusal(response: Response, bytes: Uint8Array, where: string): Error {
  const problem = problemSchema.safeParse(parseJson(bytes));
  if (problem.success) return new Problem(problem.data.title, problem.data.detail);
  const { status } = response;
  return new Unreachable(`${where}: status ${status} without a problem of the site's`, { status });
}

const isLoopback = ({ hostname }: URL): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);

function reasonOf(error: unknown): string {
  const { name, message, cause } = error as Error;
  if (name === "TimeoutError") return "no reply in time";
  return cause instanceof Error && cause.message !== "" ? cause.message : message; // fetch hides the socket's error in cause
}
