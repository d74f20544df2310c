/** What SET, RigL and gradual pruning make of one layer's weights and gradients; whole runs are in methods.test.ts. */
import { expect, test } from "vitest";
import { countKept, keptCount, type Mask, uniformQuotas } from "../mask.ts";
import { seededRng } from "../rng.ts";
import type { Weights } from "../weights.ts";
import { cosineDecay, rigl, set } from "./dynamic.ts";
import { gmp } from "./gmp.ts";
import type { DenseNetwork, Ticket } from "./method.ts";
import { random } from "./random.ts";

const never = () => expect.unreachable("nothing is trained or scored here");
const SIZES = { a: 100, b: 40 };
const weightsOf = (name: string): Weights => {
  const rng = seededRng(3).stream(name);
  return Object.fromEntries(
    Object.entries(SIZES).map(([layer, size]) => [
      layer,
      Float32Array.from({ length: size }, () => rng.uniform() - 0.5),
    ]),
  );
};
const net: DenseNetwork = {
  initial: weightsOf("initial"),
  prunable: Object.keys(SIZES),
  rng: seededRng(1),
  quotas: (sparsity, round, rounds) => uniformQuotas(SIZES, sparsity, round, rounds),
  iterations: 400,
  epochIterations: 50,
  ...{ train: never, redraw: never, examples: never, gradients: never, hessianVector: never, flow: never },
};

const moved = (mask: Mask, by: Mask, from: 0 | 1, to: 0 | 1) =>
  Array.from(mask.a!.keys()).filter((i) => mask.a![i] === from && by.a![i] === to);
/** One change of the mask at an iteration; weights and gradients are drawn, unless given. */
async function change(
  ticket: Ticket,
  iteration: number,
  given: { mask?: Mask; gradients?: () => Promise<Weights> } = {},
) {
  const { mask = ticket.mask, gradients = async () => weightsOf("gradients") } = given;
  const weights = weightsOf("weights");
  for (const [layer, kept] of Object.entries(mask))
    for (let i = 0; i < kept.length; i++) weights[layer]![i]! *= kept[i]!;
  const next = await ticket.remask!.next({ iteration, mask, weights, gradients });
  return { ...next, survivors: next.survivors ?? next.mask, weights };
}
const ticketOf = {
  set: () => set.findTicket(net, 0.7, { rate: 0.5 }),
  rigl: () => rigl.findTicket(net, 0.7, { every: 100, rate: 0.3, untilShare: 0.75 }),
};

test("both start from random's mask and the initial weights; SET changes each epoch, RigL up to a share of the recipe", async () => {
  const scratch = await random.findTicket(net, 0.7, { pick: "random" });
  const [a, b] = [await ticketOf.set(), await ticketOf.rigl()];
  for (const { mask, weights } of [a, b]) expect({ mask, weights }).toEqual(scratch);
  expect(a.remask).toMatchObject({ every: 50, until: 400 });
  expect(b.remask).toMatchObject({ every: 100, until: 300 });
});

for (const [id, rate, until] of [
  ["set", 0.5, 400],
  ["rigl", 0.3, 300],
] as const) {
  test(`${id}: as many of the smallest weights are dropped as rate and cosine say, and as many grow`, async () => {
    const ticket = await ticketOf[id]();
    for (const iteration of [50, 100, 200, 250, until]) {
      const { mask, survivors, weights } = await change(ticket, iteration);
      const dropped = moved(ticket.mask, survivors, 1, 0);
      expect(dropped.length).toBe(Math.ceil(rate * cosineDecay(iteration / until) * 30));
      expect(countKept(mask.a!)).toBe(30);
      expect(countKept(mask.b!)).toBe(12);
      expect(moved(survivors, mask, 1, 0)).toEqual([]);
      const size = (i: number) => Math.abs(weights.a![i]!);
      const smallestLeft = Math.min(...moved(survivors, survivors, 1, 1).map(size));
      for (const i of dropped) expect(size(i)).toBeLessThan(smallestLeft);
    }
    expect((await change(ticket, until)).mask).toEqual(ticket.mask);
  });

  test(`${id}: a layer that has nothing pruned is left alone`, async () => {
    const mask: Mask = { ...(await ticketOf[id]()).mask, b: new Uint8Array(40).fill(1) };
    const { mask: next, survivors } = await change(await ticketOf[id](), 100, { mask });
    expect([next.b, survivors.b]).toEqual([mask.b, mask.b]);
    expect(next.a).not.toEqual(mask.a);
  });
}

test("SET draws what grows among all that is pruned, anew at each change, the same when asked again; it takes no gradients", async () => {
  const ticket = await ticketOf.set();
  const grown = async (iteration: number) => {
    const { mask, survivors } = await change(ticket, iteration, { gradients: never });
    return moved(survivors, mask, 0, 1);
  };
  expect(await grown(50)).toEqual(await grown(50));
  expect(await grown(50)).not.toEqual(await grown(51));
  const times = new Float64Array(100);
  for (let iteration = 1; iteration <= 40; iteration++) for (const i of await grown(iteration)) times[i]!++;
  const { survivors } = await change(ticket, 1);
  const often = Array.from(times.keys()).filter((i) => survivors.a![i] === 0 && times[i] === 0);
  expect(often).toEqual([]); // 40 draws of 15 in 85: one that cannot grow is chance in 2,000 each
});

test("RigL grows the largest gradients of all that is pruned, just dropped ones included; ties to the lowest index", async () => {
  const ticket = await ticketOf.rigl();
  const { mask, survivors } = await change(ticket, 100);
  const slope = (i: number) => Math.abs(weightsOf("gradients").a![i]!);
  const grown = moved(survivors, mask, 0, 1);
  expect(grown.length).toBe(7); // ⌈0.3 · 0.75 · 30⌉
  const largestLeft = Math.max(...moved(survivors, mask, 0, 0).map(slope));
  for (const i of grown) expect(slope(i)).toBeGreaterThan(largestLeft);

  const flat = async () =>
    Object.fromEntries(Object.entries(SIZES).map(([layer, size]) => [layer, new Float32Array(size)]));
  const tied = await change(ticket, 100, { gradients: flat });
  expect(moved(tied.survivors, tied.mask, 0, 1)).toEqual(moved(tied.survivors, tied.survivors, 0, 0).slice(0, 7));

  const dropped = moved(ticket.mask, survivors, 1, 0);
  const steep = async () => ({
    ...(await flat()),
    a: Float32Array.from({ length: 100 }, (_, i) => (dropped.includes(i) ? -1 : 0)),
  });
  expect((await change(ticket, 100, { gradients: steep })).mask.a).toEqual(ticket.mask.a);
});

test("GMP follows the cubic schedule from its start to its end, and prunes the smallest weights that are left", async () => {
  const ticket = await gmp.findTicket(net, 0.8, { every: 20, startShare: 0.22, endShare: 0.78 });
  expect(ticket.remask).toMatchObject({ every: 20, until: 300 });
  expect(keptCount(ticket.mask)).toBe(140);
  let { mask } = ticket;
  const counts: number[] = [];
  for (let iteration = 20; iteration <= 300; iteration += 20) {
    const next = await change(ticket, iteration, { mask, gradients: never });
    const gone = moved(mask, next.mask, 1, 0).map((i) => Math.abs(next.weights.a![i]!));
    const left = moved(next.mask, next.mask, 1, 1).map((i) => Math.abs(next.weights.a![i]!));
    if (gone.length > 0) expect(Math.max(...gone)).toBeLessThan(Math.min(...left));
    expect(moved(mask, next.mask, 0, 1)).toEqual([]);
    mask = next.mask;
    counts.push(100 - countKept(mask.a!));
  }
  // 80 · (1 − (1 − (t − 100)/200)³), rounded up
  expect(counts).toEqual([0, 0, 0, 0, 0, 22, 40, 53, 63, 70, 75, 78, 80, 80, 80]);
});
