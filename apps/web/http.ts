/**
 * What every route of /api shares: errors as RFC 9457 problem JSON, bounded and checked bodies, ETags on public JSON.
 */
import { createHash } from "node:crypto";
import { MAX_JSON_BYTES, Problem } from "@ticketmark/core";
import { z } from "zod";
import { isId } from "./id.ts";

type Params = Readonly<Record<string, string>>;
/** Next's promise of the path's parameters: each route knows its own. */
type Context = { readonly params: Promise<unknown> };
type Handler = (request: Request, params: Params) => Promise<Response>;
type Route = (request: Request, context: Context) => Promise<Response>;

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
type Method = (typeof METHODS)[number];

/** Read by no page of another site, and never guessed at: for every reply of the API. */
const SAFETY = { "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" };
/** For public replies: anyone may read them, from any page, our own cross-origin isolated ones included. */
const PUBLIC = { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin" };

/** The exports of a route file: the given methods; the others answer 405. */
export function route(handlers: Partial<Record<Method, Handler>>): Record<Method | "OPTIONS", Route> {
  const allow = [...Object.keys(handlers), ...(handlers.GET ? ["HEAD"] : []), "OPTIONS"].join(", ");
  const refuse: Handler = async (request) => {
    throw new Problem("method-not-allowed", `expected one of ${allow}; got ${request.method}`);
  };
  const routes = METHODS.map((method) => [method, answer(handlers[method] ?? refuse, allow)]);
  const options: Route = async () => new Response(null, { status: 204, headers: { ...SAFETY, ...PUBLIC, allow } });
  return { ...Object.fromEntries(routes), OPTIONS: options };
}

const answer =
  (handler: Handler, allow: string): Route =>
  async (request, { params }) => {
    try {
      return await handler(request, (await params) as Params);
    } catch (error) {
      return problemReply(error, allow);
    }
  };

function problemReply(error: unknown, allow: string): Response {
  if (!(error instanceof Problem)) console.error(error); // a bug: the caller learns nothing but that
  const problem =
    error instanceof Problem
      ? error.toJSON()
      : { type: "about:blank", title: "internal", status: 500, detail: "a fault of this site; its log says which" };
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      ...SAFETY,
      ...PUBLIC,
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...(problem.status === 405 ? { allow } : {}),
      ...(problem.status === 401 ? { "www-authenticate": "Bearer" } : {}),
    },
  });
}

/** A reply to one caller. */
export const reply = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), {
    status,
    headers: { ...SAFETY, "content-type": "application/json", "cache-control": "no-store" },
  });

/** A reply that anyone may read, with an ETag over its bytes: 304 where the caller has them. */
export function publicReply(request: Request, body: string | Uint8Array<ArrayBuffer>, contentType: string): Response {
  const etag = `"${createHash("sha256").update(body).digest("base64url")}"`;
  const headers = { ...SAFETY, ...PUBLIC, "cache-control": "no-cache", etag };
  return isFresh(request, etag)
    ? new Response(null, { status: 304, headers })
    : new Response(body, { headers: { ...headers, "content-type": contentType } });
}

export const publicJson = (request: Request, value: unknown): Response =>
  publicReply(request, JSON.stringify(value), "application/json");

/** RFC 9110 §13.1.2: a list of tags, weakly compared, or *. */
export const isFresh = (request: Request, etag: string): boolean =>
  (request.headers.get("if-none-match") ?? "")
    .split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""))
    .some((tag) => tag === etag || tag === "*");

/** For files, which never change. */
export const immutable = { ...SAFETY, ...PUBLIC, "cache-control": "public, max-age=31536000, immutable" };

/** Reads and checks a JSON body of at most MAX_JSON_BYTES. Throws Problem "bad-request", "too-large". */
export async function readJson<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const type = request.headers.get("content-type") ?? "none";
  if (!/^application\/json *(;|$)/i.test(type))
    throw new Problem("bad-request", `content-type: expected application/json; got ${type}`);
  return parse(parseJson(await readBody(request, MAX_JSON_BYTES)), schema);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    requireStorable(value, "body", "bad-request");
    return value;
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    const fault = cause instanceof RangeError ? "it is nested too deeply" : (cause as Error).message;
    throw new Problem("bad-request", `body: expected JSON in UTF-8: ${fault}`, { cause });
  }
}

/** JSON may hold what Postgres cannot: the character U+0000, and halves of surrogate pairs. */
export function requireStorable(value: unknown, what: string, code: "bad-request" | "bad-file"): void {
  const escaped = JSON.stringify(value).match(/(?<!\\)(?:\\\\)*\\u(0000|d[89a-f]..)/);
  if (escaped) throw new Problem(code, `${what}: expected text without \\u${escaped[1]}, which is no character`);
}

/** Checks what came from outside. Throws Problem "bad-request" with each fault and its place. */
export function parse<T>(value: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.slice(0, 10).map(({ path, message }) => `${path.join(".") || "body"}: ${message}`);
  throw new Problem("bad-request", faults.join("; "), { cause: parsed.error });
}

async function readBody(request: Request, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bounded(request, limit)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Past its limit, so much of a body is read and thrown away, so that the caller hears why; then the line is cut. */
const DRAINED_BYTES = 16 << 20;

/**
 * The chunks of a body of at most `limit` bytes, counted as they come: what the caller says of the length is no matter.
 * Throws Problem "too-large", and "bad-request" if the body breaks off.
 */
export async function* bounded(request: Request, limit: number): AsyncGenerator<Uint8Array> {
  const source = (request.body ?? new Blob([]).stream())[Symbol.asyncIterator]();
  let bytes = 0;
  while (bytes <= limit + DRAINED_BYTES) {
    const { done, value } = await source.next().catch((cause: Error) => {
      throw new Problem("bad-request", `body: it broke off after ${bytes} bytes: ${cause.message}`, { cause });
    });
    if (done) break;
    bytes += value.length;
    if (bytes <= limit) yield value;
  }
  if (bytes > limit) throw new Problem("too-large", `body: expected at most ${limit} bytes; got more`);
}

/** An id from a path or a form. Throws Problem "not-found": what is no uuid is the id of nothing. */
export function idFrom({ id }: { readonly id?: unknown }, what: string): string {
  if (!isId(id)) throw new Problem("not-found", `${what}: there is none with id ${JSON.stringify(id)}`);
  return id;
}

/** `limit` and `after` of a list; a cursor is the opaque form of a sequence number. */
const pageSchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z
    .string()
    .transform((cursor) => Buffer.from(cursor, "base64url").toString("latin1"))
    .pipe(z.string().regex(/^before:[1-9][0-9]{0,14}$/, "expected `next` of the page before"))
    .transform((text) => Number(text.slice("before:".length)))
    .optional(),
});

export const pageFrom = (request: Request) => parse(searchOf(request), pageSchema);
export const searchOf = (request: Request) => Object.fromEntries(new URL(request.url).searchParams);
export const cursor = (seq: number | null): string | null =>
  seq === null ? null : Buffer.from(`before:${seq}`).toString("base64url");
