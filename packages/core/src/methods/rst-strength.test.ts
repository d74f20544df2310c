import { expect, test } from "vitest";
import { extrusionStrength } from "./rst-strength.ts";

const published = { schedule: "x", interval: 5, granularity: 1e-4, limit: 1, settle: 40_000 } as const;

test("the published phase: 10,000 raises, the last at 49,995, 89,996 updates", () => {
  const { raises, finish, iterations, strength } = extrusionStrength(published);
  expect([raises.length, finish, iterations]).toEqual([10_000, 49_995, 89_996]);
  expect([0, 4, 5].map(strength)).toEqual([raises[0], raises[0], raises[1]]);
  expect(raises[0]).toBe(Math.fround(1e-4));
  expect(strength(89_995)).toBe(raises[9_999]);
  expect(raises[9_998]).toBeLessThanOrEqual(1);
  expect(raises[9_999]).toBeGreaterThan(1);
});

test("strength accumulates in float32: at 10⁻³ it takes 1,001 raises, in float64 1,000", () => {
  expect(extrusionStrength({ ...published, granularity: 1e-3 }).raises.length).toBe(1_001);
});

test("square and cube of the accumulator, each product rounded; they pass 1 together with it", () => {
  const f = Math.fround;
  const sum = f(f(0.3) + f(0.3));
  const at = (schedule: "x2" | "x3") => extrusionStrength({ ...published, schedule, granularity: 0.3 }).raises;
  expect(at("x2")[1]).toBe(f(sum * sum));
  expect(at("x3")[1]).toBe(f(f(sum * sum) * sum));
  expect([at("x2").length, at("x3").length]).toEqual([4, 4]);
});

test("a limit that is met exactly is not passed yet", () => {
  const { raises } = extrusionStrength({ ...published, granularity: 0.25 });
  expect([...raises]).toEqual([0.25, 0.5, 0.75, 1, 1.25]);
});
