/**
 * Slows down who guesses tokens: after so many wrong ones from one address, the next are not looked at for a while.
 * In this process only, and addresses can be forged behind some proxies; 256 random bits are what keeps guessers out.
 */
import { Problem } from "@ticketmark/core";

const WINDOW_MS = 60_000;
const WRONG = 20;
const MAX_ADDRESSES = 10_000;

const slot = globalThis as typeof globalThis & { ticketmarkWrong?: Map<string, { count: number; since: number }> };
const wrong = (slot.ticketmarkWrong ??= new Map());

/** Runs `attempt`; counts it against the caller if it is refused. Throws Problem "too-many-requests". */
export async function limited<T>(address: string, attempt: () => Promise<T>): Promise<T> {
  const now = Date.now();
  const entry = wrong.get(address);
  const recent = entry && now - entry.since < WINDOW_MS ? entry : { count: 0, since: now };
  if (recent.count >= WRONG)
    throw new Problem("too-many-requests", `${WRONG} wrong tokens within a minute: wait a minute`);
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof Problem && error.code === "unauthorized") {
      if (wrong.size >= MAX_ADDRESSES) wrong.clear();
      wrong.set(address, { ...recent, count: recent.count + 1 });
    }
    throw error;
  }
}

/** Next puts the socket's address there where no proxy did. */
export const addressOf = (headers: Headers): string =>
  (headers.get("x-forwarded-for") ?? "unknown").split(",").at(-1)!.trim();
