/**
 * Downloads an archive whose digest is known beforehand: from the first address that has it, into NAME.part, which a
 * later try goes on with (HTTP Range, RFC 9110 §14). It gets its name when its bytes have the digest. Over node:http, since
 * `fetch` unpacks what a server calls "Content-Encoding: gzip", and that is the archive itself.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { dirname } from "node:path";
import { type Archive, Problem } from "@ticketmark/core";
import { z } from "zod";
import { VERSION } from "./code.ts";
import { readJson, syncFolder, writeAtomically } from "./files.ts";
import { Unreachable, withRetries } from "./retry.ts";

/** Where no source tells an archive's size, the most that is taken. */
const MAX_BYTES = 16 * 2 ** 30;
const MAX_REDIRECTS = 5;
/** Tries at one address that bring nothing, or less than this many bytes: nobody is followed byte by byte for ever. */
const TRIES = 4;
const MIN_BYTES = 1 << 16;
/** A server that sends nothing for so long is given up. */
const SILENCE_MS = 30_000;

export interface Downloading {
  /** Aborted: ends the download, which goes on later. */
  readonly signal: AbortSignal;
  /** Bytes that are there, and of how many, if that is known. */
  readonly onProgress: (done: number, total: number | null) => void;
  readonly silenceMs?: number;
}

export const partOf = (path: string): string => `${path}.part`;
/** Which version of the file the part is of: its address, and the entity tag that the server gave. */
const originOf = (path: string): string => `${partOf(path)}.json`;
const originSchema = z.strictObject({ url: z.string(), tag: z.string().nullable() });

/**
 * Puts the archive to `path`. Throws Problem "data-unavailable" saying what went wrong at each address, or what `signal`
 * is aborted with. One process at a time: two would write into one part.
 */
export async function download(archive: Archive, path: string, options: Downloading): Promise<void> {
  const faults: string[] = [];
  for (const url of archive.urls) {
    try {
      return await downloadFrom(new URL(url), archive, path, options);
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
      faults.push(`${url}: ${error.message}`);
    }
  }
  throw new Problem(
    "data-unavailable",
    `${archive.name}: cannot be downloaded: ${faults.join("; ")}. Put the file there by hand: ${path}`,
  );
}

async function downloadFrom(url: URL, archive: Archive, path: string, options: Downloading): Promise<void> {
  let failures = 0;
  let reached = 0;
  let resumed = (await sizeOf(partOf(path))) > 0;
  const isEnough = () => {
    const isNew = received >= reached + MIN_BYTES;
    failures = isNew ? 1 : failures + 1;
    if (isNew) reached = received;
    return failures >= TRIES;
  };
  let received = 0;
  const onProgress = (done: number, total: number | null) => {
    received = done;
    options.onProgress(done, total);
  };
  for (;;) {
    const goOn = () => fetchRest(url, archive, path, { ...options, onProgress });
    await withRetries(goOn, { signal: options.signal, isEnough });
    const wrong = await checkArchive(archive, partOf(path));
    if (wrong === null) break;
    await dropPart(path);
    if (!resumed) throw new Problem("bad-file", wrong);
    resumed = false; // what was there before may have been another file's
  }
  await rename(partOf(path), path);
  await rm(originOf(path), { force: true });
  await syncFolder(dirname(path));
}

/** What is wrong with the archive's bytes; null if nothing is. */
export async function checkArchive({ bytes, sha256 }: Archive, path: string): Promise<string | null> {
  const size = await sizeOf(path);
  if (bytes !== null && size !== bytes) return `expected ${bytes} bytes; there are ${size}`;
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  const digest = hash.digest("hex");
  return digest === sha256 ? null : `expected sha256 ${sha256}; it is ${digest}`;
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

async function dropPart(path: string): Promise<void> {
  await rm(partOf(path), { force: true });
  await rm(originOf(path), { force: true });
}

/** One request: appends what is missing to the part, or begins it anew. Throws Unreachable where another try may help. */
async function fetchRest(url: URL, archive: Archive, path: string, options: Downloading): Promise<void> {
  const most = archive.bytes ?? MAX_BYTES;
  if ((await sizeOf(partOf(path))) > most) await dropPart(path);
  const have = await sizeOf(partOf(path));
  if (have === archive.bytes) return;
  const origin = await readJson(originOf(path), originSchema).catch(() => null); // a damaged one says nothing
  const headers: Record<string, string> = have === 0 ? {} : { range: `bytes=${have}-` };
  if (have > 0 && origin?.tag && origin.url === url.href) headers["if-range"] = origin.tag;

  const response = await get(url, headers, options);
  try {
    const { statusCode: status, headers: got } = response;
    if (status === 416) await dropPart(path);
    const start = status === 206 ? Number(/^bytes (\d+)-/.exec(got["content-range"] ?? "")?.[1]) : 0;
    if (status === 416 || (start !== have && status === 206))
      throw new Unreachable(`expected the bytes from ${have} on; the server has others`);
    const length = got["content-length"] === undefined ? null : start + Number(got["content-length"]);
    if (length !== null && (length > most || (archive.bytes !== null && length !== archive.bytes)))
      throw new Problem("bad-file", `expected ${archive.bytes ?? `at most ${most}`} bytes; the server has ${length}`);
    if (start === 0) {
      await rm(partOf(path), { force: true });
      const tag = got.etag?.startsWith('"') ? got.etag : null; // a weak one does not promise the same bytes
      await writeAtomically(originOf(path), JSON.stringify({ url: url.href, tag }));
    }
    const total = length ?? archive.bytes;
    const done = await append(response, partOf(path), { start, most, total, onProgress: options.onProgress });
    if (total !== null && done < total) throw new Unreachable(`expected ${total} bytes; the server sent ${done}`);
  } finally {
    response.destroy();
  }
}

/** Resolves to the part's size. What came in stays, however it ends. */
async function append(
  response: IncomingMessage,
  part: string,
  at: { start: number; most: number; total: number | null; onProgress: Downloading["onProgress"] },
): Promise<number> {
  let done = at.start;
  const file = await open(part, "a");
  try {
    at.onProgress(done, at.total);
    for await (const chunk of bodyOf(response)) {
      done += chunk.length;
      if (done > at.most) throw new Problem("bad-file", `expected at most ${at.most} bytes; the server sends more`);
      await file.writeFile(chunk);
      at.onProgress(done, at.total);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return done;
}

/** The body's bytes as they are. Throws Unreachable when the connection breaks. */
async function* bodyOf(response: IncomingMessage): AsyncGenerator<Buffer> {
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    const next = await chunks.next().catch((cause: Error) => {
      throw new Unreachable(`the connection broke: ${cause.message}`, { cause });
    });
    if (next.done) return;
    yield next.value;
  }
}

/** The answer to a GET, behind redirects. Throws Problem where another try would end the same. */
async function get(from: URL, headers: Record<string, string>, options: Downloading): Promise<IncomingMessage> {
  let url = from;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await ask(url, headers, options);
    const { statusCode: status = 0, headers: got } = response;
    if (status === 200 || status === 206 || status === 416) return response;
    response.destroy();
    if (![301, 302, 303, 307, 308].includes(status) || got.location === undefined) {
      const message = `status ${status}`;
      if (status >= 500 || status === 408 || status === 429) throw new Unreachable(message, { status });
      throw new Problem("not-found", message);
    }
    url = redirected(url, got.location);
  }
  throw new Problem("not-found", `expected at most ${MAX_REDIRECTS} redirects`);
}

/** Never from https to what anybody on the way can change; what begins without it has its digest alone. Throws Problem. */
export function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from) ? new URL(location, from) : null;
  if (to?.protocol === "https:" || (to?.protocol === "http:" && from.protocol === "http:")) return to;
  throw new Problem("forbidden", `expected a redirect to https; the server gave ${location.slice(0, 200)}`);
}

function ask(url: URL, headers: Record<string, string>, options: Downloading): Promise<IncomingMessage> {
  const { signal, silenceMs = SILENCE_MS } = options;
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(
      url,
      {
        headers: { "user-agent": `ticketmark/${VERSION}`, "accept-encoding": "identity", ...headers },
        signal,
        timeout: silenceMs,
        agent: false, // one connection a request: an old one may be dead
      },
      resolve,
    );
    request.once("timeout", () => request.destroy(new Error(`nothing came for ${silenceMs / 1_000} s`)));
    request.on("error", (cause: NodeJS.ErrnoException) =>
      reject(new Unreachable(cause.message || String(cause.code), { cause })),
    );
    request.end();
  });
}
