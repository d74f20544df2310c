/**
 * What is run to follow the branch: its head first, then, while nothing else waits, the commit in the middle of the widest
 * gap, so that a coarse picture comes early. Each runner has a queue of its own, since numbers of two testbeds are never
 * held against each other: one that stops holds up nobody else.
 */
import type { Db } from "../db/client.ts";
import { addTrackedJobs, cancelTracked, demote, type NewTrackedJob } from "../db/tracked-jobs.ts";
import { planOf } from "../plans.ts";
import type { Situation, TrackedSpec } from "./situation.ts";

/**
 * A new head waits its turn among people's jobs, whose priority is 0; what has been begun is finished before them, and gaps are
 * filled behind.
 */
export const PRIORITIES = { confirm: 5, bisect: 5, try: 5, track: 0, backfill: -10 } as const;

export async function queueWork(db: Db, situation: Situation): Promise<void> {
  const head = situation.line.at(-1)!;
  await demote(db, head, PRIORITIES.backfill);
  await dropHopeless(db, situation);
  for (const runner of situation.runners) {
    if (!runner.online) continue;
    const commits = attempted(situation, runner.id);
    if (!commits.has(head)) {
      await addTrackedJobs(db, await jobsAt(head, situation.specs, "track", runner.id));
      continue;
    }
    const isBusy = situation.jobs.some(
      ({ onlyRunner, state }) => onlyRunner === runner.id && (state === "queued" || state === "running"),
    );
    const next = isBusy ? null : middleOfWidestGap(window(situation), commits);
    if (next !== null) await addTrackedJobs(db, await jobsAt(next, situation.specs, "backfill", runner.id));
  }
}

/** Commits that a runner has run or was asked to, to follow the branch. */
function attempted({ jobs }: Situation, runnerId: string): Set<string> {
  const mine = jobs.filter(
    ({ onlyRunner, purpose }) => onlyRunner === runnerId && (purpose === "track" || purpose === "backfill"),
  );
  return new Set(mine.map(({ commit }) => commit));
}

const window = ({ line, policy }: Situation): readonly string[] =>
  policy.backfill === 0 ? [] : line.slice(-policy.backfill);

/**
 * Of the commits of a line, the one to fill in next: the oldest first, which spans it, then middles of the widest gaps;
 * of equally wide ones the newest. Null when there is none.
 */
export function middleOfWidestGap(line: readonly string[], done: ReadonlySet<string>): string | null {
  if (line.length === 0) return null;
  if (!done.has(line[0]!)) return line[0]!;
  let widest = 0;
  let middle = -1;
  for (let from = 0; from < line.length; ) {
    let to = from + 1;
    while (to < line.length && !done.has(line[to]!)) to++;
    if (to - from - 1 > 0 && to - from >= widest) {
      widest = to - from;
      middle = (from + to) >> 1;
    }
    from = to;
  }
  return middle < 0 ? null : line[middle]!;
}

async function jobsAt(
  commit: string,
  specs: readonly TrackedSpec[],
  purpose: "track" | "backfill",
  runnerId: string,
): Promise<NewTrackedJob[]> {
  const about = { purpose, commit, kind: "run", priority: PRIORITIES[purpose], onlyRunner: runnerId } as const;
  return Promise.all(
    specs.map(async (one) => ({
      ...{ ...one, ...about, pull: null, investigationId: null },
      plan: await planOf(one.spec, one.groupDigest),
    })),
  );
}

/** Where one job at a commit could not be run at all, the commit's others on that runner will not be either. */
async function dropHopeless(db: Db, { jobs }: Situation): Promise<void> {
  const at = ({ commit, onlyRunner }: Situation["jobs"][number]) => `${commit} ${onlyRunner}`;
  const failed = new Map(jobs.filter(({ state }) => state === "failed").map((job) => [at(job), job.message ?? ""]));
  const succeeded = new Set(jobs.filter(({ state }) => state === "done").map(at));
  const hopeless = jobs.filter((job) => job.state === "queued" && failed.has(at(job)) && !succeeded.has(at(job)));
  if (hopeless.length === 0) return;
  await cancelTracked(
    db,
    hopeless.map(({ id }) => id),
    `another job at this commit failed: ${failed.get(at(hopeless[0]!))!.slice(0, 1_000)}`,
  );
}
