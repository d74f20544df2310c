import { Problem } from "@ticketmark/core";
import { describe, expect, it } from "vitest";
import { backoff, enoughOf, isWorthRetrying, Unreachable, withRetries } from "./retry.ts";

const never = new AbortController().signal;

describe("backoff", () => {
  it("doubles up to its longest, and jitters over the whole interval", () => {
    expect([0, 1, 2, 3].map((attempt) => backoff(attempt, 1, 500, 3_000))).toEqual([500, 1_000, 2_000, 3_000]);
    expect(backoff(2, 0)).toBe(0);
    expect(backoff(2, 0.25, 500, 10_000)).toBe(500);
    expect(backoff(10_000, 1)).toBe(15_000);
  });
});

describe("what is worth retrying", () => {
  it("is an unreachable or failing site, never a refusal", () => {
    expect(isWorthRetrying(new Unreachable("no reply"))).toBe(true);
    expect(isWorthRetrying(new Problem("database-unavailable", ""))).toBe(true);
    expect(isWorthRetrying(new Problem("too-many-requests", ""))).toBe(true);
    for (const code of ["lease-lost", "unauthorized", "bad-signature", "too-large"] as const) {
      expect(isWorthRetrying(new Problem(code, ""))).toBe(false);
    }
    expect(isWorthRetrying(new TypeError("a bug"))).toBe(false);
  });
});

describe("enough", () => {
  const failing = () => new Unreachable("status 500", { status: 500 });

  it("is after as many failures of somebody who answers, and as long", () => {
    let time = 0;
    const isEnough = enoughOf(3, 1_000, () => time);
    for (const at of [0, 100, 200, 999]) {
      time = at;
      expect(isEnough(failing())).toBe(false);
    }
    time = 1_000;
    expect(isEnough(new Unreachable("nobody there"))).toBe(false);
    expect(isEnough(new Problem("lease-lost", ""))).toBe(false);
    expect(isEnough(new Problem("database-unavailable", ""))).toBe(true);
    const few = enoughOf(3, 1_000, () => time);
    few(failing());
    time = 5_000;
    expect([few(failing()), few(failing())]).toEqual([false, true]);
  });

  it("ends the retrying", async () => {
    const call = async () => {
      throw failing();
    };
    await expect(withRetries(call, { signal: never, isEnough: enoughOf(2, 0) })).rejects.toThrow("status 500");
  });
});

describe("withRetries", () => {
  it("calls until it succeeds", async () => {
    let calls = 0;
    const failures: string[] = [];
    const call = async () => {
      if (++calls < 3) throw new Unreachable(`try ${calls}`);
      return calls;
    };
    expect(await withRetries(call, { signal: never, onFailure: (error) => failures.push(error.message) })).toBe(3);
    expect(failures).toEqual(["try 1", "try 2"]);
  });

  it("does not repeat what was refused", async () => {
    let calls = 0;
    const call = async () => {
      calls++;
      throw new Problem("lease-lost", "someone else has it");
    };
    await expect(withRetries(call, { signal: never })).rejects.toThrow("someone else has it");
    expect(calls).toBe(1);
  });

  it("stops waiting when told to", async () => {
    const stop = new AbortController();
    const call = async () => {
      throw new Unreachable("down");
    };
    await expect(withRetries(call, { signal: stop.signal, onFailure: () => stop.abort() })).rejects.toThrow("down");
    await expect(withRetries(call, { signal: stop.signal })).rejects.toBeInstanceOf(Unreachable);
  });
});
