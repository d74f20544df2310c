/**
 * Retrying: exponential with full jitter, so that runners that lost one site do not all come back in the same second.
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "@ticketmark/core";

const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/** Milliseconds to wait before attempt `attempt` + 1 (attempts count from 0); `random` is uniform in [0, 1). */
export function backoff(attempt: number, random: number, first = FIRST_MS, longest = LONGEST_MS): number {
  return random * Math.min(longest, first * 2 ** Math.min(attempt, 30));
}

/** Nobody answered, or somebody who is not the site: worth another try. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
  /** Of the answer, if there was one. */
  readonly status: number | null;

  constructor(message: string, options: { cause?: unknown; status?: number } = {}) {
    super(message, options);
    this.status = options.status ?? null;
  }
}

/** A refusal by the site (4xx with a problem of ours, but for "slower") is final; an unreachable or failing one is not. */
export const isWorthRetrying = (error: unknown): boolean =>
  error instanceof Unreachable ||
  (error instanceof Problem && (error.status >= 500 || error.code === "too-many-requests"));

/** Somebody answers, and fails on this one request: the next try may end the same. */
export const isFailing = (error: unknown): boolean =>
  (error instanceof Unreachable || error instanceof Problem) && (error.status ?? 0) >= 500;

/** True from the failure on that is at least the `tries`th and `ms` after the first; `now`: monotonic milliseconds. */
export function enoughOf(tries: number, ms: number, now = () => performance.now()): (error: unknown) => boolean {
  let failures = 0;
  let first = 0;
  return (error) => {
    if (!isFailing(error)) return false;
    if (failures++ === 0) first = now();
    return failures >= tries && now() - first >= ms;
  };
}

export interface Patience {
  /** Ends the waiting: the last error is thrown, Unreachable if nothing was tried. */
  readonly signal: AbortSignal;
  /** Told of each failed attempt before the wait. */
  readonly onFailure?: (error: Error, waitMs: number) => void;
  /** Asked at each failed attempt whether it was the last. */
  readonly isEnough?: (error: unknown) => boolean;
}

/** Calls until it succeeds or fails for good. */
export async function withRetries<T>(call: () => Promise<T>, { signal, onFailure, isEnough }: Patience): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    if (signal.aborted) throw new Unreachable("told to stop before it was tried");
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || !isWorthRetrying(error) || isEnough?.(error)) throw error;
      const wait = backoff(attempt, Math.random());
      onFailure?.(error as Error, wait);
      await pause(wait, signal);
      if (signal.aborted) throw error;
    }
  }
}

/** Sleeps; returns early, without an error, when `signal` aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: Error) => {
    if (error.name !== "AbortError") throw error;
  });
}

/** Aborts `ms` after `signal` does: what is under way may end, and nothing waits for long. */
export function graceful(signal: AbortSignal, ms: number): AbortSignal {
  const late = new AbortController();
  const begin = () => void setTimeout(() => late.abort(signal.reason), ms).unref();
  if (signal.aborted) begin();
  else signal.addEventListener("abort", begin, { once: true });
  return late.signal;
}
