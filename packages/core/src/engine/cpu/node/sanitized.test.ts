/**
 * The native kernels under address and undefined-behaviour sanitizers: the battery, every buffer of the arena between bytes that
 * must not be touched, and wasm's bits come out of it. Where there is no compiler with sanitizers it is skipped, and says so.
 */
import { execFile, execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine } from "../../engine.ts";
import { type Arena, MEMORY_LIMIT } from "../arena.ts";
import { runBattery } from "../battery.ts";
import { cpuEngine } from "../cpu.ts";
import type { Host } from "../network.ts";
import { wasmEngine } from "../wasm.ts";
import { buildKernels } from "./build.ts";

const run = promisify(execFile);
const SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
/** Debug information names the line of a fault; -O1 keeps the build short. */
const FLAGS = ["-O1", "-g1", "-march=native", "-ffp-contract=off", "-fno-math-errno", ...SANITIZERS];
/** Bytes after each buffer that must not be touched. */
const GAP = 256;

let folder: string;
let program: string;
let missing: string | null = null;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-sanitized-"));
  program = join(folder, "sanitized");
  const build = (source: string) => run("cc", [...FLAGS, "-o", program, source]);
  const empty = join(folder, "empty.c");
  await writeFile(empty, "int main(void) { return 0; }");
  try {
    await build(empty);
  } catch (error) {
    missing = (error as Error).message;
    return;
  }
  await build(fileURLToPath(new URL("sanitized.c", import.meta.url)));
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

/** Each program in a process of its own, over the arena as a file. Its faults are the errors of `run`. */
async function open(arena: Arena): Promise<Host> {
  const memory = new ArrayBuffer(arena.bytes);
  const [file, buffers] = [join(folder, "arena"), join(folder, "buffers")];
  return {
    memory,
    run({ at, count }) {
      writeFileSync(file, new Uint8Array(memory));
      writeFileSync(buffers, Uint32Array.from(arena.buffers.flatMap(({ at, bytes }) => [at, bytes])));
      const words = [arena.control, arena.call, at, count].map(String);
      execFileSync(program, [file, buffers, ...words], { stdio: ["ignore", "inherit", "pipe"] });
      new Uint8Array(memory).set(readFileSync(file));
    },
    stop: async () => {},
  };
}
const engine: Engine = cpuEngine({ device: "", threads: () => 1, limit: MEMORY_LIMIT, gap: GAP, open });

test("the battery touches planned buffers alone, without undefined behaviour, and gives wasm's bits", async ({
  skip,
}) => {
  if (missing) {
    if (/\bnative\b/.test(process.env.TICKETMARK_REQUIRE ?? "")) throw new Error(missing);
    console.log(`sanitized kernels are skipped: ${missing}`);
    return skip();
  }
  const expected = await runBattery(await wasmEngine((await buildKernels()).bytes));
  expect(Buffer.compare(await runBattery(engine), expected)).toBe(0);
}, 120_000);
