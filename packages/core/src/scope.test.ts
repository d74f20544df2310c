import { expect, test } from "vitest";
import { type Parameter, parameters } from "./layers.ts";
import { methods } from "./methods/index.ts";
import { models } from "./models/index.ts";
import { plan } from "./plan.ts";
import { densities, erdosRenyi, keptCounts, quotasOf, SCOPES, smartRatio } from "./scope.ts";
import { parseSpec } from "./spec.ts";

const prunableOf = (model: string, input: [number, number, number]): Parameter[] =>
  parameters(models.get(model).architecture(input, 10)).filter(({ prunable }) => prunable);
const NETS = {
  "mlp-tiny": prunableOf("mlp-tiny", [1, 8, 8]),
  "lenet-300-100": prunableOf("lenet-300-100", [1, 28, 28]),
  "resnet-56": prunableOf("resnet-56", [3, 32, 32]),
};
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

for (const scope of SCOPES.filter((id) => id !== "uniform")) {
  test.each(Object.entries(NETS))(`${scope} of %s: exactly ceil(s·n), and rounds nest`, (_, prunable) => {
    const size = sum(prunable.map((parameter) => parameter.size));
    for (const sparsity of [0, 0.001, 0.03, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99]) {
      for (const rounds of [1, 5, 100]) {
        let before = prunable.map(() => 0);
        for (let round = 1; round <= rounds; round++) {
          const quotas = quotasOf(scope, prunable, sparsity, round, rounds);
          const pruned = quotas.map(({ prune }) => prune);
          expect(quotas.flatMap(({ layers }) => layers)).toEqual(prunable.map(({ name }) => name));
          if (round === rounds) expect(sum(pruned)).toBe(Math.ceil(sparsity * size));
          for (const [i, count] of pruned.entries()) {
            expect(count).toBeGreaterThanOrEqual(before[i]!);
            expect(count).toBeLessThan(quotas[i]!.size);
          }
          before = pruned;
        }
      }
    }
  });
}

const SHAPES = [
  [3, 2, 3, 3],
  [2, 2, 1, 1],
  [2, 3],
  [5, 7],
  [7, 5],
];

test.each([
  ["erk", erdosRenyi(SHAPES, true)],
  ["er", erdosRenyi(SHAPES, false)],
  ["smart-ratio", smartRatio(SHAPES)],
])("%s: one weight more in all is one weight more in one layer, from one in each to all", (_, layout) => {
  const all = sum(layout.sizes);
  let before = keptCounts(layout, SHAPES.length);
  expect(before).toEqual(SHAPES.map(() => 1));
  for (let keep = SHAPES.length + 1; keep <= all; keep++) {
    const counts = keptCounts(layout, keep);
    expect(sum(counts.map((count, i) => Math.abs(count - before[i]!)))).toBe(1);
    expect(sum(counts)).toBe(keep);
    before = counts;
    const wanted = densities(layout, keep - 0.5); // a little below: at `all` no scale is the last
    for (const [i, count] of counts.entries()) expect(Math.abs(count - wanted[i]! * layout.sizes[i]!)).toBeLessThan(2);
  }
  expect(before).toEqual(layout.sizes);
});

test("erk: density in proportion to Σ shape ÷ Π shape; a layer above 1 is dense and the others share what it leaves", () => {
  const shapes = [
    [10, 20],
    [10, 10, 3, 3],
    [2, 4],
  ];
  const [a, b, c] = densities(erdosRenyi(shapes, true), 40);
  expect(a! / b!).toBeCloseTo(30 / 200 / (26 / 900), 12);
  expect(a! / c!).toBeCloseTo(30 / 200 / (6 / 8), 12);
  expect(200 * a! + 900 * b! + 8 * c!).toBeCloseTo(40, 10);
  // at 100 of 1108 the scale would be 100 / 62 and c 1.2 dense: so c is dense, and a and b share 92 as 30 to 26
  const crowded = densities(erdosRenyi(shapes, true), 100);
  for (const [i, density] of [(92 * 30) / 56 / 200, (92 * 26) / 56 / 900, 1].entries())
    expect(crowded[i]).toBeCloseTo(density, 12);
});

test("smart-ratio: d² + d of the d-th layer from the end, the classifier the first; a full layer's surplus goes to the next", () => {
  const layout = smartRatio([
    [10, 10],
    [10, 10],
    [10, 10],
  ]);
  // 20 : 12 : 6
  expect(keptCounts(layout, 38)).toEqual([20, 12, 6]);
  // scale 6: 120, 72, 36: the 20 too many of the first go to the second
  expect(keptCounts(layout, 228)).toEqual([100, 92, 36]);
  // scale 7: 140, 84, 42: 24 of the 40 fill the second, 16 go on to the third
  expect(keptCounts(layout, 266)).toEqual([100, 100, 66]);
});

test("a sparsity that leaves a layer empty is refused with its numbers", () => {
  for (const scope of ["erk", "smart-ratio"] as const)
    expect(() => quotasOf(scope, NETS["resnet-56"], 0.99995)).toThrow(
      expect.objectContaining({
        code: "bad-spec",
        message:
          "sparsity: expected to keep at least one weight in each of the 54 layers of this scope; got 42 of 847872 kept",
      }),
    );
  expect(() => quotasOf("global", NETS["mlp-tiny"], 0.9999)).toThrow("at least one weight; got 0 of 1280 kept");
  expect(quotasOf("global", NETS["mlp-tiny"], 1279 / 1280)[0]!.prune).toBe(1279);
});

test.each(methods.list.filter(({ sparse }) => sparse).map(({ id }) => id))(
  "%s: a plan refuses what no scope but uniform can fill",
  async (id) => {
    const brief = { set: { every: 1 }, rigl: { every: 1 }, gmp: { every: 1 } }[id];
    for (const scope of ["global", "erk", "smart-ratio"]) {
      const method = { id, ...brief };
      const spec = parseSpec({ dataset: "toy", model: "mlp-tiny", method, sparsity: 0.9999, scope });
      await expect(plan(spec)).rejects.toThrow(/expected to keep at least one weight/);
    }
  },
);
