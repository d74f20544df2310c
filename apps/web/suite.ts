/** Suites at this site: what became of each of their specs, and queueing what is missing. */
import { setImmediate as turn } from "node:timers/promises";
import {
  type ClassFolder,
  groupDigest,
  namesOf,
  type Plan,
  parseSpec,
  type Spec,
  type Suite,
  type SuiteStatus,
  specDigest,
  specsOf,
  type suiteReplySchema,
} from "@ticketmark/core";
import type { z } from "zod";
import { db } from "./db/client.ts";
import { addSuiteJob, classesOfSuite, queueAgain, type SpecState, statesOfSpecs } from "./db/suites.ts";
import { newJob } from "./new-job.ts";

interface SuiteSpec {
  readonly spec: Spec;
  readonly specDigest: string;
  readonly groupDigest: string;
  readonly name: string;
}

/** Of suites without classes: they never change while this process runs, and are work to complete. */
const known = new Map<string, readonly SuiteSpec[]>();

function specsOfSuite(suite: Suite, classes?: readonly ClassFolder[]): readonly SuiteSpec[] {
  const kept = classes ? undefined : known.get(suite.id);
  if (kept) return kept;
  const specs = specsOf(suite, classes).map(parseSpec);
  const names = namesOf(specs);
  const list = specs.map((spec, i) => ({
    spec,
    specDigest: specDigest(spec),
    groupDigest: groupDigest(spec),
    name: names[i]!,
  }));
  if (!classes) known.set(suite.id, list);
  return list;
}

const MISSING = {
  state: "missing",
  jobId: null,
  resultId: null,
  outcome: null,
  accuracy: null,
  progress: null,
  message: null,
} as const;

export async function statusOfSuite(suite: Suite): Promise<SuiteStatus> {
  const database = await db();
  const lists = suite.takesClasses ? await classesOfSuite(database, suite.id) : [undefined];
  const specs = lists.flatMap((classes) => specsOfSuite(suite, classes));
  const states = await statesOfSpecs(
    database,
    specs.map(({ specDigest }) => specDigest),
  );
  return {
    suite: suite.id,
    specs: specs.map(({ spec: { dataset, model, method, sparsity, seed }, ...digests }) => ({
      ...digests,
      ...{ dataset, model, method, sparsity, seed },
      ...(states.get(digests.specDigest) ?? MISSING),
    })),
  };
}

/** Queues what nobody has queued, and again what failed or was cancelled; each job as soon as it is planned. */
export async function queueSuite(
  suite: Suite,
  classes: readonly ClassFolder[] | undefined,
  createdBy: string,
): Promise<z.infer<typeof suiteReplySchema>> {
  const database = await db();
  const specs = specsOfSuite(suite, classes);
  const states = await statesOfSpecs(
    database,
    specs.map(({ specDigest }) => specDigest),
  );
  const isOver = ({ state }: SpecState) => state === "failed" || state === "cancelled";
  const again = [...states.values()].filter(isOver).map(({ jobId }) => jobId);
  const requeued = await queueAgain(database, again);
  const plans = new Map<string, Plan>(); // seeds cost the same
  let queued = 0;
  for (const { spec, specDigest, groupDigest } of specs) {
    if (states.has(specDigest)) continue;
    await turn(); // planning a job takes a while, and other requests wait
    const job = await newJob({ spec, engine: "auto", priority: 0, createdBy }, plans.get(groupDigest));
    plans.set(groupDigest, job.plan);
    if (await addSuiteJob(database, { ...job, suite: suite.id })) queued++;
  }
  return { suite: suite.id, queued, requeued, existing: specs.length - queued - requeued };
}
