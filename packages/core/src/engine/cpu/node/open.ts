/**
 * Opens the cpu engine on Node: native code where it can be built and does what wasm does, to the bit; else wasm. Says
 * which, and why.
 */
import { availableParallelism, cpus, totalmem } from "node:os";
import { Problem } from "../../../problem.ts";
import type { Engine } from "../../engine.ts";
import { MOST_THREADS } from "../../index.ts";
import { MEMORY_LIMIT } from "../arena.ts";
import { runBattery } from "../battery.ts";
import { threadsFor } from "../choose.ts";
import { cpuEngine } from "../cpu.ts";
import { compileKernels } from "../wasm.ts";
import { buildKernels } from "./build.ts";
import type { Build } from "./entry.mjs";
import { buildNative } from "./native.ts";
import { openThreads } from "./threads.ts";

export interface CpuSettings {
  /** 1 … MOST_THREADS. Default: one a core. Small nets use fewer. Changes no bits. */
  readonly threads?: number;
  /** Default true; false = wasm without trying. */
  readonly native?: boolean;
  /** Folder for native builds; made with mode 700. */
  readonly cacheDir: string;
}

/** `reason` e.g. "native: its self-test equals wasm's in every bit", "wasm: no C compiler (cc not found)". */
export async function openCpuEngine(settings: CpuSettings): Promise<{ engine: Engine; reason: string }> {
  const threads = settings.threads ?? Math.min(availableParallelism(), MOST_THREADS);
  if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS) {
    throw new Problem("bad-settings", `threads: expected an integer of 1 to ${MOST_THREADS}; got ${threads}`);
  }
  const wasm: Build = { module: await compileKernels((await buildKernels()).bytes) };
  const useWasm = (why: string) => ({ engine: engineOn(wasm, threads), reason: `wasm: ${why}` });
  if (settings.native === false) return useWasm("asked for");
  const native = await buildNative(settings.cacheDir);
  if ("missing" in native) return useWasm(native.missing);
  const fault = await selfTest(native, wasm);
  if (fault) return useWasm(fault);
  return { engine: engineOn(native, threads), reason: "native: its self-test equals wasm's in every bit" };
}

function engineOn(build: Build, threads: number): Engine {
  const chip = cpus()[0]?.model.trim() || process.arch;
  const kind = "module" in build ? "wasm" : "native";
  return cpuEngine({
    device: `${chip}, ${kind}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    threads: (work) => threadsFor(work, threads),
    limit: Math.min(MEMORY_LIMIT, totalmem()),
    open: (arena) => openThreads(build, arena),
  });
}

/** What is wrong with the native build, if anything is: it has to give wasm's bits. */
export async function selfTest(native: Build, wasm: Build): Promise<string | null> {
  try {
    const [ours, theirs] = [await runBattery(engineOn(native, 1)), await runBattery(engineOn(wasm, 1))];
    const at = ours.findIndex((byte, i) => byte !== theirs[i]);
    return at < 0 ? null : `the native build's self-test differs from wasm's at byte ${at} of ${theirs.length}`;
  } catch (error) {
    if (error instanceof Problem) throw error;
    return `the native build could not be loaded: ${(error as Error).message}`;
  }
}
