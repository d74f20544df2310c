/** The pinned runs as a page makes them: the wasm build on one thread. e2e/engine.spec.ts does the same in a browser. */
import { expect, test } from "vitest";
import { parseSpec } from "../spec.ts";
import { replay, wasmEngine } from "../verify.ts";
import { buildKernels } from "./cpu/node/build.ts";
import { NUMERICS } from "./numerics.ts";
import { PINS } from "./pins.ts";

const noFiles = async (): Promise<never> => {
  throw new Error("the toy patterns need no file");
};

test.each(PINS)("$name", async ({ numerics, spec, name: _, ...pinned }) => {
  expect(numerics).toBe(NUMERICS);
  const engine = await wasmEngine((await buildKernels()).bytes);
  expect(await replay(parseSpec(spec), { engine, read: noFiles })).toEqual(pinned);
});
