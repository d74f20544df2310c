import { execFileSync } from "node:child_process";
import { testbedDigest, testbedSchema } from "@ticketmark/core";
import { expect, it } from "vitest";
import { testbedOf } from "./testbed.ts";

const key = "a".repeat(64);

it("names this machine, its compiler and what else changes times, within the bounds of a statement", async () => {
  const testbed = await testbedOf({ native: true, threads: 2 }, "cpu", key);
  expect(testbedSchema.parse(testbed)).toEqual(testbed);
  expect(testbed).toMatchObject({ node: process.versions.node, arch: process.arch, engine: "cpu", threads: 2, key });
  let compiler = "wasm";
  try {
    if (process.platform !== "win32")
      [compiler] = execFileSync("cc", ["--version"], { encoding: "utf8" }).split("\n") as [string];
  } catch {} // there is none here
  expect(testbed.compiler).toBe(compiler);
  const wasm = await testbedOf({ native: false, threads: 2 }, "cpu", key);
  expect(wasm).toEqual({ ...testbed, compiler: "wasm" });
  const digests = [testbed, await testbedOf({ native: true, threads: null }, "cpu", key)].map(testbedDigest);
  expect(new Set(digests).size).toBe(2);
});
