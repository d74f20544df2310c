/** The three lists of the jobs page, in the order they are read. */
import type { PublicJob } from "./public-job.ts";

export interface Lists {
  readonly running: readonly PublicJob[];
  /** First in line first. */
  readonly queued: readonly PublicJob[];
  /** Latest end first. */
  readonly ended: readonly PublicJob[];
}

/** How many of a list are shown. */
export const SHOWN = { running: 50, queued: 100, ended: 20 } as const;

/** Jobs come newest first; a queue is read from its head. */
export function arrange(
  running: readonly PublicJob[],
  queued: readonly PublicJob[],
  ended: readonly PublicJob[],
): Lists {
  return {
    running: running.toReversed(),
    queued: queued.toSorted((a, b) => (a.queue?.ahead ?? 0) - (b.queue?.ahead ?? 0)),
    ended: ended.toSorted((a, b) => (b.finishedAt ?? "").localeCompare(a.finishedAt ?? "")).slice(0, SHOWN.ended),
  };
}
