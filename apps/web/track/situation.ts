/** What the tracker decides from: the branch's line, the policy, its groups, who runs, and what was run. */

import type { Testbed } from "@ticketmark/core";
import {
  DEFAULT_POLICY,
  groupDigest,
  lineOf,
  type Policy,
  Problem,
  parseSpec,
  type Spec,
  specDigest,
  specsOfPolicy,
} from "@ticketmark/core";
import type { Db } from "../db/client.ts";
import { graphOf, listBranches } from "../db/commits.ts";
import { listPoints, type PointRun } from "../db/points.ts";
import { listTestbeds } from "../db/testbeds.ts";
import {
  listTrackedJobs,
  type TrackedJob,
  type TrackingRunner,
  trackingCounts,
  trackingRunners,
} from "../db/tracked-jobs.ts";
import { env, onlineSeconds } from "../env.ts";

/** Longest stretch of the line that is looked at: what lies further back has been looked at when it was new. */
const WINDOW = 500;

export interface TrackedSpec {
  readonly spec: Spec;
  readonly specDigest: string;
  readonly groupDigest: string;
}

export interface Situation {
  /** Commits of the followed branch, oldest first. */
  readonly line: readonly string[];
  /** Place of a commit on the line. */
  readonly place: ReadonlyMap<string, number>;
  /** The head's, where a scan has told of it; until then the last that is known. */
  readonly policy: Policy;
  readonly isScanned: boolean;
  /** What is run at each commit, in order. */
  readonly specs: readonly TrackedSpec[];
  readonly runners: readonly TrackingRunner[];
  /** Of commits of the line. */
  readonly jobs: readonly TrackedJob[];
  readonly runs: readonly PointRun[];
  readonly testbeds: ReadonlyMap<string, Testbed>;
}

/** Null where no repository is followed, or nothing is known of its branch yet. */
export async function readSituation(db: Db): Promise<Situation | null> {
  const { repository, branches } = env();
  if (repository === null) return null;
  const [branch] = await listBranches(db, branches.slice(0, 1));
  if (!branch) return null;
  const graph = await graphOf(db);
  const line = lineOf(branch.head, (commit) => graph.get(commit), WINDOW).toReversed();
  const policy = usable(branch.policy);
  const [runners, jobs, runs, testbeds] = [
    await trackingRunners(db, repository, onlineSeconds()),
    await listTrackedJobs(db, { commits: line }),
    await listPoints(db, { commits: line }),
    await listTestbeds(db),
  ];
  return {
    ...{ line, policy, runners, jobs, runs, testbeds },
    place: new Map(line.map((commit, index) => [commit, index])),
    specs: trackedSpecs(policy),
    isScanned: branch.scannedHead === branch.head,
  };
}

/** Changes with everything that a situation is made of, and costs little. Null where nothing is followed. */
export async function situationVersion(db: Db): Promise<string | null> {
  const { repository, branches } = env();
  if (repository === null) return null;
  const heads = await listBranches(db, branches.slice(0, 1));
  const runners = await trackingRunners(db, repository, onlineSeconds());
  return JSON.stringify([
    heads.map(({ head, scannedHead, policy }) => [head, scannedHead, policy]),
    runners,
    await trackingCounts(db),
  ]);
}

/** A stored policy may name what this site's code no longer has: then the defaults hold until it is told again. */
function usable(policy: Policy | null): Policy {
  try {
    if (policy) trackedSpecs(policy);
    return policy ?? DEFAULT_POLICY;
  } catch (error) {
    if (error instanceof Problem) return DEFAULT_POLICY;
    throw error;
  }
}

const completed = new WeakMap<Policy["track"], readonly TrackedSpec[]>();

function trackedSpecs(policy: Policy): readonly TrackedSpec[] {
  const known = completed.get(policy.track);
  if (known) return known;
  const specs = specsOfPolicy(policy).map((input) => {
    const spec = parseSpec(input);
    return { spec, specDigest: specDigest(spec), groupDigest: groupDigest(spec) };
  });
  completed.set(policy.track, specs);
  return specs;
}
