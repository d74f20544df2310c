/** What is particular to nets with batch norm and dropout: state among the weights, momentum without it, draws that resume. */
import { expect, test, vi } from "vitest";
import { toy } from "../datasets/toy.ts";
import type { Labels, Network, Update } from "../engine/engine.ts";
import { referenceEngine } from "../engine/reference/reference.ts";
import { type Architecture, type Layer, learned, parameters } from "../layers.ts";
import { uniformQuotas } from "../mask.ts";
import { methods } from "../methods/index.ts";
import type { Ticket } from "../methods/method.ts";
import { kaimingNormal } from "../models/initialise.ts";
import { resnetA } from "../models/resnet.ts";
import { seededRng } from "../rng.ts";
import { readTicketFile, writeTicketFile } from "../tensor-file.ts";
import { Trace } from "../trace.ts";
import type { Weights } from "../weights.ts";
import { shuffledBatches, withDropoutSeeds } from "./batches.ts";
import { denseNetwork, type Journal } from "./dense-network.ts";
import { newRecord } from "./record.ts";
import { readSnapshot, type Snapshot, writeSnapshot } from "./snapshot.ts";
import { type Position, Stopped } from "./train.ts";

const residual = resnetA(toy.shape, toy.classes, [2, 4], [1, 1]);
/** With a dropout before the classifier. */
const architecture: Architecture = {
  ...residual,
  layers: residual.layers.flatMap((layer): Layer[] =>
    layer.kind === "linear" ? [{ kind: "dropout", name: "drop", rate: 0.5 }, layer] : [layer],
  ),
};
const rng = seededRng(5);
const initial = kaimingNormal(architecture, rng.stream("initial"));
const sizes = Object.fromEntries(
  parameters(architecture).flatMap(({ name, size, prunable }) => (prunable ? [[name, size]] : [])),
);
const states = parameters(architecture).flatMap(({ name, kind }) => (kind === "state" ? [name] : []));
const short = { batchSize: 10, granularity: 0.25, interval: 1, settle: 3 };

const never = () => expect.unreachable("nothing is scored here");
const unused = { examples: never, gradients: never, hessianVector: never, flow: never };

async function opened(options: { journal?: Journal; stopAt?: number } = {}) {
  const { train } = await toy.load(async () => new Uint8Array());
  const network = await referenceEngine().compile(architecture, 10);
  const step = vi.spyOn(network, "step");
  let stopped: Position | undefined;
  const { dense: net } = denseNetwork({
    architecture,
    network,
    recipe: { ...toy.recipe, epochs: 1, batchSize: 10 },
    initial,
    rng,
    quotas: (sparsity, round, rounds) => uniformQuotas(sizes, sparsity, round, rounds),
    redraw: (draws) => kaimingNormal(architecture, draws),
    measures: unused,
    trainCount: 60,
    batches: withDropoutSeeds(
      shuffledBatches(
        toy,
        train,
        Uint32Array.from({ length: 60 }, (_, i) => i),
        rng,
      ),
      rng,
    ),
    trace: new Trace(),
    observe: () => ({
      evaluated: async () => {},
      between: async (iteration, position) => {
        if (iteration !== options.stopAt) return undefined;
        stopped = await position();
        return "stop";
      },
    }),
    journal: options.journal,
  });
  const seeds = () => step.mock.calls.map(([, , update]: [Float32Array, Labels, Update]) => update.dropoutSeed);
  return { net, network, seeds, stopped: () => stopped! };
}

const find = async (id: string, settings: object): Promise<Ticket> => {
  const method = methods.get(id);
  return method.findTicket((await opened()).net, 0.5, method.settings.parse(settings));
};

test("RST hands batch norm's state on to the final training; LTH rewinds it with the weights", async () => {
  expect(states.length).toBe(2 * 5);
  const lth = await find("lth", { epochs: 1 });
  expect(lth.weights).toEqual(initial);
  const rst = await find("rst", short);
  for (const name of states) expect(rst.weights[name], name).not.toEqual(initial[name]);
});

test("a ticket file carries the state, and only weights of the body are masked in it", async () => {
  const ticket = await find("rst", short);
  const file = readTicketFile(writeTicketFile("ticket", "ab".repeat(32), ticket, architecture), architecture);
  for (const name of states) expect(file.weights[name], name).toEqual(ticket.weights[name]);
  expect(Object.keys(file.mask)).toEqual(Object.keys(sizes));
  expect(file.mask).toEqual(ticket.mask);
});

const of = { specDigest: "cd".repeat(32), engine: "reference" };
const snapshotOf = async (network: Network, position: Position): Promise<Snapshot> => ({
  ticket: null,
  journal: {
    completed: [],
    running: { weights: await network.read("weights"), momentum: await network.read("momentum"), position },
  },
  trace: new Trace().state,
  record: newRecord(),
});

test("a snapshot holds weights with state and momentum without, and the phase goes on with the same draws", async () => {
  const phase = { name: "p", iterations: 9 };
  const whole = await opened();
  const trained = await whole.net.train(initial, phase);
  expect(new Set(whole.seeds()).size).toBe(9);

  const first = await opened({ stopAt: 5 });
  await expect(first.net.train(initial, phase)).rejects.toThrow(Stopped);
  const taken = await snapshotOf(first.network, first.stopped());
  expect(Object.keys(taken.journal.running.momentum)).toEqual(learned(architecture).map(({ name }) => name));
  const read = readSnapshot(writeSnapshot(of, taken, architecture), of, architecture);
  expect(read).toEqual(taken);

  const rest = await opened({ journal: read.journal });
  const resumed = await rest.net.train(initial, phase);
  expect([...first.seeds(), ...rest.seeds()]).toEqual(whole.seeds());
  for (const [name, values] of Object.entries(resumed)) expectNear(values, trained[name]!, name);
});

/** The reference engine's state is float64, a snapshot's float32. */
function expectNear(got: Weights[string], expected: Weights[string], name: string): void {
  for (let i = 0; i < expected.length; i++) expect(got[i], name).toBeCloseTo(expected[i]!, 4);
}

test("other phases and other seeds drop otherwise", async () => {
  const none = () => () => ({ images: new Float32Array(), labels: new Uint8Array() });
  const seedsOf = (seed: number, phase: number) => {
    const batches = withDropoutSeeds(none, seededRng(seed))(phase, 1);
    return Promise.all([0, 1, 2].map(async (iteration) => (await batches(iteration)).dropoutSeed));
  };
  const all = (await Promise.all([seedsOf(1, 0), seedsOf(1, 1), seedsOf(2, 0)])).flat();
  expect(new Set(all).size).toBe(9);
  expect(await seedsOf(1, 1)).toEqual(all.slice(3, 6));
});
