// A helper thread: lives inside C, where it spins for shares of programs. When none comes for a while it sleeps in
// Atomics.wait, so that an idle engine costs nothing and the process can end at any time.
import { parentPort, workerData } from "node:worker_threads";
import { enter } from "./entry.mjs";

const { build, memory, control, call, thread, stackTop, words } = workerData;
const { serve } = await enter(build, memory, stackTop);
const shared = new Int32Array(memory.buffer, control, 64); // struct control
parentPort.postMessage("ready");

for (;;) {
  const generation = serve(control, call, thread) | 0;
  if (Atomics.load(shared, words.stop) !== 0) break; // set before the generation that says so
  Atomics.add(shared, words.sleepers, 1);
  Atomics.wait(shared, words.generation, generation);
  Atomics.sub(shared, words.sleepers, 1);
}
