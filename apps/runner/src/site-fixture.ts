/**
 * For tests of the loop: the wire of api.ts over real HTTP, with a queue in memory. Every body is validated with the
 * schemas that the site uses; what the runner did is there to be looked at. The site itself is tested with a real runner in e2e.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  announceSchema,
  type ClaimedJob,
  type ClaimReply,
  type Command,
  claimSchema,
  digestOf,
  type Envelope,
  enrolMessage,
  enrolSchema,
  fromBase64,
  handBackSchema,
  heartbeatSchema,
  keyIdOf,
  Problem,
  type Progress,
  type Scan,
  scanSchema,
  submitResultSchema,
  verify,
} from "@ticketmark/core";
import type { z } from "zod";
import { storable } from "./storable.ts";

/** As the site does. Throws Problem "bad-request" for text that its database does not hold. */
function requireStorable(value: unknown): void {
  if (typeof value === "string" && storable(value) !== value)
    throw new Problem("bad-request", `body: expected text that can be stored; got ${JSON.stringify(value)}`);
  if (typeof value === "object") for (const part of Object.values(value ?? {})) requireStorable(part);
}

/** A reply that never arrives. */
const LOST = Symbol("lost");

export class TestSite {
  readonly queue: ClaimedJob[] = [];
  readonly claims: z.infer<typeof claimSchema>[] = [];
  readonly beats: { job: string; progress: Progress | null }[] = [];
  readonly handBacks: (z.infer<typeof handBackSchema> & { job: string })[] = [];
  readonly files = new Map<string, Buffer>();
  readonly results: { job: string; envelope: Envelope }[] = [];
  /** Of the next claims that get a job, so many are answered to nobody. */
  lostClaims = 0;
  /** Asked for with the next claim that comes. */
  wantedScan: ClaimReply["scan"] = null;
  readonly scans: Scan[] = [];
  /** By the tokens of their claims. */
  readonly #held = new Map<string, ClaimedJob>();
  /** What every heartbeat is answered with. */
  command: Command = "continue";
  /** Thrown by the routes whose path ends so. */
  readonly problems = new Map<string, Problem>();
  #server: Server | null = null;
  #port = 0;

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Opens on the port it had before, if any. */
  async open(): Promise<void> {
    const server = createServer(async (request, response) => {
      try {
        const body = Buffer.concat(await request.toArray());
        const reply = this.#answer(request, body);
        if (reply === LOST) request.destroy();
        else response.end(JSON.stringify(reply));
      } catch (error) {
        const problem = error instanceof Problem ? error : new Problem("bad-request", (error as Error).message);
        response.writeHead(problem.status).end(JSON.stringify(problem));
      }
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = null;
  }

  #answer({ method, url = "", headers }: IncomingMessage, body: Buffer): unknown {
    for (const [end, problem] of this.problems) if (url.endsWith(end)) throw problem;
    const json = () => {
      const value: unknown = JSON.parse(body.toString());
      requireStorable(value);
      return value;
    };
    const [, job, verb] = /^\/api\/v1\/jobs\/([^/]+)\/(.+)$/.exec(url) ?? [];
    if (url === "/api/v1/runners") {
      const { token, publicKey, proof } = enrolSchema.parse(json());
      const key = fromBase64(publicKey);
      if (!verify(fromBase64(proof), enrolMessage(token, publicKey), key))
        throw new Problem("bad-signature", "no proof");
      return { runnerId: randomUUID(), keyId: keyIdOf(key), bearer: randomUUID() };
    }
    if (url === "/api/v1/scans") {
      this.scans.push(scanSchema.parse(json()));
      return {};
    }
    if (url === "/api/v1/claim") {
      const claim = claimSchema.parse(json());
      this.claims.push(claim);
      const scan = claim.tracks ? this.wantedScan : null;
      const reply = { command: this.command, retryAfter: 0.1, scan };
      if (this.command === "update") return { ...reply, job: null };
      if (scan) this.wantedScan = null;
      // As the site does: a lease for every claim, and for a repeated one the same.
      const next = this.#held.has(claim.lease) ? undefined : this.queue.shift();
      const lease = next && { ...next.lease, token: claim.lease, nonce: randomUUID() };
      if (next && lease) this.#held.set(claim.lease, { ...next, lease });
      const job = this.#held.get(claim.lease) ?? null;
      if (!job) return { ...reply, job };
      if (this.lostClaims > 0 && this.lostClaims--) return LOST;
      return { ...reply, job, command: "continue" };
    }
    if (job && verb === "heartbeat") {
      this.beats.push({ job, progress: heartbeatSchema.parse(json()).progress });
      return { command: this.command, seconds: 0.1 };
    }
    if (job && verb === "hand-back") {
      this.handBacks.push({ job, ...handBackSchema.parse(json()) });
      return {};
    }
    if (job && verb === "result") {
      this.results.push({ job, envelope: submitResultSchema.parse(json()).envelope });
      return { resultId: randomUUID(), level: "signed" };
    }
    if (url === "/api/v1/files") {
      const { digest } = announceSchema.parse(json());
      return { url: this.files.has(digest) ? null : `/api/v1/files/${digest}` };
    }
    const digest = /^\/api\/v1\/files\/([0-9a-f]{64})$/.exec(url)?.[1];
    if (method === "PUT" && digest) {
      if (digestOf(body) !== digest || !headers["ticketmark-lease"]) throw new Problem("bad-file", "another file");
      this.files.set(digest, body);
      return {};
    }
    throw new Problem("not-found", url);
  }
}
