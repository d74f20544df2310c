/** Keeps a lease: heartbeats on the site's schedule, from the supervisor, so that training under load cannot starve them. */
import { type ClaimedJob, type Command, Problem, type Progress } from "@ticketmark/core";
import type { Client } from "./client.ts";
import { isWorthRetrying, pause } from "./retry.ts";

/** Bounds on the schedule a site may ask for, in seconds. */
const SHORTEST = 0.1;
const LONGEST = 600;

export interface HeartOptions {
  readonly client: Client;
  readonly job: ClaimedJob;
  /** Is the first beat due at once? So for leases that an earlier process took. */
  readonly atOnce: boolean;
  readonly progress: () => Progress | null;
  readonly onCommand: (command: Command) => void;
  /** The lease is gone; no more beats follow. */
  readonly onLost: (problem: Problem) => void;
  /** The site stopped or started answering. */
  readonly onReachable: (reachable: boolean, error: Error | null) => void;
}

/** Beats until the returned function is called. A site that cannot be reached changes nothing: the lease may hold yet. */
export function keepLease({ client, job, atOnce, progress, onCommand, onLost, onReachable }: HeartOptions): () => void {
  const stop = new AbortController();
  const beat = async () => {
    let seconds = atOnce ? 0 : job.lease.renewSeconds;
    let reachable = true;
    for (;;) {
      if (seconds > 0) await pause(Math.min(LONGEST, Math.max(SHORTEST, seconds)) * 1_000, stop.signal);
      if (stop.signal.aborted) return;
      try {
        const reply = await client.heartbeat(job, progress(), stop.signal);
        if (stop.signal.aborted) return;
        if (!reachable) onReachable(true, null);
        reachable = true;
        seconds = reply.seconds;
        onCommand(reply.command);
      } catch (error) {
        if (stop.signal.aborted) return;
        if (error instanceof Problem && !isWorthRetrying(error)) return onLost(error);
        if (reachable) onReachable(false, error as Error);
        reachable = false;
        seconds = job.lease.renewSeconds;
      }
    }
  };
  void beat();
  return () => stop.abort();
}
