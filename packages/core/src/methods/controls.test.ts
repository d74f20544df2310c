/** What the controls, rewinding and the longer scratch ask for: by method alone, on a network that only pretends to train. */
import { expect, test } from "vitest";
import { keptCount, type Mask, uniformQuotas } from "../mask.ts";
import { Problem } from "../problem.ts";
import { seededRng } from "../rng.ts";
import { parseSpec } from "../spec.ts";
import type { Weights } from "../weights.ts";
import { methods } from "./index.ts";
import type { DenseNetwork, Phase, Ticket } from "./method.ts";

const SIZES = { a: 60, b: 40 };
const shortRst = { granularity: 0.25, interval: 2, settle: 10 };

const drawn = (name: string): Weights =>
  Object.fromEntries(
    Object.entries(SIZES).map(([layer, size]) => {
      const rng = seededRng(1).stream(name).stream(layer);
      return [layer, Float32Array.from({ length: size }, () => rng.uniform() - 0.5)];
    }),
  );

interface Found {
  readonly ticket: Ticket;
  readonly phases: readonly Phase[];
  /** What each phase started from, and what it ended with. */
  readonly given: readonly Weights[];
  readonly trained: readonly Weights[];
}

async function find(id: string, settings: object, seed = 5): Promise<Found> {
  const method = methods.get(id);
  const { id: _, ...complete } = parseSpec({
    ...{ dataset: "toy", model: "mlp-tiny", sparsity: 0.5 },
    method: { id, ...settings },
  }).method;
  const phases: Phase[] = [];
  const given: Weights[] = [];
  const trained: Weights[] = [];
  const net: Partial<DenseNetwork> = {
    initial: drawn("initial"),
    prunable: Object.keys(SIZES),
    rng: seededRng(seed),
    quotas: (sparsity, round, rounds) => uniformQuotas(SIZES, sparsity, round, rounds),
    iterations: 100,
    redraw: () => drawn("again"),
    train: async (weights, phase) => {
      phases.push(phase);
      given.push(weights);
      trained.push(drawn(`after phase ${phases.length}`));
      return trained.at(-1)!;
    },
  };
  return { ticket: await method.findTicket(net as DenseNetwork, 0.5, complete), phases, given, trained };
}

const counts = (mask: Mask) => Object.entries(mask).map(([name, kept]) => keptCount({ [name]: kept }));

test.each<[string, object]>([
  ["rst", shortRst],
  ["rst-iter", { ...shortRst, rounds: 2 }],
  ["lth", {}],
  ["lth-iter", { rounds: 2, rewindTo: 30 }],
])("%s: controls change one part of the ticket, and nothing before it", async (id, settings) => {
  const plain = await find(id, settings);

  const shuffled = await find(id, { ...settings, control: "shuffled-mask" });
  expect(shuffled.phases.map(({ name, mask }) => ({ name, mask }))).toEqual(
    plain.phases.map(({ name, mask }) => ({ name, mask })),
  );
  expect(shuffled.ticket.weights).toEqual(plain.ticket.weights);
  expect(shuffled.ticket.from).toBe(plain.ticket.from);
  expect(counts(shuffled.ticket.mask)).toEqual(counts(plain.ticket.mask));
  for (const [name, kept] of Object.entries(plain.ticket.mask)) {
    const both = kept.reduce((sum, k, i) => sum + k * shuffled.ticket.mask[name]![i]!, 0);
    expect(both / keptCount({ [name]: kept })).toBeLessThan(0.8); // half, by chance
  }
  const other = await find(id, { ...settings, control: "shuffled-mask" }, 6);
  expect(other.ticket.mask).not.toEqual(shuffled.ticket.mask);

  const redrawn = await find(id, { ...settings, control: "redrawn-weights" });
  expect(redrawn.ticket.mask).toEqual(plain.ticket.mask);
  expect(redrawn.ticket.weights).toEqual(drawn("again"));
  expect(redrawn.ticket.from ?? 0).toBe(0);
});

test.each<[string, object]>([
  ["rst", shortRst],
  ["rst-iter", { ...shortRst, rounds: 3 }],
])("%s without penalty runs the same iterations, to a ticket with the same mask", async (id, settings) => {
  const plain = await find(id, settings);
  const control = await find(id, { ...settings, control: "no-penalty" });
  const { penalty, ...phase } = plain.phases.at(-1)!;
  expect(penalty!.strength(3)).toBe(0.5);
  expect(control.phases.at(-1)).toEqual({ ...phase, penalty: undefined });
  expect(control.phases.map(({ iterations }) => iterations)).toEqual(plain.phases.map(({ iterations }) => iterations));
  expect(control.ticket).toEqual(plain.ticket);
});

test("scratch with equal iterations: RST's mask and iterations, under the mask, at the recipe's rate", async () => {
  const rst = await find("rst", { ...shortRst, batchSize: 50 });
  const scratch = await find("scratch-equal-iterations", { ...shortRst, batchSize: 50 });
  expect(scratch.phases).toMatchObject([{ iterations: rst.phases[0]!.iterations, batchSize: 50 }]);
  expect(scratch.phases[0]!.learningRate).toBeUndefined();
  expect(scratch.phases[0]!.mask).toEqual(rst.ticket.mask);
  expect(scratch.ticket).toEqual({ mask: rst.ticket.mask, weights: scratch.trained[0] });
  expect((await find("scratch-equal-iterations", {})).phases[0]!.iterations).toBe(89_996);
});

test("rewinding: k iterations first; rounds and the ticket go on from there", async () => {
  const { ticket, phases, given, trained } = await find("lth-iter", { rounds: 2, rewindTo: 30 });
  expect(phases.map(({ from, iterations }) => [from, iterations])).toEqual([
    [undefined, 30],
    [30, undefined],
    [30, undefined],
  ]);
  expect(phases.map(({ mask }) => mask !== undefined)).toEqual([false, false, true]);
  expect(given).toEqual([drawn("initial"), trained[0], trained[0]]);
  expect(ticket).toMatchObject({ weights: trained[0], from: 30 });
  const plain = await find("lth", {});
  expect(plain.given).toEqual([drawn("initial")]);
  expect(plain.ticket.weights).toEqual(drawn("initial"));
});

test("rewinding is to one of the recipe's iterations, of the recipe's batch size", async () => {
  await expect(find("lth", { rewindTo: 100 })).rejects.toThrow(
    new Problem("bad-spec", "method.rewindTo: expected fewer than the recipe's 100 iterations; got 100"),
  );
  await expect(find("lth-iter", { rewindTo: 30, batchSize: 10 })).rejects.toThrow(/^method\.batchSize: expected none/);
});
