/**
 * Walks programs on several threads over one memory: the calling thread, and worker threads that help where they can
 * (kernels/threads.h).
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { type Arena, stackTop } from "../arena.ts";
import type { Host } from "../network.ts";
import { allocate } from "../wasm.ts";
import { type Build, enter } from "./entry.mjs";

// words of struct control in kernels/threads.h
const GENERATION = 0;
const SLEEPERS = 16;
const STOP = 17;

/** Throws Problem "out-of-memory". */
export async function openThreads(build: Build, arena: Arena): Promise<Host> {
  const memory = allocate(arena.bytes);
  const { control, call, threads } = arena;
  const entry = await enter(build, memory, stackTop(0), true);
  const shared = new Int32Array(memory.buffer, control, 64);
  const wake = () => {
    Atomics.add(shared, GENERATION, 1);
    if (Atomics.load(shared, SLEEPERS) > 0) Atomics.notify(shared, GENERATION);
  };
  const helpers = await Promise.all(
    Array.from({ length: threads - 1 }, async (_, i) => {
      const words = { generation: GENERATION, stop: STOP, sleepers: SLEEPERS };
      const workerData = { build, memory, control, call, thread: i + 1, stackTop: stackTop(i + 1), words };
      const worker = new Worker(new URL("./helper.mjs", import.meta.url), { workerData, execArgv: [] });
      await once(worker, "message"); // "ready"; rejects if the helper fails
      worker.unref();
      return worker;
    }),
  );
  return {
    memory: memory.buffer,
    run({ at, count }) {
      if (threads > 1) wake();
      entry.run(control, call, threads, at, count);
    },
    async stop() {
      const ended = helpers.map((worker) => once(worker, "exit"));
      for (const worker of helpers) worker.ref();
      Atomics.store(shared, STOP, 1);
      wake();
      await Promise.all(ended);
      helpers.length = 0;
    },
  };
}
