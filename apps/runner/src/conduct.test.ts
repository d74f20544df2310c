import { describe, expect, it } from "vitest";
import { conduct } from "./conduct.ts";
import type { Message } from "./protocol.ts";

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
