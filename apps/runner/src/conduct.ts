/**
 * When and how often a worker may speak, and what it says by it: a worker of another commit may be mad, and its words are
 * logged, shown and told to the site. Each message is bounded already (protocol.ts); here is their order and number.
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

/** Hears one worker's messages in turn and tells of each whether the run is further than it was: a loop that talks is none. */
export function advances(): (message: Message) => boolean {
  let reached: readonly [number, number] = [-1, -1]; // phase, and iteration over all phases
  let saved = -1;
  let fetched = { name: "", done: -1 };
  return (message) => {
    if (message.type === "progress") {
      const { phase, iteration } = message.progress;
      if (phase < reached[0] || (phase === reached[0] && iteration <= reached[1])) return false;
      reached = [phase, iteration];
    } else if (message.type === "snapshot") {
      if (message.iteration <= saved) return false;
      saved = message.iteration;
    } else if (message.type === "fetching") {
      const { name, done } = message;
      if (name === fetched.name && done <= fetched.done) return false;
      fetched = { name, done };
    } else if (message.type === "resumed") {
      reached = [-1, -1]; // a snapshot that cannot be used: from the start
      saved = -1;
    }
    return true;
  };
}
