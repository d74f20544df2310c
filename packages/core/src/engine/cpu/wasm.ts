/**
 * The wasm build of the kernels: one instance over one shared memory. Runs wherever WebAssembly SIMD does, with no file
 * and no process at hand: Node, the site's server, a browser's worker. One thread; node/threads.ts adds helpers.
 */
import { Problem } from "../../problem.ts";
import type { Engine } from "../engine.ts";
import { type Arena, MEMORY_LIMIT, RESERVED, stackTop } from "./arena.ts";
import { cpuEngine } from "./cpu.ts";
import type { Host } from "./network.ts";

/** What kernels/kernels.c exports to wasm. */
interface Exports {
  run(base: number, control: number, call: number, threads: number, program: number, count: number): void;
  readonly __stack_pointer: WebAssembly.Global<"i32">;
  readonly __heap_base: WebAssembly.Global<"i32">;
}

/**
 * The cpu engine on these kernels (the bytes of kernels.wasm), with one thread and no worker. Throws Problem
 * "engine-unavailable" where WebAssembly lacks SIMD or threads' memory.
 */
export async function wasmEngine(kernels: Uint8Array<ArrayBuffer>): Promise<Engine> {
  const module = await compileKernels(kernels);
  return cpuEngine({
    device: "wasm, 1 thread",
    threads: () => 1,
    limit: MEMORY_LIMIT,
    open: (arena) => openWasm(module, arena),
  });
}

/** Throws Problem "engine-unavailable". */
export async function compileKernels(kernels: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(kernels);
  } catch (cause) {
    throw new Problem("engine-unavailable", `cpu engine: expected kernels.wasm to compile here; got: ${cause}`, {
      cause,
    });
  }
}

/** One thread over a memory of its own. */
async function openWasm(module: WebAssembly.Module, arena: Arena): Promise<Host> {
  const memory = allocate(arena.bytes);
  const { run } = await instantiate(module, memory);
  return {
    memory: memory.buffer,
    run: ({ at, count }) => run(0, arena.control, arena.call, 1, at, count),
    stop: async () => {},
  };
}

/** Shared memory of exactly `bytes`. Throws Problem "out-of-memory", or "engine-unavailable" where none can be shared. */
export function allocate(bytes: number): WebAssembly.Memory {
  const pages = bytes / 65536;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    if (!(cause instanceof RangeError)) {
      throw new Problem(
        "engine-unavailable",
        `cpu engine: expected shared memory (a page needs COOP and COEP); got: ${cause}`,
        {
          cause,
        },
      );
    }
    throw new Problem("out-of-memory", `cpu engine: the network needs ${bytes} bytes; the system did not give them`, {
      cause,
    });
  }
}

/** An instance for thread 0, on its own stack. */
export async function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Exports> {
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  const exports = instance.exports as unknown as Exports;
  if (exports.__heap_base.value > RESERVED) throw new Error("kernels.wasm: static data outgrew its place in the arena");
  exports.__stack_pointer.value = stackTop(0);
  return exports;
}
