import { expect, test } from "vitest";
import { agree } from "./consistency.ts";

test("a difference is shown, also late in long values", () => {
  expect(() => agree("it", { a: 1, b: 2 }, { b: 2, a: 1 })).not.toThrow();
  expect(() => agree("it", [1], [2])).toThrow("it: expected [1]; got [2]");
  const long = Array<number>(1_000).fill(0);
  expect(() => agree("it", long, long.with(900, 7))).toThrow(/^it: expected …[0,\]]+; got …[0,]+7,[0,\]]+$/);
  expect(() => agree("it", long, long.slice(0, 999))).toThrow(/^it: expected ….*; got …[0,]+\]$/);
});
