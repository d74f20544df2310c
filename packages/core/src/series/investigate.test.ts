import { describe, expect, test } from "vitest";
import { normals } from "../normal.ts";
import { seededRng } from "../rng.ts";
import { maskDigest, Trace } from "../trace.ts";
import { type Case, type EvidenceRun, type Next, nextStep, roundsOf } from "./investigate.ts";

const rule = { floor: 0.05, spread: 3, rounds: 8 };
const MINUTE = 60_000;

const trace = (loss: number) => {
  const chain = new Trace();
  chain.add(Float32Array.of(loss), maskDigest(null));
  return chain.state;
};

interface World {
  /** Commits c0 … c(n−1). */
  readonly n: number;
  readonly question: Case["question"];
  /** What a run at a commit gives. */
  readonly run: (index: number, seed: number, round: number) => { readonly bits?: number; readonly value?: number };
  /** Cannot be run. */
  readonly broken?: readonly number[];
  /** Commits that were run before anybody asked. */
  readonly tracked?: readonly number[];
  readonly seeds?: readonly number[];
}

/** Carries out what is asked for until it ends: the culprit, what it took, and what was said. */
function investigate({ n, question, run, broken = [], tracked = [0, n - 1], seeds = [0] }: World) {
  const runs: EvidenceRun[] = [];
  const said: string[] = [];
  const add = (index: number, seed: number, asked: boolean) => {
    const { bits = 0, value = 1 } = run(index, seed, runs.length);
    const digest = `d${bits}`;
    runs.push({
      ...{ commit: `c${index}`, seed, asked, at: runs.length * MINUTE, outcome: "completed", trace: trace(bits) },
      ...{ ticketDigest: digest, trainedDigest: digest, values: { m: value } },
    });
  };
  for (const index of tracked) add(index, seeds[0]!, false);
  let [base, head] = [0, n - 1];
  for (let step = 0; step < 100; step++) {
    const between = Array.from({ length: head - base - 1 }, (_, i) => base + 1 + i);
    const next: Next = nextStep({
      ...{ base: `c${base}`, head: `c${head}`, isNarrowed: base > 0 || head < n - 1, question, rule, runs, seeds },
      between: between.filter((index) => !broken.includes(index)).map((index) => `c${index}`),
    });
    said.push(next.text);
    if (next.type === "end") return { ...next, base, head, runs: runs.length - tracked.length, said };
    if (next.type === "narrow") [base, head] = [Number(next.base.slice(1)), Number(next.head.slice(1))];
    else for (const { commit, seed } of next.runs) add(Number(commit.slice(1)), seed, true);
  }
  throw new Error(`no end: ${said.join("; ")}`);
}

describe("bits", () => {
  const bits = { bits: true } as const;
  const changedAt = (k: number) => (index: number) => ({ bits: index >= k ? 1 : 0 });

  test("two neighbours: run again once each, and confirmed", () => {
    const found = investigate({ n: 2, question: bits, run: changedAt(1) });
    expect(found).toMatchObject({ state: "confirmed", base: 0, head: 1, runs: 2 });
  });

  test("located in ⌈log₂⌉ runs more, wherever it is", () => {
    for (let k = 1; k < 16; k++) {
      const found = investigate({ n: 16, question: bits, run: changedAt(k) });
      expect(found).toMatchObject({ state: "confirmed", base: k - 1, head: k });
      expect(found.runs).toBeLessThanOrEqual(2 + 4 + 2 + 2);
    }
  });

  test("all seeds of the two that are left are run, one that differs first", () => {
    const run = (index: number, seed: number) => ({ bits: seed === 1 && index >= 3 ? 7 : seed });
    const found = investigate({ n: 6, question: bits, run, seeds: [1, 0, 2] });
    expect(found).toMatchObject({ state: "confirmed", base: 2, head: 3 });
    expect(found.said.at(-2)).toBe("runs the other seeds of both");
  });

  test("a machine that gives other bits each time is no change of the code", () => {
    const found = investigate({ n: 2, question: bits, run: (_index, _seed, round) => ({ bits: round }) });
    expect(found).toMatchObject({ state: "dismissed", text: expect.stringContaining("a fault of the machine") });
  });

  test("a commit whose runs no longer repeat is found, where the one before it does repeat", () => {
    const wild = (index: number, _: number, round: number) => ({ bits: index >= 3 ? 100 + round : 0 });
    const found = investigate({ n: 6, question: bits, run: wild, tracked: [0, 0, 5] });
    expect(found).toMatchObject({
      state: "confirmed",
      base: 2,
      head: 3,
      text: expect.stringContaining("each time it is run"),
    });
  });

  test("what is broken between is passed by; the change then lies between those that run", () => {
    const found = investigate({ n: 5, question: bits, run: changedAt(2), broken: [2] });
    expect(found).toMatchObject({ state: "confirmed", base: 1, head: 3 });
  });
});

describe("a metric with noise", () => {
  const question = { bits: false, metric: "m", exact: false } as const;
  /** A machine whose speed wanders over the minutes, 2 % of noise, and a step at commit k. */
  function noisy(seed: number, k: number, step: number) {
    const normal = normals(seededRng(seed).stream("noise"));
    let machine = 1;
    return (index: number) => {
      machine = Math.max(0.6, Math.min(1.8, machine * (1 + 0.01 * normal())));
      return { value: machine * (index >= k ? 1 + step : 1) * (1 + 0.02 * normal()) };
    };
  }

  test("10 % are located among 12 commits, nine times out of ten at least, and never confirmed elsewhere than beside it", () => {
    let right = 0;
    for (let seed = 0; seed < 60; seed++) {
      const k = 1 + (seed % 11);
      const found = investigate({ n: 12, question, run: noisy(seed, k, 0.1) });
      if (found.state === "confirmed" && found.head === k && found.base === k - 1) right++;
      else expect(found.state).not.toBe("confirmed");
      expect(found.runs).toBeLessThan(120);
    }
    expect(right).toBeGreaterThanOrEqual(54);
  });

  test("nothing is confirmed where nothing changed", () => {
    for (let seed = 0; seed < 100; seed++)
      expect(investigate({ n: 12, question, run: noisy(seed, 99, 0) })).toMatchObject({ state: "dismissed" });
  });

  test("the run that raised the suspicion is no evidence for it", () => {
    const found = investigate({
      n: 2,
      question,
      run: (index, _, round) => ({ value: round < 2 && index === 1 ? 9 : 1 }),
    });
    expect(found).toMatchObject({ state: "dismissed", runs: 8 });
  });

  test("rounds are runs near each other, each commit once", () => {
    const at = (commit: string, minute: number, value: number) =>
      ({ commit, at: minute * MINUTE, values: { m: value } }) as unknown as EvidenceRun;
    const runs = [
      at("b", 5, 20),
      at("a", 0, 1),
      at("b", 1, 2),
      at("b", 2, 3),
      at("a", 3, 4),
      at("a", 4, 10),
      at("c", 4, 9),
    ];
    expect(roundsOf(runs, "m", ["a", "b"])).toEqual([
      [1, 4, 10],
      [2, 3, 20],
    ]);
    expect(roundsOf([at("a", 0, 1), at("b", 61, 2)], "m", ["a", "b"])).toEqual([[], []]);
    expect(roundsOf([at("a", 0, 1), at("a", 1, 2), at("b", 2, 3)], "m", ["a", "b"])).toEqual([[2], [3]]);
  });
});

test("an exact metric takes one run of each commit on the way", () => {
  const question = { bits: false, metric: "m", exact: true } as const;
  const run = (index: number) => ({ value: index >= 9 ? 1_200 : 1_000 });
  expect(investigate({ n: 16, question, run })).toMatchObject({ state: "confirmed", base: 8, head: 9, runs: 4 });
});
