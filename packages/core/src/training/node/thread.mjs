// Makes batches ahead of training, on a thread of its own. Plain JavaScript: it starts without a TypeScript loader.
import { openSync, readSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { painter, valuesOf } from "../pixels.mjs";

const { look, images, port } = workerData;
let paint;

/** Bytes that threads share, or a file that each of them opens. */
function stored() {
  const size = valuesOf(look.stored);
  if (images.bytes) return { bytes: images.bytes, seek: (image) => image * size };
  const file = openSync(images.path, "r");
  const bytes = new Uint8Array(size);
  const seek = (image) => {
    const read = readSync(file, bytes, 0, size, image * size);
    if (read !== size) throw new Error(`${images.path}: image ${image}: expected ${size} bytes; got ${read}`);
    return 0;
  };
  return { bytes, seek };
}

port.on("message", ({ id, cuts, buffer }) => {
  try {
    paint ??= painter(look, stored());
    paint(cuts, new Int32Array(buffer));
    port.postMessage({ id, buffer }, [buffer]);
  } catch (error) {
    port.postMessage({ id, problem: String(error.message) });
  }
});
