import { describe, expect, it } from "vitest";
import { advances, conduct } from "./conduct.ts";
import type { Message } from "./protocol.ts";

const progress = (phase: number, iteration: number): Message => ({
  type: "progress",
  progress: { ...{ phase, iteration, phaseName: "p", iterations: 9 }, ...numbers },
});
const numbers = { loss: null, accuracy: null, iterationsPerSecond: 0 };

const hello: Message = { type: "hello", pid: 1, code: { commit: null, dirty: false, version: "0" } };
const snapshot: Message = { type: "snapshot", iteration: 1 };

describe("conduct", () => {
  it("is a hello first, and one", () => {
    expect(() => conduct()({ type: "stopped" })).toThrow(/"stopped": expected "hello" first/);
    const hear = conduct();
    hear(hello);
    expect(() => hear(hello)).toThrow(/"hello" first, and once/);
    hear(snapshot);
  });

  it("leaves room for many short phases and a long run, and none for a flood", () => {
    let time = 0;
    const hear = conduct(() => time);
    hear(hello);
    for (let i = 1; i < 2_000; i++) hear(snapshot);
    expect(() => hear(snapshot)).toThrow(/at most 2000 messages and 20 a second/);
    const patient = conduct(() => time);
    patient(hello);
    for (let i = 0; i < 20_000; i++) {
      time += 100;
      patient(snapshot);
    }
  });

  it("tells a log but so often what is gone on from", () => {
    const hear = conduct();
    hear(hello);
    const resumed: Message = { type: "resumed", iteration: 0, refused: "x".repeat(2_000) };
    for (let i = 0; i < 20; i++) hear(resumed);
    expect(() => hear(resumed)).toThrow(/"resumed": expected it at most 20 times/);
  });
});

describe("a run", () => {
  it("is further with each iteration and phase that it has not been at, from a snapshot that is refused anew", () => {
    const isFurther = advances();
    const heard = [progress(0, 0), progress(0, 0), progress(0, 2), progress(0, 1), progress(1, 2), progress(0, 9)];
    expect(heard.map(isFurther)).toEqual([true, false, true, false, true, false]);
    expect(isFurther({ type: "resumed", iteration: 0, refused: "damaged" })).toBe(true);
    expect([progress(0, 1), progress(0, 1)].map(isFurther)).toEqual([true, false]);
  });

  it("is further with bytes and snapshots that are more, not with the same told again", () => {
    const isFurther = advances();
    const fetching = (name: string, done: number): Message => ({ type: "fetching", name, done, total: null });
    const heard = [fetching("a", 0), fetching("a", 0), fetching("a", 5), fetching("b", 0), snapshot, snapshot];
    expect(heard.map(isFurther)).toEqual([true, false, true, true, true, false]);
  });
});
