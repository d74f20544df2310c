/**
 * When and how often a worker may speak: a worker of another commit may be mad, and what it says is logged, shown and
 * told to the site. Each message is bounded already (protocol.ts); here is their order and number.
 */
import { Problem } from "@ticketmark/core";
import type { Message } from "./protocol.ts";

/** A phase may be one iteration long, and each is said: the most phases of a result, and as many again. */
const AT_ONCE = 2_000;
/** Progress comes five times a second; so does what is fetched. */
const A_SECOND = 20;
/** Snapshots looked at before one is gone on from. */
const MOST_RESUMED = 20;

/** Hears one worker's messages in turn and throws Problem "bad-request" on the first that is one too many. `now`: monotonic milliseconds. */
export function conduct(now: () => number = () => performance.now()): (message: Message) => void {
  const began = now();
  let count = 0;
  let resumed = 0;
  return ({ type }) => {
    const refuse = (expected: string): never => {
      throw new Problem("bad-request", `message "${type}": expected ${expected}`);
    };
    if ((type === "hello") !== (count === 0)) refuse('"hello" first, and once');
    if (type === "resumed" && ++resumed > MOST_RESUMED) refuse(`it at most ${MOST_RESUMED} times`);
    if (++count > AT_ONCE + (A_SECOND * (now() - began)) / 1_000)
      refuse(`at most ${AT_ONCE} messages and ${A_SECOND} a second`);
  };
}
