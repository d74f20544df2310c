import { expect, test } from "vitest";
import { seededRng } from "./rng.ts";

test("pinned: these numbers are part of what a spec means", () => {
  // the first three also by a second implementation, in Python, of sha256 and xoshiro128** as published
  const rng = seededRng(7).stream("a").stream("b");
  expect([rng.uint32(), rng.uint32(), rng.uint32()]).toEqual([2370530426, 3460251711, 1769383500]);
  expect(seededRng(0).uniform()).toBe(0.8898744583129883);
  expect([...seededRng(1).permutation(10)]).toEqual([1, 3, 8, 0, 9, 7, 2, 5, 6, 4]);
});

test("a stream depends on seed and path alone, not on what was drawn before", () => {
  const fresh = seededRng(5);
  const used = seededRng(5);
  for (let i = 0; i < 100; i++) used.uint32();
  expect(used.stream("x").uint32()).toBe(fresh.stream("x").uint32());
  const path = (...names: string[]) => names.reduce((rng, name) => rng.stream(name), seededRng(5)).uint32();
  const all = [path(), path("a"), path("b"), path("a", "b"), path("ab"), path("a,b"), path('a","b'), path("", "a")];
  expect(new Set(all).size).toBe(all.length);
  expect(seededRng(6).stream("x").uint32()).not.toBe(seededRng(5).stream("x").uint32());
});

test("uniform lies in [0, 1) on a grid of 2⁻²⁴ and fills it evenly", () => {
  const rng = seededRng(11);
  const counts = new Uint32Array(10);
  for (let i = 0; i < 100_000; i++) {
    const u = rng.uniform();
    expect(u * 2 ** 24).toBe(Math.floor(u * 2 ** 24));
    counts[Math.floor(u * 10)]!++;
  }
  const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  expect(chiSquare).toBeLessThan(27.9); // 99.9 % of 9 degrees of freedom
});

test("below has no modulo bias, at the end of the range too", () => {
  const n = 3 * 2 ** 30; // by x % n, the lower third would come up twice as often
  const rng = seededRng(13);
  let low = 0;
  for (let i = 0; i < 30_000; i++) if (rng.below(n) < 2 ** 30) low++;
  expect(Math.abs(low - 10_000)).toBeLessThan(350);
  expect(seededRng(1).below(1)).toBe(0);
  for (const bad of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) expect(() => rng.below(bad)).toThrow(RangeError);
});

test("a permutation has each index once, and every order comes up", () => {
  const rng = seededRng(17);
  const order = rng.permutation(1000);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  const seen = new Map<string, number>();
  for (let i = 0; i < 6_000; i++) {
    const key = rng.permutation(3).join("");
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  expect(seen.size).toBe(6);
  for (const count of seen.values()) expect(Math.abs(count - 1_000)).toBeLessThan(130);
  expect([...rng.permutation(0)]).toEqual([]);
});

test("a seed is an integer in 0 … 2³²−1", () => {
  for (const bad of [-1, 2 ** 32, 0.5, Number.NaN]) expect(() => seededRng(bad)).toThrow(RangeError);
});
