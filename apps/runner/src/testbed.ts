/** What a run was measured on, as its statement says it: this machine, and what could change its speed. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Testbed } from "@ticketmark/core";
import { describeEnvironment } from "./environment.ts";
import type { Settings } from "./settings.ts";

const run = promisify(execFile);

/** `engine`: the one that the result names; `key`: id of the runner's key. */
export async function testbedOf(
  { native, threads }: Pick<Settings, "native" | "threads">,
  engine: string,
  key: string,
): Promise<Testbed> {
  const { cpu, cores, memoryBytes, os, arch, node } = describeEnvironment({ id: engine, device: "" }, "");
  const compiler = native ? await (found ??= findCompiler()) : "wasm";
  return { cpu, cores, memoryBytes, os, arch, node, engine, compiler, threads, key };
}

let found: Promise<string> | undefined;

/** The compiler that core builds native kernels with (engine/cpu/node/native.ts), as it names itself. */
async function findCompiler(): Promise<string> {
  if (process.platform === "win32") return "wasm";
  try {
    const { stdout } = await run("cc", ["--version"], { timeout: 10_000, maxBuffer: 64 << 10 });
    return stdout.split("\n")[0]!.trim().slice(0, 500) || "wasm";
  } catch {
    return "wasm"; // without one, the kernels run as WebAssembly
  }
}
