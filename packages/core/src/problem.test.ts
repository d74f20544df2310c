import { expect, test } from "vitest";
import { Problem } from "./problem.ts";

test("a problem is an error with a code, a status and a body for HTTP", () => {
  const cause = new Error("why");
  const problem = new Problem("lease-lost", "expected lease A; got B", { cause });
  expect(problem).toBeInstanceOf(Error);
  expect(problem.cause).toBe(cause);
  expect(JSON.parse(JSON.stringify(problem))).toEqual({
    type: "urn:ticketmark:problem:lease-lost",
    title: "lease-lost",
    status: 409,
    detail: "expected lease A; got B",
  });
});
