/** The wasm build of the cpu engine's kernels, as start.mjs built it: for the site's own checks, and for pages that compute. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Problem } from "@ticketmark/core";
import { env } from "../env.ts";

/** Throws Problem "engine-unavailable". */
export async function readKernels(): Promise<Uint8Array<ArrayBuffer>> {
  const path = join(env().root, "packages/core/build/kernels.wasm");
  const kernels = await readFile(path).catch((cause) => {
    throw new Problem("engine-unavailable", `expected the kernels at ${path}; run npm run kernels`, { cause });
  });
  return new Uint8Array(kernels);
}
