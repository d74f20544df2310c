import { beforeAll, describe, expect, test } from "vitest";
import { canonicalBytes, digestOf } from "./canonical.ts";
import { toy } from "./datasets/toy.ts";
import { buildKernels } from "./engine/cpu/node/build.ts";
import { models } from "./models/index.ts";
import { Problem } from "./problem.ts";
import { MAX_EVALUATIONS, MAX_PHASES, type Result } from "./result.ts";
import { type JobOutput, makeStatement, runJob } from "./run.ts";
import { type Envelope, keyIdOf, newKeyPair, signStatement } from "./signature.ts";
import { parseSpec, type Spec, type SpecInput, specDigest } from "./spec.ts";
import { metricsOf, type Statement, statementSchema } from "./statement.ts";
import { readTicketFile, writeTicketFile } from "./tensor-file.ts";
import {
  checkResult,
  type Engine,
  parseResult,
  recompute,
  referenceEngine,
  verifySubmission,
  wasmEngine,
} from "./verify.ts";

const key = newKeyPair();
const job = { id: crypto.randomUUID(), attempt: 2, leaseNonce: "n".repeat(30), kind: "run" as const };
const code = { commit: "ab".repeat(20), dirty: false, version: "0.1.0" };
const specOf = (input: Partial<SpecInput>): Spec =>
  parseSpec({ dataset: "toy", model: "mlp-tiny", method: "random", recipe: { epochs: 1 }, ...input });
const spec = specOf({ sparsity: 0.8 });
const architecture = models.get("mlp-tiny").architecture(toy.shape, toy.classes);

let cpu: Engine;
let output: JobOutput;
async function run(of: Spec, engine = cpu): Promise<JobOutput> {
  const environment = {
    ...{ engine: engine.id, device: "d", reason: "r", os: "o", arch: "a", cpu: "c", node: "20" },
    cores: 2,
    memoryBytes: 1,
  };
  const read = async () => new Uint8Array();
  const done = await runJob(of, { engine, checkEngine: cpu, environment, read, now: () => 0 });
  if (done === "stopped") throw new Error("stopped");
  return done;
}
beforeAll(async () => {
  cpu = await wasmEngine((await buildKernels()).bytes);
  output = await run(spec);
});

/** The submission an honest runner sends, but for what `change` does to it before it is signed. */
function submission(
  change: { result?: Partial<Result>; files?: Partial<JobOutput["files"]>; statement?: (s: Statement) => void } = {},
) {
  const files = { ...output.files, ...change.files };
  const digest = (bytes: Uint8Array | null) => bytes && digestOf(bytes);
  const result: Result = {
    ...output.result,
    ...{ ticketDigest: digest(files.ticket), trainedDigest: digest(files.trained) },
    ...change.result,
  };
  files.result = change.files?.result ?? canonicalBytes(result);
  const resultDigest = digestOf(files.result);
  const statement = structuredClone(makeStatement({ result, resultDigest, job, code, keyId: keyIdOf(key.publicKey) }));
  change.statement?.(statement);
  return submit(signStatement(statement, key), files);
}
function submit(envelope: Envelope, files: JobOutput["files"], more: { publicKey?: Uint8Array; absent?: string } = {}) {
  return verifySubmission({
    envelope,
    publicKey: more.publicKey ?? key.publicKey,
    expected: {
      kind: "run",
      commit: null,
      jobId: job.id,
      attempt: job.attempt,
      nonce: job.leaseNonce,
      specDigest: specDigest(spec),
      keyId: keyIdOf(key.publicKey),
    },
    file: async (_, name) => (name === more.absent ? null : files[name]),
  });
}

test("an honest submission passes, and its accuracy is recomputed to the last image and bit", async () => {
  const { statement, result, ticket, trained } = await submission();
  expect(statementSchema.parse(statement)).toEqual(statement);
  expect(statement.subject.map(({ name }) => name)).toEqual(["result", "ticket", "trained"]);
  expect(statement.predicate.metrics).toContainEqual({
    name: "test accuracy last",
    value: output.result.accuracy!.last.correct / 200,
    unit: "1",
  });
  expect(trained!.mask).toEqual(ticket!.mask);

  const data = await toy.load(async () => new Uint8Array());
  let pauses = 0;
  const files = { ticket: output.files.ticket!, trained: output.files.trained! };
  const scores = await recompute({ engine: cpu, data, spec, ...files, pause: async () => void pauses++ });
  expect(checkResult(result, scores)).toMatchObject({ agrees: true, lossesAgree: true, message: "" });
  expect(pauses).toBe(4); // 200 images, twice
  const other = await recompute({ engine: referenceEngine(), data, spec, ...files });
  expect(checkResult(result, other)).toMatchObject({ agrees: true, lossesAgree: false });
});

test("another accuracy than the claimed one is told", async () => {
  const scores = { last: output.result.accuracy!.last, afterCut: output.result.accuracy!.afterCut };
  const lied = { ...scores, last: { ...scores.last, correct: scores.last.correct - 1 } };
  const check = checkResult(output.result, lied);
  expect(check.agrees).toBe(false);
  expect(check.message).toMatch(/^last: \d+ of 200 correct claimed, \d+ of 200 recomputed$/);
  expect(() => checkResult({ ...output.result, accuracy: null }, scores)).toThrow(Problem);
});

const shortRst = { settle: 30, interval: 1, granularity: 0.02, batchSize: 32 };
test.each<[string, Partial<SpecInput>, engine?: "reference"]>([
  ["dense, on all images", { method: "dense", protocol: "paper" }],
  ["of several phases", { method: { id: "lth-iter", rounds: 3 }, sparsity: 0.9, protocol: "paper" }],
  ["of phases with other batches", { method: { id: "rst-iter", rounds: 2, ...shortRst }, sparsity: 0.9 }],
  ["of a phase that ended early", { method: { id: "early-bird", window: 2, epochs: 9 }, sparsity: 0.5 }],
  ["rewound to the middle of an epoch", { method: { id: "lth-iter", rounds: 2, rewindTo: 30 }, sparsity: 0.9 }],
  ["without RST's penalty", { method: { id: "rst", ...shortRst, control: "no-penalty" }, sparsity: 0.9 }],
  ["of shares by erk", { scope: "erk", sparsity: 0.9 }],
  ["of shares by depth", { scope: "smart-ratio", sparsity: 0.8 }],
  ["pruned on the way", { method: { id: "gmp", every: 10 }, sparsity: 0.9 }],
  ["pruned up to the end", { method: { id: "gmp", every: 15, endShare: 1 }, sparsity: 0.9 }],
  ["of another engine", { sparsity: 0.5 }, "reference"],
])("an honest run is taken: %s", async (_, input, engine) => {
  const of = specOf({ recipe: { epochs: 3 }, ...input });
  const { result, files } = engine ? await run(of, referenceEngine()) : await run(of);
  const keyId = keyIdOf(key.publicKey);
  const verified = verifySubmission({
    envelope: signStatement(makeStatement({ result, resultDigest: digestOf(files.result), job, code, keyId }), key),
    publicKey: key.publicKey,
    expected: {
      jobId: job.id,
      attempt: job.attempt,
      nonce: job.leaseNonce,
      specDigest: specDigest(of),
      keyId,
      kind: "run",
      commit: null,
    },
    file: async (_, name) => files[name],
  });
  await expect(verified).resolves.toMatchObject({ result: { outcome: "completed" } });
});

test("a diverged run is a submission with a result alone", async () => {
  const diverged = specOf({ sparsity: 0.8, recipe: { learningRate: [{ epoch: 0, value: 900 }] } });
  const { result, files } = await run(diverged);
  expect(result.outcome).toBe("diverged");
  const statement = makeStatement({
    result,
    resultDigest: digestOf(files.result),
    job,
    code,
    keyId: keyIdOf(key.publicKey),
  });
  expect(statement.subject).toHaveLength(1);
  const verified = await verifySubmission({
    envelope: signStatement(statement, key),
    publicKey: key.publicKey,
    expected: {
      kind: "run",
      commit: null,
      jobId: job.id,
      attempt: 2,
      nonce: job.leaseNonce,
      specDigest: specDigest(diverged),
      keyId: keyIdOf(key.publicKey),
    },
    file: async () => files.result,
  });
  expect(verified).toMatchObject({ ticket: null, trained: null, result: { outcome: "diverged" } });
});

test("a run without a server states no job", () => {
  const statement = makeStatement({
    result: output.result,
    resultDigest: "ab".repeat(32),
    job: null,
    code,
    keyId: keyIdOf(key.publicKey),
  });
  expect(statement.predicate.job).toMatchObject({ id: null, attempt: 0, leaseNonce: null });
  expect(metricsOf(output.result).every(({ value }) => Number.isFinite(value))).toBe(true);
});

describe("refused", () => {
  const times = { q25: 1, median: 2, q75: 3 };
  const stepTimes = { dense: times, masked: times };
  test.each<[string, (s: Statement) => void, RegExp]>([
    ["another job", (s) => (s.predicate.job.id = crypto.randomUUID()), /statement: job id: expected/],
    ["another lease", (s) => (s.predicate.job.leaseNonce = "m".repeat(30)), /statement: lease nonce/],
    ["another attempt", (s) => (s.predicate.job.attempt = 1), /statement: attempt: expected 2; got 1/],
    ["another spec", (s) => (s.predicate.job.specDigest = "00".repeat(32)), /statement: spec digest/],
    ["another key", (s) => (s.predicate.keyId = "00".repeat(32)), /statement: key id/],
    [
      "a file not named",
      (s) => s.subject.pop(),
      /statement: subjects: expected result, ticket, trained; got result, ticket/,
    ],
    ["a file named twice", (s) => (s.subject[2]!.name = "ticket"), /statement: subjects/],
    ["another file", (s) => (s.subject[1]!.digest.sha256 = "00".repeat(32)), /ticket: sha256: expected 0000/],
    [
      "another outcome",
      (s) => {
        s.predicate.outcome = "diverged";
        s.subject.length = 1;
      },
      /result: outcome/,
    ],
    ["other NUMERICS", (s) => s.predicate.numerics++, /result: NUMERICS: expected 2; got 1/],
    ["another machine", (s) => (s.predicate.environment.cpu = "faster"), /result: environment/],
    ["better metrics", (s) => (s.predicate.metrics[0]!.value = 1), /result: metrics/],
  ])("a statement of %s", async (_, statement, message) => {
    await expect(submission({ statement })).rejects.toThrow(message);
  });

  const digest = "00".repeat(32);
  test.each<[string, () => Partial<Result>, RegExp]>([
    ["of another spec", () => ({ spec: specOf({ sparsity: 0.8, seed: 1 }) }), /result: spec digest: expected/],
    ["of an incomplete spec", () => ({ spec: { dataset: "toy" } }), /model/],
    ["naming another spec", () => ({ specDigest: digest }), /spec digest/],
    ["with other digests", () => ({ trainedDigest: digest }), /trained/],
    [
      "that sees other layers",
      () => ({ layers: output.result.layers.map((l) => ({ ...l, kept: 1 })) }),
      /result: layers/,
    ],
    [
      "that sees another sparsity",
      () => ({ sparsity: { ...output.result.sparsity!, compression: 99 } }),
      /result: sparsity/,
    ],
    [
      "of too few test images",
      () => ({ accuracy: { ...output.result.accuracy!, last: { correct: 9, total: 9, loss: 0 } } }),
      /test images: expected 200; got 9/,
    ],
    [
      "with more hits than images",
      () => ({ accuracy: { ...output.result.accuracy!, last: { correct: 201, total: 200, loss: 0 } } }),
      /at most 200 correct/,
    ],
    ["completed, without an accuracy", () => ({ accuracy: null }), /expected accuracies/],
    [
      "without the accuracy before the cut",
      () => ({ accuracy: { ...output.result.accuracy!, beforeCut: null } }),
      /accuracy before the cut: expected true; got false/,
    ],
    [
      "without a validation accuracy",
      () => ({ accuracy: { ...output.result.accuracy!, validation: null } }),
      /validation accuracy: expected true; got false/,
    ],
    [
      "of too few validation images",
      () => ({ accuracy: { ...output.result.accuracy!, validation: { correct: 9, total: 9, loss: 0 } } }),
      /validation images: expected 100; got 9/,
    ],
    [
      "with another validation accuracy than its curve",
      () => ({ accuracy: { ...output.result.accuracy!, validation: { correct: 100, total: 100, loss: 0 } } }),
      /validation accuracy: expected 0\.\d+; got 1/,
    ],
    [
      "with a better best than its curve",
      () => ({
        accuracy: { ...output.result.accuracy!, best: { score: { correct: 200, total: 200, loss: 0 }, iteration: 1 } },
      }),
      /result: best: expected/,
    ],
    [
      "with a better last than its curve",
      () => ({ accuracy: { ...output.result.accuracy!, last: { correct: 200, total: 200, loss: 0 } } }),
      /result: accuracy last: expected/,
    ],
    [
      "of another engine, with a much better last than its curve",
      () => ({
        environment: { ...output.result.environment, engine: "reference" },
        accuracy: { ...output.result.accuracy!, last: { correct: 200, total: 200, loss: 0 } },
      }),
      /accuracy last: expected about 0\.\d+, .*; got 1/,
    ],
    ["that skipped a phase", () => ({ phases: [] }), /result: phases: expected/],
    [
      "that trained for longer",
      () => ({ phases: output.result.phases.map((phase) => ({ ...phase, iterations: 99 })) }),
      /result: phases: expected/,
    ],
    ["with steps timed in a short run", () => ({ stepTimes }), /expected no stepTimes/],
    ...[-1, 0, 3].map((q25): [string, () => Partial<Result>, RegExp] => [
      `with a lower quartile of ${q25} ms below a median of 2`,
      () => ({ iterationTime: { q25, median: 2, q75: 2 } }),
      /iterationTime/,
    ]),
    ["that cost less", () => ({ cost: { ...output.result.cost, finalExamples: 1 } }), /result: cost/],
    [
      "with a longer trace",
      () => ({ trace: { ...output.result.trace, blocks: 9, marks: undefined } }),
      /blocks of the trace: expected 1; got 9/,
    ],
    ["with a mark too few", () => ({ trace: { ...output.result.trace, marks: "" } }), /expected a mark for each block/],
    ["of NUMERICS to come", () => ({ numerics: 99 }), /NUMERICS that is known here, at most 1; got 99/],
    [
      "with fewer entries in its curves",
      () => {
        const { curves } = output.result;
        return { curves: Object.fromEntries(Object.entries(curves).map(([k, v]) => [k, v.slice(1)])) as typeof curves };
      },
      /phase of each entry/,
    ],
    [
      "whose curves go back in time",
      () => ({ curves: { ...output.result.curves, iteration: output.result.curves.iteration.toReversed() } }),
      /iterations of the curves to rise/,
    ],
    [
      "with impossible accuracies in its curves",
      () => ({ curves: { ...output.result.curves, testAccuracy: output.result.curves.testAccuracy.map(() => 2) } }),
      /curves\.testAccuracy/,
    ],
    ["with ragged curves", () => ({ curves: { ...output.result.curves, testLoss: [] } }), /length of curve testLoss/],
  ])("a result %s", async (_, result, message) => {
    await expect(submission({ result: result() })).rejects.toThrow(message);
  });

  test("a ticket or a trained net that is another", async () => {
    const { ticket, trained } = {
      ticket: readTicketFile(output.files.ticket!),
      trained: readTicketFile(output.files.trained!),
    };
    const write = (kind: "ticket" | "trained", of: typeof ticket, digest = of.specDigest) =>
      writeTicketFile(kind, digest, of, architecture);
    const swapped = ticket.mask["fc1.weight"]!.slice();
    swapped.reverse();
    const masked = (net: typeof ticket, mask: Uint8Array) => ({ ...net, mask: { ...net.mask, "fc1.weight": mask } });
    const dense = new Uint8Array(1024).fill(1);
    const refused = async (files: Partial<JobOutput["files"]>, message: RegExp) =>
      expect(submission({ files })).rejects.toThrow(message);
    await refused({ trained: write("ticket", trained) }, /trained: kind/);
    await refused({ trained: write("trained", trained, digest) }, /trained: spec digest/);
    await refused(
      { trained: write("trained", masked(trained, swapped)) },
      /expected the ticket's mask; that of fc1.weight/,
    );
    await refused(
      { ticket: write("ticket", masked(ticket, dense)), trained: write("trained", masked(trained, dense)) },
      /pruned weights of fc1.weight: expected 820; got 0/,
    );
    const pretrained = { ...ticket, weights: trained.weights };
    await refused({ ticket: write("ticket", pretrained) }, /expected the initial weights of seed 0/);
    await refused({ ticket: output.files.ticket!.subarray(0, -4) }, /bytes/);
    await refused({ result: new TextEncoder().encode(JSON.stringify(output.result, null, 1)) }, /canonical JSON/);
  });

  test("a signature by another key, an altered envelope, a file that is not there", async () => {
    const statement = makeStatement({
      result: output.result,
      resultDigest: digestOf(output.files.result),
      job,
      code,
      keyId: keyIdOf(key.publicKey),
    });
    const envelope = signStatement(statement, key);
    await submit(envelope, output.files);
    await expect(submit(envelope, output.files, { publicKey: newKeyPair().publicKey })).rejects.toThrow(
      /does not hold/,
    );
    const payload = `${envelope.payload[0] === "e" ? "f" : "e"}${envelope.payload.slice(1)}`;
    await expect(submit({ ...envelope, payload }, output.files)).rejects.toMatchObject({ code: "bad-signature" });
    await expect(submit(envelope, output.files, { absent: "trained" })).rejects.toThrow(/trained: expected file/);
    expect(parseResult(output.files.result)).toEqual(output.result);
    const phase = { ...output.result.phases[0]!, name: "training after extrusion 100", seconds: 1234.567890123 };
    const values = Object.keys(output.result.curves).map((name) => [
      name,
      Array(MAX_EVALUATIONS).fill(name === "phase" ? 999 : name === "iteration" ? 1e9 : 1 / 3),
    ]);
    const fullest = { ...output.result, phases: Array(MAX_PHASES).fill(phase), curves: Object.fromEntries(values) };
    expect(parseResult(canonicalBytes(fullest))).toEqual(fullest);
    const none = { ...output.result.accuracy!, afterCut: { correct: 0, total: 0, loss: 0 } };
    expect(() => parseResult(canonicalBytes({ ...output.result, accuracy: none }))).toThrow(
      /accuracy\.afterCut\.total/,
    );
    expect(() => parseResult(new Uint8Array(9 << 20))).toThrow(/expected at most 8388608 bytes/);
  });
});
