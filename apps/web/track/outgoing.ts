/** Requests to the outside: bounded in time and in what is read, redirects not followed. Their addresses are the operator's. */
import { Problem } from "@ticketmark/core";

export interface Outgoing {
  readonly method: "GET" | "POST" | "PATCH";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** How long a whole request may take, and what ends it before. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Of an answer that is an error, so much is told. */
const MAX_TOLD = 200;

/**
 * Any answer but a redirect; of its text no chunk is read after `most` bytes. Throws Problem "data-unavailable" otherwise; its message
 * names neither address nor token: it is stored.
 */
export async function ask(
  { method, url, headers, body }: Outgoing,
  { timeoutMs, signal }: Patience,
  most: number,
): Promise<Answer> {
  const late = new Error(`none within ${timeoutMs / 1_000} s`);
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(late), timeoutMs);
  const stop = () => ending.abort(new Error("the site was stopping"));
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop);
  try {
    const response = await fetch(url, {
      method,
      headers: { "user-agent": "ticketmark", ...headers },
      body,
      redirect: "manual",
      cache: "no-store",
      signal: ending.signal,
    });
    const text = await readText(response, most);
    if (response.status >= 300 && response.status < 400)
      throw new Problem("data-unavailable", `expected an answer; got ${response.status}: redirects are not followed`);
    return { status: response.status, headers: response.headers, text };
  } catch (error) {
    if (error instanceof Problem) throw error;
    const why = ending.signal.aborted ? (ending.signal.reason as Error).message : faultOf(error);
    throw new Problem("data-unavailable", `expected an answer; ${why}`, { cause: error });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** For an answer that is not what was wanted. */
export const unexpected = ({ status, text }: Answer): Problem =>
  new Problem("data-unavailable", `expected 2xx; got ${status}: ${text.slice(0, MAX_TOLD).trim()}`);

export const isSuccess = ({ status }: Answer): boolean => status >= 200 && status < 300;

async function readText(response: Response, most: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= most) break; // the rest is not fetched
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** fetch says "fetch failed" and hides why; a message of its own may hold the address. */
function faultOf(error: unknown): string {
  const { cause, name } = error as Error;
  const { code, message } = (cause ?? {}) as NodeJS.ErrnoException;
  return code ?? message ?? name;
}
