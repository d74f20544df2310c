/**
 * Slows down who guesses tokens: after so many wrong ones from one address, wrong ones are answered 429 for a while. Right
 * ones are never refused, whoever else calls from there; 256 random bits are what keeps guessers out. In this process only.
 */
import { Problem } from "@ticketmark/core";
import { env } from "./env.ts";

const WINDOW_MS = 60_000;
const WRONG = 20;
const MAX_ADDRESSES = 10_000;

const slot = globalThis as typeof globalThis & { ticketmarkWrong?: Map<string, { count: number; since: number }> };
const wrong = (slot.ticketmarkWrong ??= new Map());

/** Runs `attempt`; counts it against the caller if it is refused. Throws Problem "too-many-requests" past the limit. */
export async function limited<T>(address: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof Problem && (error.code === "unauthorized" || error.code === "bad-signature")) count(address);
    throw error;
  }
}

function count(address: string): void {
  const now = Date.now();
  const entry = wrong.get(address);
  const recent = entry && now - entry.since < WINDOW_MS ? entry : { count: 0, since: now };
  if (recent.count >= WRONG)
    throw new Problem("too-many-requests", `${WRONG} wrong tokens within a minute: wait a minute`);
  if (wrong.size >= MAX_ADDRESSES) wrong.clear();
  wrong.set(address, { ...recent, count: recent.count + 1 });
}

/**
 * Next says the socket's address in x-forwarded-for, but only where the caller has not written something there itself:
 * without a proxy of ours in front it tells nothing, and all callers share one count.
 */
export const addressOf = (headers: Headers): string =>
  env().trustProxy ? (headers.get("x-forwarded-for") ?? "").split(",").at(-1)!.trim() : "anyone";
