/** Plans by group: seeds cost the same, and counting is work, so each group is planned once in a process. */
import { groupDigest, type Plan, plan, type Spec } from "@ticketmark/core";

/** More than one suite's; the one longest not asked for goes first. */
const KEPT = 500;

/** On globalThis, as Next loads a module more than once in a process. */
const slot = globalThis as typeof globalThis & { ticketmarkPlans?: Map<string, Promise<Plan>> };

/** Who asks while it is being made shares it. Throws Problem "bad-spec" where a result could not hold the run. */
export function planOf(spec: Spec, group = groupDigest(spec)): Promise<Plan> {
  slot.ticketmarkPlans ??= new Map();
  const plans = slot.ticketmarkPlans;
  const made = plans.get(group) ?? plan(spec);
  plans.delete(group);
  plans.set(group, made); // the latest is last
  made.catch(() => plans.delete(group));
  if (plans.size > KEPT) plans.delete(plans.keys().next().value!);
  return made;
}
