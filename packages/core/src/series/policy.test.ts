import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { metrics } from "./metrics.ts";
import { DEFAULT_POLICY, POLICY_FILE, parsePolicy, specsOfPolicy } from "./policy.ts";

const bad = (text: string) => expect.objectContaining({ code: "bad-request", message: expect.stringContaining(text) });
const file = (more: object = {}) =>
  JSON.stringify({ version: 1, track: { suite: "tracking" }, metrics: { accuracy: { floor: 0.1 } }, ...more });

test("this repository's own file says what holds without one", () => {
  const text = readFileSync(join(import.meta.dirname, "../../../..", POLICY_FILE), "utf8");
  expect(parsePolicy(text)).toEqual(DEFAULT_POLICY);
  expect(Object.keys(DEFAULT_POLICY.metrics)).toEqual(metrics.ids);
});

test("defaults are filled in; what is left out is not watched", () => {
  expect(parsePolicy(file())).toEqual({
    ...{ version: 1, track: { suite: "tracking" }, backfill: 100 },
    metrics: { accuracy: { floor: 0.1, spread: 3, rounds: 8 } },
  });
});

test("names every fault and its place", () => {
  expect(() => parsePolicy("{")).toThrow(bad("regressions.json: expected JSON"));
  expect(() => parsePolicy(file({ version: 2, extra: 1 }))).toThrow(bad("version"));
  expect(() => parsePolicy(file({ metrics: { accuracy: { floor: 2 } } }))).toThrow(bad("metrics.accuracy.floor"));
  expect(() => parsePolicy(file({ metrics: { speed: { floor: 0.1 } } }))).toThrow(
    expect.objectContaining({ message: expect.stringMatching(/metric: expected one of accuracy.*got "speed"/) }),
  );
  expect(() => parsePolicy(file({ track: { suite: "nothing" } }))).toThrow(/suite: expected one of/);
  expect(() => parsePolicy(file({ track: { suite: "dlth-imagenet-subset" } }))).toThrow(bad("takes no classes"));
  const spec = { dataset: "moon", model: "lenet-300-100", method: "dense" };
  expect(() => parsePolicy(file({ track: { specs: [spec] } }))).toThrow(bad("track.specs.0: "));
});

test("the tracking suite: dense and sparse phases of two nets, three seeds each", () => {
  const specs = specsOfPolicy(DEFAULT_POLICY);
  expect(specs).toHaveLength(12);
  expect(new Set(specs.map(({ seed }) => seed))).toEqual(new Set([0, 1, 2]));
  expect(new Set(specs.map(({ model, sparsity }) => `${model} ${sparsity ?? 0}`)).size).toBe(4);
});
