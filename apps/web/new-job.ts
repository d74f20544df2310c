/** From what a person asks for to a row of the queue: the complete spec, its digests, what it will cost. */
import { groupDigest, Problem, parseSpec, specDigest } from "@ticketmark/core";
import type { NewJob } from "./db/jobs.ts";
import { planOf } from "./plans.ts";

export interface Wish extends Pick<NewJob, "engine" | "priority" | "createdBy"> {
  /** May leave defaults out. */
  readonly spec: unknown;
}

/** Throws Problem "bad-spec": every fault, each with its place. */
export async function newJob({ spec: input, ...wish }: Wish): Promise<NewJob> {
  const spec = parseSpec(input);
  if (spec.initial !== undefined) {
    const how = "no runner could get the file; ticketmark run SPEC --initial FILE runs it without a site";
    throw new Problem("bad-spec", `initial: expected none, as the site keeps no initial weights: ${how}`);
  }
  return {
    ...wish,
    spec,
    specDigest: specDigest(spec),
    groupDigest: groupDigest(spec),
    plan: await planOf(spec),
  };
}
