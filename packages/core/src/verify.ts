/**
 * Door 3: is a result what it says? Checks a submission's proofs (signature, lease, files, agreement) and recomputes
 * accuracies from the files; or runs the whole spec again (replay.ts). In Node and in browsers; the engine is an argument.
 */
import { MAX_RESULT_BYTES } from "./api.ts";
import { digestOf, parseCanonical } from "./canonical.ts";
import { agree, checkCompleted, checkForm } from "./consistency.ts";
import type { Data } from "./datasets/dataset.ts";
import { datasetOf } from "./datasets/index.ts";
import type { Engine } from "./engine/engine.ts";
import { NUMERICS } from "./engine/numerics.ts";
import type { JobKind } from "./job.ts";
import { type Architecture, parameters } from "./layers.ts";
import { countKept, sparsityOf } from "./mask.ts";
import { layerCounts, measureSparsity } from "./measures.ts";
import { methods } from "./methods/index.ts";
import { plan } from "./plan.ts";
import { Problem } from "./problem.ts";
import { type Result, resultSchema, type Score } from "./result.ts";
import { quotasOf } from "./scope.ts";
import { checkSeedFixed } from "./seed-fixed.ts";
import { type Envelope, openStatement } from "./signature.ts";
import { architectureOf, parseCompleteSpec, type Spec, specDigest } from "./spec.ts";
import { metricsOf, type Statement, SUBJECTS, type SubjectName } from "./statement.ts";
import { readTicketFile, type TicketFile } from "./tensor-file.ts";
import { scored } from "./training/batches.ts";
import { EVALUATION_BATCH, evaluateWeights } from "./training/evaluate.ts";

export { wasmEngine } from "./engine/cpu/wasm.ts";
export type { Engine } from "./engine/engine.ts";
export { referenceEngine } from "./engine/reference/reference.ts";
export { type Digests, replay } from "./replay.ts";

/** What a result claims and anyone can recompute. */
export interface Scores {
  readonly last: Score;
  readonly afterCut: Score;
}

export interface RecomputeOptions {
  readonly engine: Engine;
  readonly data: Pick<Data, "test">;
  readonly spec: Spec;
  /** Exact bytes of the files. */
  readonly ticket: Uint8Array;
  readonly trained: Uint8Array;
  /** Awaited every 128 images, for callers whose event loop must turn. */
  readonly pause?: () => Promise<void>;
}

/** Accuracy of the ticket and of the trained net on the test set. Throws Problem "bad-file" for a file of another net. */
export async function recompute({ engine, data, spec, ticket, trained, pause }: RecomputeOptions): Promise<Scores> {
  const architecture = architectureOf(spec);
  const files = { last: readTicketFile(trained, architecture), afterCut: readTicketFile(ticket, architecture) };
  const test = scored(datasetOf(spec), data.test);
  const network = await engine.compile(architecture, EVALUATION_BATCH);
  try {
    const last = await evaluateWeights(network, files.last, test, pause);
    return { last, afterCut: await evaluateWeights(network, files.afterCut, test, pause) };
  } finally {
    await network.dispose();
  }
}

export interface Check {
  /** Both accuracies are the claimed ones, to the last image. */
  readonly agrees: boolean;
  /** The losses are too, to the last bit: so the same engine with the same NUMERICS. */
  readonly lossesAgree: boolean;
  readonly recomputed: Scores;
  /** What differs; "" if nothing does. */
  readonly message: string;
}

/** Compares what a completed result claims with what was recomputed. */
export function checkResult(result: Result, recomputed: Scores): Check {
  const claimed = result.accuracy;
  if (!claimed) throw new Problem("bad-request", `expected a completed result; got a ${result.outcome} one`);
  const of = (scores: Scores) => [scores.last, scores.afterCut];
  const differing = (["last", "afterCut"] as const).filter(
    (name) => claimed[name].correct !== recomputed[name].correct || claimed[name].total !== recomputed[name].total,
  );
  return {
    agrees: differing.length === 0,
    lossesAgree: of(claimed).every((score, i) => score.loss === of(recomputed)[i]!.loss),
    recomputed,
    message: differing
      .map((name) => `${name}: ${show(claimed[name])} correct claimed, ${show(recomputed[name])} recomputed`)
      .join("; "),
  };
}

const show = ({ correct, total }: Score): string => `${correct} of ${total}`;

export interface Submission {
  readonly envelope: Envelope;
  /** Of the runner that holds the job: 32 bytes. */
  readonly publicKey: Uint8Array;
  /** What the server handed out with the job. */
  readonly expected: {
    readonly jobId: string;
    readonly attempt: number;
    readonly nonce: string;
    readonly specDigest: string;
    readonly keyId: string;
    readonly kind: JobKind;
    /** The commit whose code was to run; null = the runner's own. */
    readonly commit: string | null;
  };
  /** Bytes of an uploaded file; null if there is none of this digest. */
  readonly file: (digest: string, name: SubjectName) => Promise<Uint8Array | null>;
}

export interface Verified {
  readonly statement: Statement;
  readonly result: Result;
  readonly spec: Spec;
  /** Null unless completed. */
  readonly ticket: TicketFile | null;
  readonly trained: TicketFile | null;
}

/**
 * Everything that can be proven without computing: the signature first, then the statement against the job, the files
 * against the statement, the result against all of them. Throws Problem with the first thing that is wrong.
 */
export async function verifySubmission({ envelope, publicKey, expected, file }: Submission): Promise<Verified> {
  const statement = openStatement(envelope, publicKey);
  const { predicate } = statement;
  same("statement: key id", expected.keyId, predicate.keyId);
  same("statement: job id", expected.jobId, predicate.job.id);
  same("statement: attempt", expected.attempt, predicate.job.attempt);
  same("statement: lease nonce", expected.nonce, predicate.job.leaseNonce);
  same("statement: spec digest", expected.specDigest, predicate.job.specDigest);
  same("statement: kind", expected.kind, predicate.job.kind);
  if (expected.commit !== null) {
    same("statement: commit", expected.commit, predicate.code.commit);
    same("statement: local changes", false, predicate.code.dirty);
  }
  if (predicate.testbed) {
    same("statement: key of the testbed", expected.keyId, predicate.testbed.key);
    same("statement: engine of the testbed", predicate.environment.engine, predicate.testbed.engine);
  }

  const completed = predicate.outcome === "completed";
  const names = completed ? SUBJECTS : (["result"] as const);
  same("statement: subjects", names.join(", "), statement.subject.map((subject) => subject.name).join(", "));
  const files: Partial<Record<SubjectName, Uint8Array>> = {};
  for (const { name, digest } of statement.subject) {
    const bytes = await file(digest.sha256, name);
    if (!bytes) throw new Problem("bad-file", `${name}: expected file ${digest.sha256} to be here; it is not`);
    same(`${name}: sha256`, digest.sha256, digestOf(bytes), "bad-file");
    files[name] = bytes;
  }

  const result = parseResult(files.result!);
  const spec = parseCompleteSpec(result.spec);
  same("result: spec digest", expected.specDigest, specDigest(spec), "bad-file");
  const digests = Object.fromEntries(statement.subject.map(({ name, digest }) => [name, digest.sha256]));
  agree("result: spec digest", expected.specDigest, result.specDigest);
  agree("result: outcome", predicate.outcome, result.outcome);
  agree("result: NUMERICS", predicate.numerics, result.numerics);
  agree("result: data set digests", predicate.datasetDigests, [result.datasetDigest]);
  agree("result: environment", predicate.environment, result.environment);
  agree("result: metrics", predicate.metrics, metricsOf(result));
  agree("result: ticket digest", digests.ticket ?? null, result.ticketDigest);
  agree("result: trained digest", digests.trained ?? null, result.trainedDigest);
  checkForm(result, expected.commit === null ? NUMERICS : Number.POSITIVE_INFINITY);
  if (!completed) return { statement, result, spec, ticket: null, trained: null };

  const architecture = architectureOf(spec);
  const ticket = readTicketFile(files.ticket!, architecture);
  const trained = readTicketFile(files.trained!, architecture);
  agree("ticket: kind", "ticket", ticket.kind);
  agree("trained: kind", "trained", trained.kind);
  for (const { kind, specDigest } of [ticket, trained]) agree(`${kind}: spec digest`, expected.specDigest, specDigest);
  // What another commit's code plans, prunes and draws is its own: where it differs from ours, that is what is looked for.
  if (expected.commit !== null) return { statement, result, spec, ticket, trained };
  checkMasks(spec, architecture, ticket, trained);
  agree("result: layers", layerCounts(architecture, trained.mask), result.layers);
  agree("result: sparsity", measureSparsity(architecture, trained), result.sparsity);
  const planned = await plan(spec);
  checkCompleted(result, spec, planned, sparsityOf(ticket.mask) > 0);
  await checkSeedFixed(spec, ticket, planned);
  return { statement, result, spec, ticket, trained };
}

function same(
  what: string,
  expected: unknown,
  got: unknown,
  code: "bad-statement" | "bad-file" = "bad-statement",
): void {
  if (expected !== got) throw new Problem(code, `${what}: expected ${expected}; got ${got}`);
}

/** Reads the result file. Throws Problem "bad-file". */
export function parseResult(bytes: Uint8Array): Result {
  if (bytes.length > MAX_RESULT_BYTES)
    throw new Problem("bad-file", `result: expected at most ${MAX_RESULT_BYTES} bytes; got ${bytes.length}`);
  const parsed = resultSchema.safeParse(parseCanonical(bytes, "result"));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new Problem("bad-file", `result: ${issue.path.join(".")}: ${issue.message}`, { cause: parsed.error });
}

/** Ticket and trained net prune exactly what the spec asks for; the final training kept the mask, or what the method keeps of it. */
function checkMasks(spec: Spec, architecture: Architecture, ticket: TicketFile, trained: TicketFile): void {
  const prunable = parameters(architecture).filter((parameter) => parameter.prunable);
  const { remasks } = methods.get(spec.method.id);
  for (const { layers, prune } of quotasOf(spec.scope, prunable, spec.sparsity)) {
    for (const { kind, mask } of remasks ? [ticket, trained] : [ticket]) {
      const wanted = remasks === "grows" && kind === "ticket" ? 0 : prune;
      const pruned = layers.reduce((sum, layer) => sum + mask[layer]!.length - countKept(mask[layer]!), 0);
      agree(`${kind}: pruned weights of ${layers.join(", ")}`, wanted, pruned);
    }
  }
  if (remasks === "grows") return;
  for (const { name } of prunable) {
    const [first, last] = [ticket.mask[name]!, trained.mask[name]!];
    if (remasks === "moves") agree(`trained: kept weights of ${name}`, countKept(first), countKept(last));
    else if (first.some((kept, i) => kept !== last[i]))
      throw new Problem("bad-file", `trained: expected the ticket's mask; that of ${name} differs`);
  }
}
