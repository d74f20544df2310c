/** Tickets that are not the seed's, with everything else as an honest run has it. */
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { digestOf } from "./canonical.ts";
import { buildKernels } from "./engine/cpu/node/build.ts";
import { initialWeights, writeInitialWeights } from "./initial-weights.ts";
import { methods } from "./methods/index.ts";
import type { Ticket } from "./methods/method.ts";
import { plan } from "./plan.ts";
import { unknownEnvironment } from "./result.ts";
import { runJob } from "./run-job.ts";
import { checkSeedFixed } from "./seed-fixed.ts";
import { architectureOf, parseSpec, type Spec } from "./spec.ts";
import { readTicketFile } from "./tensor-file.ts";
import { type Engine, wasmEngine } from "./verify.ts";

let cpu: Engine;
beforeAll(async () => {
  cpu = await wasmEngine((await buildKernels()).bytes);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const specOf = (method: { id: string } & Record<string, unknown>, more: object = {}): Spec => {
  const sparsity = methods.get(method.id).sparse ? 0.8 : 0;
  return parseSpec({ dataset: "toy", model: "mlp-tiny", method, sparsity, recipe: { epochs: 1 }, ...more });
};

/** A run whose method finds the ticket that `forge` makes of its own. */
async function check(spec: Spec, forge: (ticket: Ticket) => Ticket = (ticket) => ticket, initial?: Uint8Array) {
  const method = methods.get(spec.method.id);
  const { findTicket } = method;
  vi.spyOn(method, "findTicket").mockImplementation(async (...given) => forge(await findTicket(...given)));
  const environment = unknownEnvironment(cpu);
  const read = async () => new Uint8Array();
  const done = await runJob(spec, { engine: cpu, environment, read, initial, now: () => 0 });
  vi.restoreAllMocks();
  if (done === "stopped") throw new Error("stopped");
  await checkSeedFixed(spec, readTicketFile(done.files.ticket!, architectureOf(spec)), await plan(spec));
}

/** By the last bit of one bias. */
const otherWeights = ({ weights, ...ticket }: Ticket): Ticket => {
  const bias = weights["fc3.bias"]!.map((value, i) => (i === 2 ? value * (1 + 2 ** -23) : value));
  return { ...ticket, weights: { ...weights, "fc3.bias": bias } };
};
const otherMask = ({ mask, ...ticket }: Ticket): Ticket => {
  return { ...ticket, mask: { ...mask, "fc2.weight": mask["fc2.weight"]!.toReversed() } };
};

const extrusion = { granularity: 0.1, interval: 2, settle: 10, learningRate: 0.01, batchSize: 20 };
const rounds = { rounds: 3, ...extrusion };
test.each<[string, object, string]>([
  ["dense", {}, "weights"],
  ["random", {}, "weights mask"],
  ["random", { pick: "largest" }, "weights mask"],
  ["snip", {}, "weights"],
  ["grasp", {}, "weights"],
  ["synflow", {}, "weights"],
  ["set", { every: 10 }, "weights mask"],
  ["rigl", { every: 10 }, "weights mask"],
  ["gmp", { every: 10 }, "weights"], // a dense mask is bound by its count
  ["lth", { epochs: 1 }, "weights"],
  ["lth", { control: "shuffled-mask" }, "weights"],
  ["lth", { control: "redrawn-weights" }, ""],
  ["lth-iter", { rounds: 2, epochs: 1 }, "weights"],
  ["lth-iter", { rounds: 2, epochs: 1, rewindTo: 5 }, ""],
  ["early-bird", { epochs: 1 }, ""],
  ["early-bird", { epochs: 1, weights: "initial" }, "weights"],
  ["l1", { denseEpochs: 1 }, ""],
  ["l1", { denseEpochs: 0 }, "weights mask"],
  ["l1-iter", { denseEpochs: 0, rounds: 2, epochs: 1 }, ""],
  ["scratch-equal-iterations", extrusion, "mask"],
  ["rst", extrusion, "mask"],
  ["rst", { ...extrusion, control: "shuffled-mask" }, "mask"],
  ["rst", { ...extrusion, control: "redrawn-weights" }, "mask"],
  ["rst-iter", { ...rounds, holdEarlier: true, betweenEpochs: 1 }, "mask"],
  ["rst-iter", { ...rounds, pick: "smallest" }, ""],
  ["rst-iter", { ...rounds, earlier: "magnitude" }, ""],
])(
  "%s %j: an honest run is taken; one that starts from other than the seed's %s is not",
  async (id, settings, fixed) => {
    const spec = specOf({ id, ...settings });
    await check(spec);
    const bent = check(spec, otherWeights);
    if (fixed.includes("weights"))
      await expect(bent).rejects.toThrow("the initial weights of seed 0; those of fc3.bias");
    else await bent;
    if (id === "dense" || id === "gmp") return;
    const swapped = check(spec, otherMask);
    if (fixed.includes("mask")) await expect(swapped).rejects.toThrow("the mask that seed 0 draws; that of fc2.weight");
    else await swapped;
  },
);

test("with initial weights from a file there is nothing to compare with", async () => {
  const plain = specOf({ id: "random" });
  const file = writeInitialWeights(initialWeights({ ...plain, seed: 9 }), architectureOf(plain));
  await check(specOf({ id: "random" }, { initial: digestOf(file) }), otherWeights, file);
});
