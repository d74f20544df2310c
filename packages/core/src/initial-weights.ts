/**
 * Initial weights from outside, such as a PyTorch initialisation: a tensor file of kind "initial" with every parameter of the
 * model in its order, nothing masked. A spec names the file by its digest, so that it still fixes what is computed.
 */
import { digestOf } from "./canonical.ts";
import { type Architecture, parameters } from "./layers.ts";
import { models } from "./models/index.ts";
import { Problem } from "./problem.ts";
import { seededRng } from "./rng.ts";
import { architectureOf, type Spec } from "./spec.ts";
import { readTensorFile, writeTensorFile } from "./tensor-file.ts";
import type { Weights } from "./weights.ts";

export const writeInitialWeights = (weights: Weights, architecture: Architecture): Uint8Array =>
  writeTensorFile({
    kind: "initial",
    meta: {},
    tensors: parameters(architecture).map(({ name, shape }) => ({
      ...{ name, shape, values: weights[name]!, encoding: "dense" },
    })),
  });

/** Throws Problem "bad-file" unless these are exactly the architecture's parameters, every number finite. */
export function readInitialWeights(bytes: Uint8Array, architecture: Architecture): Weights {
  const { tensors } = readTensorFile(bytes, (header) => {
    if (header.kind !== "initial") throw bad(`expected a file of initial weights; got a ${header.kind}`);
    const show = (name: string, dtype: string, shape: readonly number[]) => `${name} ${dtype} [${shape.join(", ")}]`;
    const expected = parameters(architecture).map(({ name, shape }) => show(name, "f32", shape));
    const got = header.tensors.map(({ name, dtype, shape }) => show(name, dtype, shape));
    for (let i = 0; i < Math.max(expected.length, got.length); i++)
      if (expected[i] !== got[i]) throw bad(`expected ${expected[i] ?? "no more tensors"}; got ${got[i] ?? "no more"}`);
  });
  return Object.fromEntries(
    tensors.map(({ name, values }) => {
      if (!values.every(Number.isFinite)) throw bad(`${name}: expected finite numbers`);
      return [name, values as Float32Array];
    }),
  );
}

const bad = (message: string): Problem => new Problem("bad-file", `initial weights: ${message}`);

/** What a run starts from: the file that its spec names, or else the model's own draws. Throws Problem "bad-file". */
export function initialWeights(spec: Spec, file?: Uint8Array): Weights {
  const got = file && digestOf(file);
  if (got !== spec.initial) {
    const show = (digest: string | undefined) => (digest ? `the file with sha256 ${digest}` : "none");
    throw bad(`expected ${show(spec.initial)}, as the spec says; got ${show(got)}`);
  }
  const architecture = architectureOf(spec);
  if (file) return readInitialWeights(file, architecture);
  return models.get(spec.model).initialise(architecture, seededRng(spec.seed).stream("initial"));
}
