/**
 * Makes batches on threads while the engine trains. Whole batches go to the threads in turn; each is a function of its cuts, and
 * is handed out in the order of iterations, so their number changes nothing but the time. Buffers travel there and back: as
 * many as `AHEAD` says and one in use, and no more are asked for before one comes free.
 */
import { availableParallelism } from "node:os";
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { Problem } from "../../problem.ts";
import type { Batch, Loader, OpenLoader } from "../batches.ts";
import { valuesOf } from "../pixels.mjs";

/** Batches on their way for each thread: one that it makes, one that lies ready. */
const AHEAD = 2;
/** Unless a batch alone is larger, all that are on their way together hold this many bytes at most. */
const MOST_BYTES = 1_073_741_824;
/** More threads than this have not been seen to help any engine. */
const MOST_THREADS = 4;

type Answer = { readonly id: number } & ({ readonly buffer: ArrayBuffer } | { readonly problem: string });

interface Waiting {
  resolve(buffer: ArrayBuffer): void;
  reject(error: unknown): void;
}

/** Threads start at once, and end with `close`; until then they keep the process alive. */
export const openLoader =
  (threads = Math.min(MOST_THREADS, availableParallelism())): OpenLoader =>
  (look, images) => {
    const size = valuesOf(look.shape);
    const source = images instanceof Uint8Array ? { bytes: shared(images) } : { path: images.path };
    const waiting = new Map<number, Waiting>();
    let asked = 0;
    let fault: Problem | null = null;

    const fail = (message: string, cause?: unknown): void => {
      fault ??= new Problem("data-unavailable", `a thread that makes batches ended: ${message}`, { cause });
      for (const { reject } of waiting.values()) reject(fault);
      waiting.clear();
    };
    const hear = (answer: Answer): void => {
      const asker = waiting.get(answer.id); // none is left once a thread has ended
      waiting.delete(answer.id);
      if ("buffer" in answer) asker?.resolve(answer.buffer);
      else asker?.reject(new Problem("data-unavailable", `a batch could not be made: ${answer.problem}`));
    };
    const workers = Array.from({ length: threads }, () => {
      const { port1: port, port2: theirs } = new MessageChannel();
      const workerData = { look, images: source, port: theirs };
      const thread = new Worker(new URL("./thread.mjs", import.meta.url), {
        ...{ workerData, transferList: [theirs], execArgv: [] },
      });
      port.on("message", hear);
      thread.on("error", (error) => fail(error.message, error));
      thread.on("exit", (code) => fail(`exit code ${code}`));
      return { thread, port };
    });
    /** What has been answered while the engine kept this thread: else the event loop would have to turn for it. */
    const hearAll = (): void => {
      for (const { port } of workers)
        for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) hear(got.message);
    };

    const make = (cuts: Int32Array, buffer: ArrayBuffer): Promise<ArrayBuffer> => {
      const id = asked++;
      const made = new Promise<ArrayBuffer>((resolve, reject) => {
        if (fault) return reject(fault);
        waiting.set(id, { resolve, reject });
        workers[id % threads]!.port.postMessage({ id, cuts, buffer }, [buffer]);
      });
      made.catch(() => {}); // where it is thrown is where it is awaited, if it ever is
      return made;
    };

    return {
      ahead(order, batchSize) {
        const bytes = batchSize * size * 4;
        const most = Math.max(1, Math.min(AHEAD * threads, Math.floor(MOST_BYTES / bytes) - 1));
        const free: ArrayBuffer[] = [];
        let queue: { labels: Batch["labels"]; made: Promise<ArrayBuffer> }[] = [];
        let next = Number.NaN; // the iteration that the first of the queue is for
        return async (iteration) => {
          if (iteration !== next) queue = [];
          while (queue.length < most) {
            const { cuts, labels } = order(iteration + queue.length);
            queue.push({ labels, made: make(cuts, free.pop() ?? new ArrayBuffer(bytes)) });
          }
          hearAll();
          const { labels, made } = queue.shift()!;
          next = iteration + 1;
          const buffer = await made;
          free.push(buffer); // goes out again with the next call
          return { images: new Float32Array(buffer, 0, labels.length * size), labels };
        };
      },
      async close() {
        for (const { port } of workers) port.close();
        await Promise.all(workers.map(({ thread }) => thread.terminate()));
      },
    } satisfies Loader;
  };

/** Over memory that threads may share. */
function shared(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
