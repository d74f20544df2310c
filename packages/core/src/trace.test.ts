import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { firstDifferentBlock, maskDigest, Trace } from "./trace.ts";

const sha = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

test("the chain is what the header says, non-finite losses included", () => {
  const mask = { b: Uint8Array.of(1, 0), a: Uint8Array.of(0) };
  expect(maskDigest(mask)).toEqual(new Uint8Array(sha("a\n", Uint8Array.of(0), "b\n", Uint8Array.of(1, 0))));
  const trace = new Trace();
  const head0 = sha("ticketmark-trace-1");
  expect(trace.state).toEqual({ head: head0.toString("hex"), blocks: 0, marks: "" });
  trace.add(Float32Array.of(1, Number.POSITIVE_INFINITY), maskDigest(null));
  const head1 = sha(head0, Uint8Array.of(0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x7f), new Uint8Array(32));
  expect(trace.state).toEqual({ head: head1.toString("hex"), blocks: 1, marks: head1.toString("hex").slice(0, 8) });
  const resumed = new Trace(trace.state);
  for (const one of [trace, resumed]) one.add(Float32Array.of(2), maskDigest(mask));
  expect(resumed.state).toEqual(trace.state);
  expect(() => trace.add(new Float32Array(101), maskDigest(null))).toThrow(/101 losses/);
});

test("marks tell the first block that differs, also where one run is longer; without them nobody knows", () => {
  const run = (...losses: number[]) => {
    const trace = new Trace();
    for (const loss of losses) trace.add(Float32Array.of(loss), maskDigest(null));
    return trace.state;
  };
  expect(firstDifferentBlock(run(1, 2, 3), run(1, 2, 3))).toBeNull();
  expect(firstDifferentBlock(run(1, 2, 3), run(1, 5, 3))).toBe(1);
  expect(firstDifferentBlock(run(1, 2), run(1, 2, 3))).toBe(2);
  const { marks: _, ...unmarked } = run(1);
  expect(firstDifferentBlock(unmarked, run(2))).toBeNull();
  expect(new Trace(unmarked).state).not.toHaveProperty("marks");
});
