import { expect, test } from "vitest";
import { digestOf } from "./canonical.ts";
import { referenceEngine } from "./engine/reference/reference.ts";
import { writeInitialWeights } from "./initial-weights.ts";
import { models } from "./models/index.ts";
import { replay } from "./replay.ts";
import { seededRng } from "./rng.ts";
import { type RunOptions, runJob } from "./run-job.ts";
import { architectureOf, groupDigest, parseCompleteSpec, parseSpec, specDigest } from "./spec.ts";
import { readTicketFile, writeTensorFile } from "./tensor-file.ts";

const input = { dataset: "toy", model: "mlp-tiny", method: "random", sparsity: 0.5, recipe: { epochs: 1 } } as const;
const plain = parseSpec(input);
const net = architectureOf(plain);
const weights = models.get("mlp-tiny").initialise(net, seededRng(77));
const file = writeInitialWeights(weights, net);
const spec = parseSpec({ ...input, initial: digestOf(file) });

const run = (of: typeof spec, initial?: Uint8Array) => {
  const environment = { engine: "", device: "", reason: "", os: "", arch: "", cpu: "", node: "" };
  const options: RunOptions = {
    engine: referenceEngine(),
    environment: { ...environment, cores: 1, memoryBytes: 0 },
    read: async () => new Uint8Array(),
    now: () => 0,
    ...(initial && { initial }),
  };
  return runJob(of, options);
};

test("a spec names its initial weights by their digest; without, it is what it was", () => {
  expect(parseCompleteSpec(spec)).toEqual(spec);
  expect(specDigest(spec)).not.toBe(specDigest(plain));
  expect(groupDigest(spec)).not.toBe(groupDigest(plain));
  expect(Object.keys(plain)).not.toContain("initial");
  expect(() => parseSpec({ ...input, initial: "x" })).toThrow(/initial: expected a sha256 digest/);
});

test("a run starts from them, and the rest is the seed's as ever", async () => {
  const [given, drawn] = [await run(spec, file), await run(plain)];
  if (given === "stopped" || drawn === "stopped") throw new Error("stopped");
  const [a, b] = [readTicketFile(given.files.ticket!), readTicketFile(drawn.files.ticket!)];
  expect(a.mask).toEqual(b.mask); // drawn at random, from the seed
  for (const [name, values] of Object.entries(a.weights)) {
    const kept = a.mask[name];
    expect(values).toEqual(weights[name]!.map((weight, i) => (kept?.[i] === 0 ? 0 : weight)));
  }
  expect(given.result.spec).toEqual(spec);
  expect(given.result.trainedDigest).not.toBe(drawn.result.trainedDigest);
  const again = await replay(spec, { engine: referenceEngine(), read: async () => new Uint8Array(), initial: file });
  expect(again).toMatchObject({ ticket: given.result.ticketDigest, trained: given.result.trainedDigest });
});

test("a file that the spec does not name, or none where it names one, is refused", async () => {
  const other = writeInitialWeights(models.get("mlp-tiny").initialise(net, seededRng(78)), net);
  const [named, got] = [digestOf(file), digestOf(other)];
  await expect(run(spec, other)).rejects.toThrow(
    `expected the file with sha256 ${named}, as the spec says; got the file`,
  );
  await expect(run(spec)).rejects.toThrow("; got none");
  await expect(run(plain, other)).rejects.toThrow(`expected none, as the spec says; got the file with sha256 ${got}`);
});

test("only initial weights of the model are taken, and finite ones", async () => {
  const tries = async (bytes: Uint8Array) => run(parseSpec({ ...input, initial: digestOf(bytes) }), bytes);
  const tensors = (of: typeof weights) =>
    Object.entries(of).map(([name, values]) => ({ name, shape: [values.length], values, encoding: "dense" as const }));
  await expect(tries(writeTensorFile({ kind: "trained", meta: {}, tensors: [] }))).rejects.toThrow("got a trained");
  await expect(tries(writeTensorFile({ kind: "initial", meta: {}, tensors: tensors(weights) }))).rejects.toThrow(
    "expected fc1.weight f32 [16, 64]; got fc1.weight f32 [1024]",
  );
  const infinite = { ...weights, "fc2.bias": weights["fc2.bias"]!.map(() => Number.POSITIVE_INFINITY) };
  await expect(tries(writeInitialWeights(infinite, net))).rejects.toThrow("fc2.bias: expected finite numbers");
  const { "fc3.bias": _, ...short } = weights;
  const cut = {
    ...net,
    layers: net.layers.map((l) => (l.kind === "linear" && l.name === "fc3" ? { ...l, bias: false } : l)),
  };
  await expect(tries(writeInitialWeights(short, cut))).rejects.toThrow("expected fc3.bias f32 [4]; got no more");
});
