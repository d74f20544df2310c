import type { Testbed } from "@ticketmark/core";
import { expect, it } from "vitest";
import { currentFirst, differenceOf } from "./testbeds-shown.ts";

const testbed: Testbed = {
  ...{ cpu: "test", cores: 2, memoryBytes: 2 ** 33, os: "linux 6.1", arch: "x64", node: "v20.1.0", engine: "cpu" },
  ...{ compiler: "gcc 12", threads: null, key: "0".repeat(64) },
};

it("names what differs, in words, and nothing else", () => {
  const all = [testbed, { ...testbed, os: "linux 6.9", node: "v22.1.0" }, { ...testbed, threads: 1 }];
  expect(all.map((one) => differenceOf(one, all))).toEqual([
    "linux 6.1, Node 20.1.0, threads as the engine chooses",
    "linux 6.9, Node 22.1.0, threads as the engine chooses",
    "linux 6.1, Node 20.1.0, 1 thread",
  ]);
  expect(differenceOf(testbed, [testbed])).toBe("");
});

it("puts aside what an update of the same runner left behind, not another runner's or engine's", () => {
  const rows = [
    { testbed: { ...testbed, os: "linux 6.9" } },
    { testbed: { ...testbed, engine: "cuda" } },
    { testbed },
    { testbed: { ...testbed, key: "1".repeat(64) } },
  ];
  expect(currentFirst(rows)).toEqual({ now: [rows[0], rows[1], rows[3]], past: [rows[2]] });
});
