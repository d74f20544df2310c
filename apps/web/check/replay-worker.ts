/**
 * In a page's worker: runs specs on the site's own kernels and tells their digests. In a worker, since it takes seconds,
 * and the page's thread has to go on meanwhile.
 */
import { Problem, type Spec } from "@ticketmark/core";
import { type Digests, replay, wasmEngine } from "@ticketmark/core/verify";

/** What the page sends, once. */
export interface ReplayOrder {
  /** Address of kernels.wasm. */
  readonly kernels: string;
  readonly specs: readonly Spec[];
}

/** What comes back: about the spec of that index, or about all of them. Seconds are those of the run alone. */
export type ReplayReport =
  | { readonly state: "running"; readonly index: number; readonly iteration: number; readonly iterations: number }
  | { readonly state: "done"; readonly index: number; readonly digests: Digests; readonly seconds: number }
  | { readonly state: "over" }
  | { readonly state: "failed"; readonly message: string };

const report = (said: ReplayReport): void => postMessage(said);

addEventListener("message", async ({ data }: MessageEvent<ReplayOrder>) => {
  try {
    await run(data);
    report({ state: "over" });
  } catch (error) {
    report({ state: "failed", message: error instanceof Problem ? error.message : String(error) }); // the page's to show
  }
});

async function run({ kernels, specs }: ReplayOrder): Promise<void> {
  const response = await fetch(kernels);
  if (!response.ok) throw new Problem("engine-unavailable", `${kernels}: the site answered ${response.status}`);
  const engine = await wasmEngine(new Uint8Array(await response.arrayBuffer()));
  for (const [index, spec] of specs.entries()) {
    const started = performance.now();
    const digests = await replay(spec, {
      engine,
      read: noFiles,
      onProgress: ({ iteration, iterations }) => report({ state: "running", index, iteration, iterations }),
    });
    report({ state: "done", index, digests, seconds: (performance.now() - started) / 1000 });
  }
}

const noFiles = async ({ name }: { readonly name: string }): Promise<never> => {
  throw new Problem("data-unavailable", `${name}: a page holds no data files; only data sets made by code run here`);
};
