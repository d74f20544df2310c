/** From what a person asks for to a row of the queue: the complete spec, its digests, what it will cost. */
import { groupDigest, parseSpec, plan, specDigest } from "@ticketmark/core";
import type { NewJob } from "./db/jobs.ts";

export interface Wish extends Pick<NewJob, "engine" | "priority" | "createdBy"> {
  /** May leave defaults out. */
  readonly spec: unknown;
}

/** Throws Problem "bad-spec": every fault, each with its place. */
export async function newJob({ spec: input, ...wish }: Wish): Promise<NewJob> {
  const spec = parseSpec(input);
  return {
    ...wish,
    spec,
    specDigest: specDigest(spec),
    groupDigest: groupDigest(spec),
    plan: await plan(spec),
  };
}
