/**
 * For tests: an HTTP server on this machine in the place of a webhook's receiver and of GitHub, in GitHub's formats. It
 * keeps what came in, and answers a path out of turn as often as it was told to.
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";

export interface Received {
  readonly method: string;
  /** With its search. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Comment {
  readonly id: number;
  body: string;
  readonly user: { readonly login: string; readonly type: string };
}

/** "hang" = no answer at all; "endless" = one that is refused, and does not end. */
type OutOfTurn =
  | "hang"
  | "endless"
  | { readonly status: number; readonly headers?: Record<string, string>; readonly text?: string };

export const REPOSITORY = "octo/ticketmark";
/** Who the token is: GitHub answers GET /user. */
export const ME = "octo-maintainer";

function* endless() {
  for (;;) yield "x".repeat(10_000);
}

export async function startReceiver() {
  const received: Received[] = [];
  const comments: Comment[] = [];
  const outOfTurn = new Map<string, OutOfTurn[]>();
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = "", url: path = "", headers } = request;
    const text = Buffer.concat(chunks).toString("utf8");
    received.push({ method, path, headers, text });
    const other = outOfTurn.get(`${method} ${path}`)?.shift();
    if (other === "hang") return;
    if (other === "endless") Readable.from(endless()).pipe(response.writeHead(400));
    else if (other) response.writeHead(other.status, other.headers).end(other.text ?? "");
    else answer(response, method, path, text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  function answer(response: ServerResponse, method: string, path: string, text: string): ServerResponse {
    const json = (status: number, value: unknown) =>
      response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(value));
    const { pathname, searchParams } = new URL(path, "http://receiver.test");
    const repos = `/repos/${REPOSITORY}`;
    const body = () => JSON.parse(text).body as string;
    if (pathname === "/hook") return json(200, { ok: true });
    if (pathname === "/user") return json(200, { login: ME, type: "User" });
    if (method === "POST" && pathname === `${repos}/check-runs`) return json(201, { id: 1, ...JSON.parse(text) });
    if (method === "POST" && pathname.startsWith(`${repos}/statuses/`))
      return json(201, { id: 1, ...JSON.parse(text) });
    if (pathname === `${repos}/issues/7/comments` && method === "GET") {
      const [page, perPage] = [Number(searchParams.get("page")), Number(searchParams.get("per_page"))];
      return json(200, comments.slice((page - 1) * perPage, page * perPage));
    }
    if (pathname === `${repos}/issues/7/comments` && method === "POST") {
      const comment = { id: comments.length + 1, body: body(), user: { login: ME, type: "User" } };
      comments.push(comment);
      return json(201, comment);
    }
    const ours = comments.find(({ id }) => method === "PATCH" && pathname === `${repos}/issues/comments/${id}`);
    if (!ours) return json(404, { message: "Not Found", status: "404" });
    ours.body = body();
    return json(200, ours);
  }

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    comments,
    /** "POST /hook" is answered so, once for each time it was said. */
    next(route: string, ...answers: OutOfTurn[]) {
      outOfTurn.set(route, [...(outOfTurn.get(route) ?? []), ...answers]);
    },
    /** What came in at a route, as JSON. */
    at: (route: string) =>
      received.filter(({ method, path }) => `${method} ${path}` === route).map(({ text }) => JSON.parse(text)),
    reset() {
      received.length = 0;
      comments.length = 0;
      outOfTurn.clear();
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
export type Receiver = Awaited<ReturnType<typeof startReceiver>>;
