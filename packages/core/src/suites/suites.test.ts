import { expect, test } from "vitest";
import { parseSpec, specDigest } from "../spec.ts";
import { suites } from "./index.ts";

test("every suite's specs are valid, and no two are the same", () => {
  for (const suite of suites.list) {
    const digests = suite.specs().map((input) => specDigest(parseSpec(input)));
    expect(digests.length).toBeGreaterThan(0);
    expect(new Set(digests).size).toBe(digests.length);
  }
});

test("quickstart: every comparison of the reference table, three seeds for Scratch and RST", () => {
  const count = new Map<string, number>();
  for (const input of suites.get("quickstart").specs()) {
    const { method, sparsity, seed } = parseSpec(input);
    const key = `${method.id} ${sparsity}`;
    expect(seed).toBe(count.get(key) ?? 0);
    count.set(key, seed + 1);
  }
  expect(Object.fromEntries(count)).toEqual({
    "dense 0": 1,
    ...Object.fromEntries(
      [0.9, 0.98].flatMap((s) => [
        [`random ${s}`, 3],
        [`rst ${s}`, 3],
        [`rst-iter ${s}`, 1],
        [`l1 ${s}`, 1],
        [`lth ${s}`, 1],
        [`lth-iter ${s}`, 1],
      ]),
    ),
  });
});
