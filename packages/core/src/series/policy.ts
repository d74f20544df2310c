/**
 * What is followed and when it is worth a person's time: a versioned file of the tracked repository (`regressions.json`
 * at its root), read at the head of its branch. A metric that the file leaves out is not watched; without a file these
 * defaults hold.
 */
import { z } from "zod";
import { Problem } from "../problem.ts";
import { parseSpec, type SpecInput } from "../spec.ts";
import { suites } from "../suites/index.ts";
import { metrics } from "./metrics.ts";

export const POLICY_FILE = "regressions.json";
/** Largest policy file that is read. */
export const MAX_POLICY_BYTES = 256 << 10;

const ruleSchema = z.strictObject({
  /** Smallest change that matters, as a share of the level: less is never suspected. 0 = any. */
  floor: z.number().min(0).max(1),
  /** A point beyond its history's quartiles by so many times their distance is suspected. */
  spread: z.number().min(0).max(20).default(3),
  /**
   * Rounds of commit and parent, in turns, that a suspicion is confirmed with at least, 8 where there is noise; half as many again
   * where they do not decide. What has no noise takes one.
   */
  rounds: z.number().int().min(1).max(50).default(8),
});
export type Rule = z.infer<typeof ruleSchema>;

const policySchema = z.strictObject({
  version: z.literal(1),
  /** What is run at each commit: a suite, or specs that may leave defaults out. */
  track: z.union([
    z.strictObject({ suite: z.string().max(100) }),
    z.strictObject({ specs: z.array(z.looseObject({})).min(1).max(100) }),
  ]),
  /** Commits of the branch, from its head back, that are filled in when nothing else waits. */
  backfill: z.number().int().min(0).max(500).default(100),
  metrics: z.record(z.string().max(100), ruleSchema),
});
export type Policy = Omit<z.infer<typeof policySchema>, "track"> & {
  readonly track: { readonly suite: string } | { readonly specs: readonly SpecInput[] };
};

/**
 * Floors: exact metrics change by code alone, so their floor says only what is worth reading; times and memory are held
 * against what a shared machine does from day to day.
 */
export const DEFAULT_POLICY: Policy = {
  version: 1,
  track: { suite: "tracking" },
  backfill: 100,
  metrics: {
    accuracy: { floor: 0.002, spread: 3, rounds: 1 },
    "final-loss": { floor: 0.02, spread: 3, rounds: 1 },
    "iteration-time": { floor: 0.05, spread: 3, rounds: 8 },
    "evaluation-time": { floor: 0.1, spread: 3, rounds: 8 },
    "peak-memory": { floor: 0.05, spread: 3, rounds: 8 },
    "job-overhead": { floor: 0.25, spread: 3, rounds: 8 },
    "package-size": { floor: 0.01, spread: 3, rounds: 1 },
  },
};

/** Reads a policy file. Throws Problem "bad-request" that names each fault and its place. */
export function parsePolicy(text: string): Policy {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Problem("bad-request", `${POLICY_FILE}: expected JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = policySchema.safeParse(value);
  if (!parsed.success) {
    const faults = parsed.error.issues
      .slice(0, 10)
      .map(({ path, message }) => `${path.join(".") || "(file)"}: ${message}`);
    throw new Problem("bad-request", `${POLICY_FILE}: ${faults.join("; ")}`, { cause: parsed.error });
  }
  const policy = parsed.data as Policy;
  for (const id of Object.keys(policy.metrics)) metrics.get(id);
  specsOfPolicy(policy);
  return policy;
}

/** What is run at each commit. Throws Problem for a suite that there is not, or that takes classes, and for bad specs. */
export function specsOfPolicy({ track }: Policy): readonly SpecInput[] {
  if ("suite" in track) {
    const suite = suites.get(track.suite);
    if (suite.takesClasses)
      throw new Problem(
        "bad-request",
        `${POLICY_FILE}: track.suite: expected one that takes no classes; got ${suite.id}`,
      );
    return suite.specs();
  }
  for (const [i, spec] of track.specs.entries()) checkSpec(spec, i);
  return track.specs;
}

function checkSpec(spec: unknown, index: number): void {
  try {
    parseSpec(spec);
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause;
    throw new Problem("bad-request", `${POLICY_FILE}: track.specs.${index}: ${cause.message}`, { cause });
  }
}
