import { describe, expect, test } from "vitest";
import { normals } from "../normal.ts";
import { seededRng } from "../rng.ts";
import { judge, signedRank, votes } from "./confirm.ts";

const rule = { floor: 0.05, spread: 3, rounds: 8 };

/** Rounds on a machine that slows down and speeds up, and adds noise of its own to each run. */
function rounds(seed: number, n: number, change: number, noise = 0.02) {
  const rng = seededRng(seed).stream("rounds");
  const normal = normals(rng);
  const base: number[] = [];
  const head: number[] = [];
  for (let i = 0; i < n; i++) {
    const machine = 100 * (1 + rng.uniform());
    base.push(machine * (1 + noise * normal()));
    head.push(machine * (1 + change) * (1 + noise * normal()));
  }
  return { base, head };
}
const judged = (seed: number, n: number, change: number, noise?: number) => {
  const { base, head } = rounds(seed, n, change, noise);
  return judge(base, head, rule);
};

test("the signed-rank test gives its exact chances", () => {
  expect(signedRank([1, 2, 3, 4, 5])).toBe(2 / 32);
  expect(signedRank([1, 2, 3, 4, 5, 6, 7, 8])).toBe(2 / 256);
  expect(signedRank([-1, 2, 3, 4, 5, 6, 7, 8])).toBe(4 / 256);
  expect(signedRank([-1, 1])).toBe(1);
  expect(signedRank([0, 0])).toBe(1);
  expect(signedRank([0, 1, 2])).toBe(0.5);
  expect(signedRank([1, 1, 1, -1])).toBe(10 / 16); // shared ranks of 2.5
});

describe("of two commits run in turns", () => {
  test("a change of 10 % is found on a machine whose speed varies twofold, and measured", () => {
    for (let seed = 0; seed < 50; seed++) {
      const { state, change, interval, before, after } = judged(seed, 8, 0.1);
      expect(state).toBe("changed");
      expect(change).toBeGreaterThan(0.05);
      expect(change).toBeLessThan(0.15);
      expect(interval[0]).toBeLessThan(change);
      expect(interval[1]).toBeGreaterThan(change);
      expect(before).toBeGreaterThan(100);
      expect(after).toBeGreaterThan(100);
    }
  });

  test("no change is not one, in 2,000 tries of 2 and 6 % of noise", () => {
    let changed = 0;
    for (let seed = 0; seed < 2_000; seed++)
      for (const n of [8, 12]) if (judged(seed, n, 0, seed % 2 === 0 ? 0.02 : 0.06).state === "changed") changed++;
    expect(changed).toBeLessThanOrEqual(20); // 0.5 % of 4,000
  });

  test("the interval covers the truth about as often as it says", () => {
    let covered = 0;
    for (let seed = 0; seed < 500; seed++) {
      const [low, high] = judged(seed, 12, 0.1).interval;
      if (low <= 0.1 && 0.1 <= high) covered++;
    }
    expect(covered / 500).toBeGreaterThan(0.92);
    expect(covered / 500).toBeLessThan(0.985);
  });

  test("asks for more while it does not know, lets go of what is small, and ends", () => {
    expect(judge([], [], rule)).toMatchObject({ state: "more", wanted: 4, rounds: 0 });
    expect(judged(1, 3, 0.1)).toMatchObject({ state: "more", wanted: 4, rounds: 3 });
    expect(judge([100, 100, 100, 100], [100.1, 99.9, 100, 100], rule)).toMatchObject({ state: "same", rounds: 4 });
    expect(judged(1, 5, 0.1)).toMatchObject({ state: "more", wanted: 8, rounds: 5 });
    const wild = { base: new Array(8).fill(100), head: [150, 60, 150, 140, 80, 155, 151, 149] };
    expect(judge(wild.base, wild.head, rule)).toMatchObject({ state: "more", wanted: 12 });
    expect(judge([...wild.base, ...wild.base], [...wild.head, ...wild.head], rule).state).not.toBe("more");
  });

  test("a sure difference below half the floor is none that matters", () => {
    const base = new Array(8).fill(100);
    const head = base.map((_, i) => 102 + i / 10);
    expect(judge(base, head, rule)).toMatchObject({ state: "same", p: 2 / 256 });
    expect(judge(base, head, { ...rule, floor: 0 }).state).toBe("changed");
  });

  test("exact metrics need one round; from nothing to something is a change", () => {
    const small = { floor: 0.01, rounds: 1 };
    expect(judge([1_000], [1_100], small, true)).toMatchObject({ state: "changed", change: 0.1, interval: [0.1, 0.1] });
    expect(judge([1_000], [1_000], small, true).state).toBe("same");
    expect(judge([0], [5], small, true).state).toBe("changed");
  });

  test('with noise eight rounds are the least, whatever a rule says, and every "more" wants more', () => {
    for (let least = 1; least <= 12; least++)
      for (let rounds = 0; rounds <= 20; rounds++) {
        const base = new Array(rounds).fill(1);
        const head = base.map((_, i) => (i % 3 === 0 ? 0.95 : 1.2));
        const { state, wanted } = judge(base, head, { floor: 0.05, rounds: least });
        if (state === "more") expect(wanted).toBeGreaterThan(rounds);
        if (rounds < 8) expect(state).not.toBe("changed");
      }
  });
});

test("a commit between two levels goes with the nearer one, whatever the machine did in each round", () => {
  const machine = [1, 2, 1.5, 1, 3];
  const at = (level: number) => machine.map((speed) => speed * level);
  const [base, head] = [
    { base: 5, head: 0 },
    { base: 0, head: 5 },
  ];
  expect(votes(at(100), at(101), at(110))).toEqual(base);
  expect(votes(at(100), at(109), at(110))).toEqual(head);
  expect(votes(at(110), at(101), at(100))).toEqual(head);
  expect(votes(at(110), at(109), at(100))).toEqual(base);
  expect(votes(at(100), at(100), at(110))).toEqual(base);
  expect(votes([100, 100], [100, 110], [110, 110, 9])).toEqual({ base: 1, head: 1 });
});
