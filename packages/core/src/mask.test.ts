import { expect, test } from "vitest";
import {
  applyMask,
  denseMask,
  keptCount,
  leaving,
  type PickRule,
  pick,
  pickByScore,
  pruneCount,
  sparsityOf,
  uniformQuotas,
} from "./mask.ts";
import { Problem } from "./problem.ts";
import { seededRng } from "./rng.ts";

const rng = seededRng(1);
const quota = (prune: number, size: number, layers = ["w"]) => [{ layers, size, prune }];
const pruned = (kept: Uint8Array) => [...kept.keys()].filter((i) => kept[i] === 0);

test("counts: rounded up, never a whole layer, nothing at 0", () => {
  expect([pruneCount(0.5, 7), pruneCount(0, 7), pruneCount(0.999, 7), pruneCount(0.5, 1)]).toEqual([4, 0, 6, 0]);
  expect([pruneCount(0.9, 235_200), pruneCount(0.98, 30_000)]).toEqual([211_680, 29_400]);
});

test("the last round prunes the sparsity itself, the others their share of what is left", () => {
  const counts = (s: number, n: number) => [1, 2, 3].map((c) => uniformQuotas({ w: n }, s, c, 3)[0]!.prune);
  expect(counts(0.5, 2304)).toEqual([476, 853, 1152]);
  expect(counts(0, 2304)).toEqual([0, 0, 0]);
  expect(uniformQuotas({ a: 10, b: 20 }, 0.5)).toEqual([
    { layers: ["a"], size: 10, prune: 5 },
    { layers: ["b"], size: 20, prune: 10 },
  ]);
});

test("by magnitude: ties go to the lowest index", () => {
  const weights = { w: Float32Array.of(0.5, -0.1, 0.1, -0.5, 0.5, 0) };
  const by = (rule: PickRule, k: number) => pruned(pick(quota(k, 6), weights, rule, rng).w!);
  expect(by("smallest", 2)).toEqual([1, 5]);
  expect(by("smallest", 4)).toEqual([0, 1, 2, 5]);
  expect(by("largest", 2)).toEqual([0, 3]);
});

test("at random: the first of a permutation, the same for the same stream, whatever the weights", () => {
  const first = pick(quota(30, 100), { w: new Float32Array(100) }, "random", rng.stream("x")).w!;
  const weights = Float32Array.from({ length: 100 }, (_, i) => i);
  expect(pick(quota(30, 100), { w: weights }, "random", rng.stream("x")).w).toEqual(first);
  const order = rng.stream("x").stream("w").permutation(100);
  expect(pruned(first)).toEqual([...order.subarray(0, 30)].sort((a, b) => a - b));
  expect(pick(quota(30, 100), { w: weights }, "random", rng.stream("y")).w).not.toEqual(first);
});

test("earlier cuts by index stay, whatever became of the weights", () => {
  const mask = { w: Uint8Array.of(1, 0, 1, 1, 0, 1) };
  const weights = { w: Float32Array.of(3, 9, 1, 2, 9, 4) };
  const grown = (rule: PickRule) => pruned(pick(quota(3, 6), weights, rule, rng, { mask, by: "index" }).w!);
  expect(grown("smallest")).toEqual([1, 2, 4]);
  expect(grown("largest")).toEqual([1, 4, 5]);
  expect(grown("random")).toEqual(expect.arrayContaining([1, 4]));
});

test("earlier cuts by magnitude are the smallest weights now, as many as there were", () => {
  const mask = { w: Uint8Array.of(1, 0, 1, 1, 0, 1) };
  const weights = { w: Float32Array.of(3, 9, -1, 2, 9, 4) };
  const found = pruned(pick(quota(2, 6), weights, "random", rng, { mask, by: "magnitude" }).w!);
  expect(found).toEqual([2, 3]);
  const grown = pruned(pick(quota(3, 6), weights, "largest", rng, { mask, by: "magnitude" }).w!);
  expect(grown).toEqual([1, 2, 3]);
});

test("a quota may span layers; fewer than before is a bug", () => {
  const weights = { a: Float32Array.of(5, 1, 6), b: Float32Array.of(2, 7) };
  const mask = pick(quota(2, 5, ["a", "b"]), weights, "smallest", rng);
  expect(mask).toEqual({ a: Uint8Array.of(1, 0, 1), b: Uint8Array.of(0, 1) });
  const earlier = { mask, by: "index" } as const;
  expect(pick(quota(3, 5, ["a", "b"]), weights, "smallest", rng, earlier).a).toEqual(Uint8Array.of(0, 0, 1));
  expect(() => pick(quota(1, 5, ["a", "b"]), weights, "smallest", rng, earlier)).toThrow(/fewer/);
  expect(() => pick(quota(1, 4, ["a", "b"]), weights, "smallest", rng)).toThrow(/expected 4 weights; got 5/);
});

test("masks: counts, their opposite, and what they leave of weights", () => {
  const weights = { w: Float32Array.of(1, -2, Number.NaN, 4), b: Float32Array.of(7) };
  const mask = { w: Uint8Array.of(1, 0, 0, 1) };
  expect([keptCount(mask), sparsityOf(mask), sparsityOf(null), sparsityOf({})]).toEqual([2, 0.5, 0, 0]);
  expect(leaving(mask).w).toEqual(Uint8Array.of(0, 1, 1, 0));
  expect(denseMask(weights, ["w"])).toEqual({ w: Uint8Array.of(1, 1, 1, 1) });
  const left = applyMask(weights, mask);
  expect([...left.w!].map((x) => Object.is(x, 0) || x)).toEqual([1, true, true, 4]);
  expect(left.b).toEqual(weights.b);
  expect(left.b).not.toBe(weights.b);
});

test("the order of |w| is exact: subnormals, signed zeros, ties, in a layer of any size", () => {
  const special = [0, -0, 1e-45, -1e-45, 2e-45, 1, -1, 3e38];
  const w = Float32Array.from({ length: 3_000 }, () =>
    rng.below(2) ? special[rng.below(special.length)]! : (rng.uniform() - 0.5) / 2 ** rng.below(120),
  );
  const inOrder = (sign: number) => [...w.keys()].sort((a, b) => sign * (Math.abs(w[a]!) - Math.abs(w[b]!)) || a - b);
  const first = (indices: number[], k: number) => indices.slice(0, k).sort((a, b) => a - b);
  for (const k of [1, 700, 1_500, 2_999]) {
    expect(pruned(pick(quota(k, 3_000), { w }, "smallest", rng).w!)).toEqual(first(inOrder(1), k));
    expect(pruned(pick(quota(k, 3_000), { w }, "largest", rng).w!)).toEqual(first(inOrder(-1), k));
  }
});

test("by score: the lowest go, over all layers of a quota, ties to the lowest index", () => {
  const scores = { a: Float64Array.of(3, -1, 0, -0), b: Float32Array.of(-1, 2, 0) };
  const by = (prune: number) => pickByScore(quota(prune, 7, ["a", "b"]), scores);
  expect(by(0)).toEqual({ a: Uint8Array.of(1, 1, 1, 1), b: Uint8Array.of(1, 1, 1) });
  expect(by(1)).toEqual({ a: Uint8Array.of(1, 0, 1, 1), b: Uint8Array.of(1, 1, 1) });
  expect(by(3)).toEqual({ a: Uint8Array.of(1, 0, 0, 1), b: Uint8Array.of(0, 1, 1) });
  expect(by(4)).toEqual({ a: Uint8Array.of(1, 0, 0, 0), b: Uint8Array.of(0, 1, 1) });
  expect(by(6)).toEqual({ a: Uint8Array.of(1, 0, 0, 0), b: Uint8Array.of(0, 0, 0) });
  const each = [...quota(1, 4, ["a"]), ...quota(1, 3, ["b"])];
  expect(pickByScore(each, scores)).toEqual({ a: Uint8Array.of(1, 0, 1, 1), b: Uint8Array.of(0, 1, 1) });
});

test("by score: earlier cuts stay, whatever they score now, and are not looked at", () => {
  const mask = { w: Uint8Array.of(1, 0, 1, 1, 0) };
  const scores = { w: Float64Array.of(3, 9, 1, 2, Number.NaN) };
  expect(pickByScore(quota(3, 5), scores, mask).w).toEqual(Uint8Array.of(1, 0, 0, 1, 0));
  expect(pickByScore(quota(2, 5), scores, mask)).toEqual(mask);
  expect(mask.w).toEqual(Uint8Array.of(1, 0, 1, 1, 0));
  expect(() => pickByScore(quota(1, 5), scores, mask)).toThrow(/fewer than the 2/);
  expect(() => pickByScore(quota(1, 4), scores, mask)).toThrow(/expected 4 weights; got 5/);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("a score of %f is named", (score) => {
  const scores = { a: Float32Array.of(1), b: Float32Array.of(1, score) };
  const problem = new Problem("bad-spec", `scores of b: expected finite numbers; got ${score} at 1`);
  expect(() => pickByScore(quota(1, 3, ["a", "b"]), scores)).toThrow(problem);
});

test("by score, as a stable sort does it: many ties, many sizes", () => {
  for (let round = 0; round < 50; round++) {
    const w = Float64Array.from({ length: 1 + rng.below(60) }, () => rng.below(12) - 6);
    const k = rng.below(w.length + 1);
    const lowest = [...w.keys()].sort((a, b) => w[a]! - w[b]! || a - b).slice(0, k);
    expect(pruned(pickByScore(quota(k, w.length), { w }).w!)).toEqual(lowest.sort((a, b) => a - b));
  }
});
