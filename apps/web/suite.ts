/** Suites at this site: what became of each of their specs, and queueing what is missing. */
import { setImmediate as turn } from "node:timers/promises";
import {
  type ClassFolder,
  classesText,
  digestOfClasses,
  groupDigest,
  namesOf,
  Problem,
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
import {
  addSuiteJob,
  classesOfSpec,
  digestsOfSuite,
  queueAgain,
  type SpecState,
  type SuiteJob,
  statesOfSpecs,
} from "./db/suites.ts";
import { planOf } from "./plans.ts";

type Reply = z.infer<typeof suiteReplySchema>;

interface SuiteSpec {
  readonly spec: Spec;
  readonly specDigest: string;
  readonly groupDigest: string;
  readonly name: string;
}

/** A suite, with the classes if it takes any: its specs never change while this process runs. */
interface SuiteList {
  readonly classes: readonly ClassFolder[] | undefined;
  readonly specs: readonly SuiteSpec[];
}

/** On globalThis, as Next loads a module more than once in a process. */
const slot = globalThis as typeof globalThis & {
  ticketmarkSuites?: {
    /** By suite and digest of the classes: a thousand classes are a second's work to complete. */
    readonly lists: Map<string, Promise<SuiteList>>;
    /** Of suites with classes: by suite and digest of a spec. */
    readonly listOf: Map<string, SuiteList>;
    /** What is being queued, by suite and digest of the classes. */
    readonly queueing: Map<string, Promise<Reply>>;
  };
};
slot.ticketmarkSuites ??= { lists: new Map(), listOf: new Map(), queueing: new Map() };
const { lists, listOf, queueing } = slot.ticketmarkSuites;

const keyOf = (suite: Suite, classes: readonly ClassFolder[] | undefined): string =>
  `${suite.id} ${classes ? digestOfClasses(classes) : ""}`;

function listOfSuite(suite: Suite, classes?: readonly ClassFolder[]): Promise<SuiteList> {
  const key = keyOf(suite, classes);
  const list = lists.get(key) ?? complete(suite, classes);
  lists.set(key, list);
  list.catch(() => lists.delete(key));
  return list;
}

async function complete(suite: Suite, classes: readonly ClassFolder[] | undefined): Promise<SuiteList> {
  const specs: Omit<SuiteSpec, "name">[] = [];
  for (const input of specsOf(suite, classes)) {
    await turn(); // other requests wait
    const spec = { ...parseSpec(input), ...(classes && { classes }) }; // all share one copy of a long list
    specs.push({ spec, specDigest: specDigest(spec), groupDigest: groupDigest(spec) });
  }
  const names = namesOf(specs.map(({ spec }) => spec));
  return { classes, specs: specs.map((one, i) => ({ ...one, name: names[i]! })) };
}

/** Of a suite that takes classes: for each list of them that it was queued with. */
async function listsOf(suite: Suite): Promise<SuiteList[]> {
  if (!suite.takesClasses) return [await listOfSuite(suite)];
  const database = await db();
  const found = new Set<SuiteList>();
  for (const digest of await digestsOfSuite(database, suite.id)) {
    const key = `${suite.id} ${digest}`;
    let list = listOf.get(key);
    if (!list) {
      list = await listOfSuite(suite, await classesOfSpec(database, suite.id, digest));
      for (const { specDigest } of list.specs) listOf.set(`${suite.id} ${specDigest}`, list);
      listOf.set(key, list); // a suite may have changed since it was queued
    }
    found.add(list);
  }
  return [...found];
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
  const all = await listsOf(suite);
  const which = ({ classes }: SuiteList) => (classes && all.length > 1 ? `, classes ${classesText(classes)}` : "");
  const specs = all.flatMap((list) => list.specs.map((one) => ({ ...one, name: `${one.name}${which(list)}` })));
  const states = await statesOfSpecs(
    await db(),
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

/**
 * Queues what nobody has queued, and again what failed or was cancelled: all of it, or nothing where a spec is refused.
 * Who asks for the same while it is being queued gets the same answer. Throws Problem "bad-spec" that names the spec.
 */
export function queueSuite(
  suite: Suite,
  classes: readonly ClassFolder[] | undefined,
  createdBy: string,
): Promise<Reply> {
  const key = keyOf(suite, classes);
  const underWay = queueing.get(key) ?? queue(suite, classes, createdBy).finally(() => queueing.delete(key));
  queueing.set(key, underWay);
  return underWay;
}

async function queue(suite: Suite, classes: readonly ClassFolder[] | undefined, createdBy: string): Promise<Reply> {
  const database = await db();
  const { specs } = await listOfSuite(suite, classes);
  const states = await statesOfSpecs(
    database,
    specs.map(({ specDigest }) => specDigest),
  );
  const isOver = ({ state }: SpecState) => state === "failed" || state === "cancelled";
  const again = [...states.values()].filter(isOver).map(({ jobId }) => jobId);
  const jobs: SuiteJob[] = [];
  for (const one of specs) if (!states.has(one.specDigest)) jobs.push(await jobOf(suite, one, createdBy));
  const [requeued, queued] = await database.transaction(async (tx) => {
    const requeued = await queueAgain(tx, again);
    let queued = 0;
    for (const job of jobs) if (await addSuiteJob(tx, job)) queued++;
    return [requeued, queued];
  });
  return { suite: suite.id, queued, requeued, existing: specs.length - queued - requeued };
}

async function jobOf(suite: Suite, { name, ...one }: SuiteSpec, createdBy: string): Promise<SuiteJob> {
  try {
    const plan = await planOf(one.spec, one.groupDigest);
    return { ...one, plan, engine: "auto", priority: 0, createdBy, suite: suite.id };
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause;
    const what = `${name}, seed ${one.spec.seed}: ${cause.message}`;
    throw new Problem(cause.code, `${what}; nothing of suite ${suite.id} was queued`, { cause });
  }
}

/** What some specs of a suite, by digest, are planned to take together. Throws Problem "bad-spec" where one is refused. */
export async function costOfSpecs(
  suite: Suite,
  digests: ReadonlySet<string>,
): Promise<{ readonly iterations: number; readonly images: number }> {
  const { specs } = await listOfSuite(suite);
  let iterations = 0;
  let images = 0;
  for (const one of specs) {
    if (!digests.has(one.specDigest)) continue;
    const plan = await planOf(one.spec, one.groupDigest);
    iterations += plan.methodIterations + plan.finalIterations;
    images += plan.methodExamples + plan.finalExamples;
  }
  return { iterations, images };
}
