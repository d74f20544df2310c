import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type Archive, digestOf } from "@ticketmark/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Downloading, download, partOf, redirected } from "./download.ts";

const BYTES = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) >> 2));
const HALF = BYTES.length / 2;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const whole: Handler = (_, response) => void response.writeHead(200, { "content-length": BYTES.length }).end(BYTES);

/** With ranges, an entity tag, and If-Range. */
const ranged: Handler = ({ headers }, response) => {
  const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
  response.setHeader("etag", '"v1"');
  if (start === 0 || (headers["if-range"] ?? '"v1"') !== '"v1"') return whole({} as IncomingMessage, response);
  if (start >= BYTES.length) return void response.writeHead(416).end();
  const length = BYTES.length - start;
  const range = `bytes ${start}-${BYTES.length - 1}/${BYTES.length}`;
  response.writeHead(206, { "content-range": range, "content-length": length }).end(BYTES.subarray(start));
};

/** Sends the first half. */
const halted: Handler = (_, response) => {
  response.writeHead(200, { "content-length": BYTES.length, etag: '"v1"' });
  response.write(BYTES.subarray(0, HALF));
};
/** Sends the first half, then closes the connection. */
const broken: Handler = (request, response) => {
  halted(request, response);
  setTimeout(() => response.socket!.end(), 50); // when what was sent has come in
};

let folder: string;
let path: string;
let server: Server;
let origin: string;
let requests: IncomingMessage[];
/** What the server does with one request after the other; the last goes on. */
let handlers: Handler[];
beforeEach(async () => {
  vi.spyOn(Math, "random").mockReturnValue(0.01); // short waits between tries
  folder = await mkdtemp(join(tmpdir(), "ticketmark-download-"));
  path = join(folder, "set.bin");
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    (handlers[requests.length - 1] ?? handlers.at(-1)!)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  vi.restoreAllMocks();
  server.closeAllConnections();
  server.close();
});

const archive = (change: Partial<Archive> = {}): Archive => ({
  name: "set.bin",
  urls: [`${origin}/set.bin`],
  bytes: BYTES.length,
  sha256: digestOf(BYTES),
  format: "gz",
  ...change,
});

const get = (of: Archive = archive(), options: Partial<Downloading> = {}) =>
  download(of, path, { signal: new AbortController().signal, onProgress: () => {}, ...options });

async function arrives(...by: Handler[]): Promise<void> {
  handlers = by;
  await get();
  expect(await readFile(path)).toEqual(BYTES);
  expect(await readdir(folder)).toEqual(["set.bin"]);
}

async function fails(message: RegExp, of = archive(), options: Partial<Downloading> = {}): Promise<void> {
  const refusal = { code: "data-unavailable", message: expect.stringMatching(message) };
  await expect(get(of, options)).rejects.toMatchObject(refusal);
  expect(await readdir(folder)).not.toContain(basename(path));
}

const rangesAsked = () => requests.map(({ headers }) => headers.range);

describe("download", () => {
  it("brings the file, says how far it is, and asks for its bytes as they are", async () => {
    const said: [number, number | null][] = [];
    handlers = [ranged];
    await get(archive(), { onProgress: (done, total) => said.push([done, total]) });
    expect(await readFile(path)).toEqual(BYTES);
    expect([said[0], said.at(-1)]).toEqual([
      [0, BYTES.length],
      [BYTES.length, BYTES.length],
    ]);
    expect(requests[0]!.headers).toMatchObject({ "accept-encoding": "identity" });
  });

  it("keeps a gz file that the server calls an encoding packed", async () => {
    await arrives((request, response) => {
      response.setHeader("content-encoding", "gzip");
      whole(request, response);
    });
  });

  it("takes a file whose size nobody tells", async () => {
    handlers = [(_, response) => void response.end(BYTES)]; // chunked
    await get(archive({ bytes: null }));
    expect(await readFile(path)).toEqual(BYTES);
  });

  it("goes on where the connection broke", async () => {
    await arrives(broken, ranged);
    expect(rangesAsked()).toEqual([undefined, `bytes=${HALF}-`]);
    expect(requests[1]!.headers["if-range"]).toBe('"v1"');
  });

  it("goes on in another process, and from another address", async () => {
    const stop = new AbortController();
    handlers = [halted];
    const stopped = get(archive(), { signal: stop.signal, onProgress: (done) => done >= HALF && stop.abort() });
    await expect(stopped).rejects.toThrow(/abort/);
    const { length } = await readFile(partOf(path));
    expect(length).toBeGreaterThan(0);
    handlers = [ranged];
    await get(archive({ urls: [`${origin}/mirror`] }));
    expect(rangesAsked()).toEqual([undefined, `bytes=${length}-`]);
    expect(requests[1]!.headers["if-range"]).toBeUndefined();
    expect(await readFile(path)).toEqual(BYTES);
  });

  it("begins anew where the server has no ranges, or another file by now", async () => {
    await arrives(broken, whole);
    requests = [];
    const changed: Handler = (request, response) => {
      response.setHeader("etag", '"v2"');
      expect(request.headers["if-range"]).toBe('"v1"');
      whole(request, response);
    };
    await arrives(broken, changed);
  });

  it.each([
    ["of another file", Buffer.alloc(HALF, 1)],
    ["as long as the file", Buffer.alloc(BYTES.length, 1)],
    ["longer than the file", Buffer.alloc(BYTES.length + 1, 1)],
  ])("drops a part %s", async (_, part) => {
    await writeFile(partOf(path), part);
    await arrives(ranged);
  });

  it("drops a part that the server has no more bytes for, where nobody tells the size", async () => {
    await writeFile(partOf(path), Buffer.alloc(BYTES.length, 1));
    handlers = [ranged];
    await get(archive({ bytes: null }));
    expect(rangesAsked()).toEqual([`bytes=${BYTES.length}-`, undefined]);
    expect(await readFile(path)).toEqual(BYTES);
  });

  it("does not go on with bytes from elsewhere in the file", async () => {
    const elsewhere: Handler = (_, response) =>
      void response.writeHead(206, { "content-range": `bytes 0-${BYTES.length - 1}/${BYTES.length}` }).end(BYTES);
    await arrives(broken, elsewhere, ranged);
    expect(rangesAsked()).toEqual([undefined, `bytes=${HALF}-`, `bytes=${HALF}-`]);
  });

  it("keeps nothing with another digest, and says so", async () => {
    handlers = [whole];
    await fails(/set\.bin: expected sha256 0{64}; it is [0-9a-f]{64}/, archive({ sha256: "0".repeat(64) }));
    expect(requests).toHaveLength(1);
    expect(await readdir(folder)).toEqual([]);
  });

  it("asks a server that breaks off for its wrong file once, not again and again", async () => {
    handlers = [broken, ranged];
    await fails(/expected sha256 0{64}/, archive({ sha256: "0".repeat(64) }));
    expect(requests).toHaveLength(2);
  });

  it("gives up a server that breaks off a byte later each time", async () => {
    handlers = [
      (request, response) => {
        const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
        const range = { "content-range": `bytes ${start}-${BYTES.length - 1}/${BYTES.length}` };
        response.writeHead(start ? 206 : 200, { "content-length": BYTES.length - start, ...(start && range) });
        response.write(BYTES.subarray(start, start + 1));
        setTimeout(() => response.socket!.end(), 20); // when the byte has come in
      },
    ];
    await fails(/the connection broke/);
    expect(requests).toHaveLength(4);
    expect((await readFile(partOf(path))).length).toBeGreaterThan(1);
  });

  it("takes no more than there should be", async () => {
    handlers = [(_, response) => void response.writeHead(200, { "content-length": 5e9 }).flushHeaders()];
    await fails(/expected 200000 bytes; the server has 5000000000/);
    handlers = [
      (_, response) => {
        const send = () => response.write(BYTES, (error) => error || send());
        send();
      },
    ];
    await fails(/expected at most 200000 bytes; the server sends more/);
  });

  it("tries the next address, and names each with what went wrong, and where to put the file", async () => {
    handlers = [(_, response) => void response.writeHead(404).end("gone")];
    const urls = [`${origin}/a`, `${origin}/b`];
    await fails(/\/a: status 404; http:\/\/127.0.0.1:\d+\/b: status 404\. Put the file there by hand: .*\/set\.bin$/, {
      ...archive(),
      urls,
    });
    expect(requests).toHaveLength(2);
    handlers = [...handlers, handlers[0]!, handlers[0]!, whole];
    await get(archive({ urls }));
    expect(await readFile(path)).toEqual(BYTES);
  });

  it("tries again where the server is overloaded, and not for ever", async () => {
    const busy: Handler = (_, response) => void response.writeHead(503).end();
    await arrives(busy, busy, whole);
    requests = [];
    handlers = [busy];
    path = join(folder, "other.bin");
    await fails(/status 503/);
    expect(requests).toHaveLength(4);
  });

  it("gives up a server that falls silent", async () => {
    const silent: Handler = (_, response) => {
      response.writeHead(200, { "content-length": BYTES.length });
      response.write(BYTES.subarray(0, 10));
    };
    handlers = [silent, () => {}];
    await fails(/nothing came for 0\.4 s/, archive(), { silenceMs: 400 });
    expect(await readFile(partOf(path))).toHaveLength(10);
  });

  it("follows redirects, not in circles, and nowhere but to http", async () => {
    const to =
      (location: string): Handler =>
      (_, response) =>
        void response.writeHead(302, { location }).end();
    await arrives(to("/elsewhere"), whole);
    expect(requests[1]!.url).toBe("/elsewhere");
    requests = [];
    handlers = [to("/set.bin")];
    path = join(folder, "other.bin");
    await fails(/expected at most 5 redirects/);
    for (const location of ["file:///etc/passwd", "ftp://127.0.0.1/set.bin", "http://["]) {
      handlers = [to(location)];
      await fails(/expected a redirect to https; the server gave/);
    }
    const secure = new URL("https://example.org/a/b");
    expect(redirected(secure, "c").href).toBe("https://example.org/a/c");
    expect(() => redirected(secure, "http://example.org/a/b")).toThrow(/expected a redirect to https/);
  });

  it("says that nobody is there", async () => {
    server.close();
    await fails(/ECONNREFUSED .*Put the file there by hand/);
  });
});
