/** A mask that changes while a ticket is trained: what the network holds around a change, resumed runs, and the proof of it. */
import { beforeAll, describe, expect, test } from "vitest";
import { canonicalBytes, digestOf } from "../canonical.ts";
import { buildKernels } from "../engine/cpu/node/build.ts";
import { wasmEngine } from "../engine/cpu/wasm.ts";
import type { Engine, Network } from "../engine/engine.ts";
import { referenceEngine } from "../engine/reference/reference.ts";
import { type Architecture, parameters } from "../layers.ts";
import { countKept, type Mask } from "../mask.ts";
import { cosineDecay } from "../methods/dynamic.ts";
import type { Remask, Remasked, Remasking } from "../methods/method.ts";
import { resolveFinal } from "../phase.ts";
import { plan } from "../plan.ts";
import { seededRng } from "../rng.ts";
import { type JobOutput, makeStatement, type RunOptions, runJob } from "../run.ts";
import { keyIdOf, newKeyPair, signStatement } from "../signature.ts";
import { architectureOf, parseSpec, type Spec, type SpecInput, specDigest } from "../spec.ts";
import { readTicketFile, writeTicketFile } from "../tensor-file.ts";
import { Trace } from "../trace.ts";
import { verifySubmission } from "../verify.ts";
import type { Weights } from "../weights.ts";
import type { Batches } from "./batches.ts";
import type { Recipe } from "./recipe.ts";
import { Diverged, noMomentum, train } from "./train.ts";

const engines: Record<string, Engine> = { reference: referenceEngine() };
beforeAll(async () => {
  engines.wasm = await wasmEngine((await buildKernels()).bytes);
});

const net: Architecture = {
  input: [1, 1, 4],
  classes: 2,
  layers: [
    { kind: "flatten" },
    { kind: "linear", name: "a", inputs: 4, outputs: 6, bias: true, prunable: true },
    { kind: "relu" },
    { kind: "linear", name: "b", inputs: 6, outputs: 2, bias: true, prunable: false },
  ],
};
const recipe: Recipe = {
  epochs: 1,
  batchSize: 5,
  learningRate: [{ epoch: 0, value: 0.05 }],
  momentum: 0.9,
  weightDecay: 0.001,
  nesterov: false,
  labelSmoothing: 0.1,
};
const ITERATIONS = 7;
const draw = (name: string, size: number) => {
  const stream = seededRng(7).stream(name);
  return Float32Array.from({ length: size }, () => stream.uniform() * 2 - 1);
};
const initial: Weights = Object.fromEntries(parameters(net).map(({ name, size }) => [name, draw(name, size)]));
const batches: Batches = (iteration) => ({
  images: draw(`images ${iteration}`, 20),
  labels: Uint8Array.of(0, 1, 1, 0, 1),
});

/** Weights by their part in the change: 0 never kept, 1 always, 2 dropped, 3 grown, 4 dropped and grown at once. */
const PARTS = Uint8Array.from({ length: 24 }, (_, i) => i % 5);
const maskOf = (...parts: number[]): Mask => ({ "a.weight": PARTS.map((part) => (parts.includes(part) ? 1 : 0)) });
const FIRST = maskOf(1, 2, 4);
const NEXT: Remasked = { mask: maskOf(1, 3, 4), survivors: maskOf(1) };

interface State {
  readonly weights: Float32Array;
  readonly momentum: Float32Array;
}

/** Trains under FIRST; `seen` is the state before each update. */
async function trained(
  engine: Engine,
  remask: Remask,
  {
    from = batches,
    drainAt = -1,
    rate,
  }: { from?: Batches; drainAt?: number; rate?: (iteration: number) => number } = {},
) {
  const network = await engine.compile(net, 5);
  const { step } = network;
  const stateOf = async (of: Network): Promise<State> => ({
    weights: (await of.read("weights"))["a.weight"]!,
    momentum: (await of.read("momentum"))["a.weight"]!,
  });
  const seen: State[] = [];
  network.step = async (...update) => {
    seen.push(await stateOf(network));
    await step.apply(network, update);
  };
  const resolved = resolveFinal({ mask: FIRST, weights: initial, remask }, recipe, 5 * ITERATIONS);
  const phase = rate ? { ...resolved, learningRate: rate } : resolved;
  const trace = new Trace();
  const ended = await train(network, phase, { weights: initial, momentum: noMomentum(net) }, recipe, from, trace, {
    evaluated: async () => {},
    between: async (iteration, position) => void (iteration === drainAt && (await position())),
  }).catch((error: unknown) => error);
  return { ended, seen, last: await stateOf(network), trace: trace.state };
}

const of = (values: Float32Array, ...parts: number[]) => values.filter((_, i) => parts.includes(PARTS[i]!));
const zeros = (...parts: number[]) => new Float32Array(PARTS.filter((part) => parts.includes(part)).length);

for (const engine of ["reference", "wasm"]) {
  describe(engine, () => {
    test("a change: what grew is 0 without momentum, what stayed is untouched, what went is 0", async () => {
      let at: Remasking | undefined;
      let gradients: Weights = {};
      const next = async (now: Remasking) => {
        at = now;
        gradients = await now.gradients();
        return NEXT;
      };
      const { seen, last, ended } = await trained(engines[engine]!, { every: 4, until: 4, next });
      const still = await trained(engines[engine]!, { every: 4, until: 3, next: () => expect.unreachable() });
      const [before, after] = [still.seen[4]!, seen[4]!];
      expect(seen.slice(0, 4)).toEqual(still.seen.slice(0, 4));
      expect(at).toMatchObject({ iteration: 4, mask: FIRST });
      expect(at!.weights["a.weight"]).toEqual(before.weights);

      expect(of(before.momentum, 1, 2, 4)).not.toContain(0);
      expect(of(after.weights, 1)).toEqual(of(before.weights, 1));
      expect(of(after.momentum, 1)).toEqual(of(before.momentum, 1));
      expect(of(after.weights, 0, 2, 3, 4)).toEqual(zeros(0, 2, 3, 4));
      expect(of(after.momentum, 0, 2, 3)).toEqual(zeros(0, 2, 3));
      expect(of(after.momentum, 4)).toEqual(of(before.momentum, 4)); // as the reference code has it
      expect(of(gradients["a.weight"]!, 0, 2, 3).some((g) => g !== 0)).toBe(true);

      expect(of(last.weights, 0, 2)).toEqual(zeros(0, 2));
      expect(of(last.weights, 1, 3, 4).filter((w) => w === 0).length).toBeLessThan(5); // behind a dead unit
      expect(ended).toBe(NEXT.mask);
    });

    test("changes come before iterations every, 2·every, … ≤ until, counted from the recipe's start", async () => {
      const seen: number[] = [];
      const next = async ({ iteration, mask }: Remasking) => {
        seen.push(iteration);
        return { mask };
      };
      await trained(engines[engine]!, { every: 2, until: 5, next });
      expect(seen).toEqual([2, 4]);
    });

    test("a loss that is not finite is found before the mask changes, whenever the losses are read", async () => {
      const nothing = new Float32Array(20).fill(Number.NaN);
      const poisoned: Batches = async (i) => ({ ...(await batches(i)), ...(i === 2 && { images: nothing }) });
      const next = async () => NEXT;
      const runs = [];
      for (const drainAt of [-1, 3])
        runs.push(await trained(engines[engine]!, { every: 4, until: 4, next }, { from: poisoned, drainAt }));
      for (const { ended } of runs) {
        expect(ended).toBeInstanceOf(Diverged);
        expect(ended).toMatchObject({ iterations: 3 });
      }
      expect(runs[0]!.trace).toEqual(runs[1]!.trace);
    });

    test("a mask is made of finite weights only", async () => {
      const next = () => expect.unreachable("weights are not finite");
      const rate = (iteration: number) => (iteration === 3 ? Number.MAX_VALUE : 0.05);
      const { ended, trace } = await trained(engines[engine]!, { every: 4, until: 4, next }, { rate });
      expect(ended).toMatchObject({
        message: "final training, iteration 4: the weights are not finite",
        iterations: 4,
      });
      expect(trace.blocks).toBe(1);
    });
  });
}

const toy = (input: Partial<SpecInput>): Spec =>
  parseSpec({ dataset: "toy", model: "mlp-tiny", method: "set", sparsity: 0.8, ...input });
const METHODS: readonly (readonly [string, Partial<SpecInput>])[] = [
  ["set", { method: { id: "set", every: 10 } }],
  ["rigl", { method: { id: "rigl", every: 10, untilShare: 1 }, scope: "global" }],
  ["gmp", { method: { id: "gmp", every: 10, startShare: 0.1 } }],
];

const options = (more: Partial<RunOptions> = {}): RunOptions => ({
  engine: engines.wasm!,
  environment: {
    ...{ engine: "cpu", device: "test", reason: "test", os: "test", arch: "test", cpu: "test", node: "test" },
    ...{ cores: 1, memoryBytes: 1 },
  },
  read: async () => new Uint8Array(),
  now: () => 0,
  ...more,
});
async function complete(spec: Spec, more?: Partial<RunOptions>): Promise<JobOutput> {
  const output = await runJob(spec, options(more));
  if (output === "stopped") throw new Error("stopped");
  return output;
}

test.each(METHODS)(
  "%s: stopped between two changes, before one and after one, and resumed: the same bits",
  async (_, input) => {
    const spec = toy(input);
    const whole = await complete(spec);
    const masks = [readTicketFile(whole.files.ticket!), readTicketFile(whole.files.trained!)].map(({ mask }) => mask);
    expect(masks[0]).not.toEqual(masks[1]);
    let resume: Uint8Array | undefined;
    for (const stop of [5, 34, 40, 41, 75]) {
      const between: RunOptions["between"] = async ({ iteration, snapshot }) => {
        if (iteration !== stop) return undefined;
        resume = await snapshot();
        return "stop";
      };
      expect(await runJob(spec, options({ resume, between }))).toBe("stopped");
    }
    const { result, files } = await complete(spec, { resume });
    expect(files.ticket).toEqual(whole.files.ticket);
    expect(files.trained).toEqual(whole.files.trained);
    expect(result.trace).toEqual(whole.result.trace);
  },
);

describe("the proof of a mask that changes", () => {
  const key = newKeyPair();
  const job = { id: crypto.randomUUID(), attempt: 1, leaseNonce: "n".repeat(30), kind: "run" as const };
  const code = { commit: "ab".repeat(20), dirty: false, version: "0.1.0" };
  const keyId = keyIdOf(key.publicKey);

  function submit(spec: Spec, { result, files }: JobOutput) {
    const statement = makeStatement({ result, resultDigest: digestOf(files.result), job, code, keyId });
    return verifySubmission({
      envelope: signStatement(statement, key),
      publicKey: key.publicKey,
      expected: {
        jobId: job.id,
        attempt: 1,
        nonce: job.leaseNonce,
        specDigest: specDigest(spec),
        keyId,
        kind: "run",
        commit: null,
      },
      file: async (_, name) => files[name],
    });
  }

  test.each(METHODS)(
    "%s: taken; refused with a weight too many in the ticket or in the trained net",
    async (_, input) => {
      const spec = toy({ recipe: { epochs: 2 }, ...input });
      const output = await complete(spec);
      await expect(submit(spec, output)).resolves.toMatchObject({ result: { outcome: "completed" } });
      for (const kind of ["ticket", "trained"] as const) {
        const { mask, weights } = readTicketFile(output.files[kind]!);
        const bent = mask["fc1.weight"]!.slice();
        const one = bent.indexOf(countKept(bent) === bent.length ? 1 : 0);
        bent[one] = 1 - bent[one]!;
        const net = { mask: { ...mask, "fc1.weight": bent }, weights };
        const file = writeTicketFile(kind, specDigest(spec), net, architectureOf(spec));
        const result = { ...output.result, [`${kind}Digest`]: digestOf(file) };
        const files = { ...output.files, result: canonicalBytes(result), [kind]: file };
        await expect(submit(spec, { result, files })).rejects.toThrow(
          new RegExp(`^${kind}: pruned weights of fc1.weight.*: expected \\d+; got \\d+$`),
        );
      }
    },
  );

  test.each(["set", "rigl"])("%s, scope global: refused where layers trade weights", async (id) => {
    const spec = toy({ method: { id, every: 10 }, sparsity: 0.9, scope: "global", recipe: { epochs: 2 } });
    const output = await complete(spec);
    await submit(spec, output);
    const { mask, weights } = readTicketFile(output.files.trained!);
    const [more, fewer] = [mask["fc1.weight"]!.slice(), mask["fc2.weight"]!.slice()];
    more[more.indexOf(0)] = 1;
    fewer[fewer.indexOf(1)] = 0;
    const net = { mask: { ...mask, "fc1.weight": more, "fc2.weight": fewer }, weights };
    const trained = writeTicketFile("trained", specDigest(spec), net, architectureOf(spec));
    const result = { ...output.result, trainedDigest: digestOf(trained) };
    const files = { ...output.files, result: canonicalBytes(result), trained };
    await expect(submit(spec, { result, files })).rejects.toThrow(/^trained: kept weights of fc1.weight: expected/);
  });

  test("the plan of a mask that grows is of a dense start", async () => {
    const { phases } = await plan(toy({ method: { id: "gmp", every: 10 } }));
    expect(phases).toMatchObject([{ name: "final training", iterations: 75, sparsity: 0 }]);
  });
});

describe("settings", () => {
  test("the share that a change replaces falls from all of rate to nothing, as a cosine", () => {
    expect([cosineDecay(0), cosineDecay(1)]).toEqual([1, 0]);
    for (let x = 0; x <= 1; x += 1 / 64) {
      expect(Math.abs(cosineDecay(x) - (1 + Math.cos(Math.PI * x)) / 2)).toBeLessThan(2.3e-16);
    }
  });

  test.each<[string, Partial<SpecInput>, RegExp]>([
    ["set", { method: "set", recipe: { epochs: 1 } }, /every: expected fewer than the 25 iterations.*; got 25/],
    ["rigl", { method: "rigl" }, /every: expected fewer than the 56 iterations.*; got 100/],
    ["gmp", { method: "gmp" }, /expected a pruning every 100 iterations.* 75; got none/],
  ])("%s: a recipe too short for any change is refused", async (_, input, message) => {
    await expect(plan(toy(input))).rejects.toThrow(message);
  });
});
