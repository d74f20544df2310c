// A helper thread: lives inside C, where it spins for the next program. When none comes for a while it sleeps in
// Atomics.wait, so that an idle engine costs nothing and the process can end at any time.
import { parentPort, workerData } from "node:worker_threads";
import { enter } from "./entry.mjs";

const { build, memory, control, call, id, threads, stackTop, words } = workerData;
const { serve } = await enter(build, memory, stackTop);
const shared = new Int32Array(memory.buffer, control, 80); // struct control
parentPort.postMessage("ready");

let seen = 0;
while (Atomics.load(shared, words.stop) === 0) {
  seen = serve(control, call, id, threads, seen) | 0;
  Atomics.add(shared, words.sleepers, 1);
  Atomics.wait(shared, words.generation, seen);
  Atomics.sub(shared, words.sleepers, 1);
}
