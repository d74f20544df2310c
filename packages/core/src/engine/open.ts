/** Opens the engine that a job asks for. Each engine's code is loaded when it is first opened. */
import type { ENGINE_CHOICES } from "../job.ts";
import { Problem } from "../problem.ts";
import type { NativeBuild } from "./cpu/node/native.ts";
import type { Engine } from "./engine.ts";
import { CLAIM_ENGINE, type EngineId } from "./index.ts";

export interface EngineSettings {
  /** 1 … MOST_THREADS. Default: chosen by the engine. */
  readonly threads?: number;
  /** Default true: native code where it can be built, else wasm. */
  readonly native?: boolean;
  /** Where native kernels are kept between runs. */
  readonly cacheDir: string;
}

export interface OpenedEngine {
  readonly engine: Engine;
  /** Why this one: goes into the result. */
  readonly reason: string;
}

type Open = (settings: EngineSettings) => Promise<{ engine: Engine; reason: string | null }>;

const OPENERS = {
  cpu: async (settings) => (await import("./cpu/node/open.ts")).openCpuEngine(settings),
  cuda: async () => (await import("./tfjs/node/cuda.ts")).openCudaEngine(),
  webgpu: async () => (await import("./tfjs/node/webgpu.ts")).openWebGpuEngine({ hardware: false }),
  "tfjs-cpu": async () => (await import("./tfjs/node/cpu.ts")).openTfjsCpuEngine(),
  reference: async () => ({ engine: (await import("./reference/reference.ts")).referenceEngine(), reason: null }),
} satisfies Record<EngineId, Open>;

/** What "auto" tries, the best first; the cpu engine is always there. A pretended GPU is slower than that. */
const AUTO: readonly (readonly [EngineId, Open])[] = [
  ["cuda", OPENERS.cuda],
  ["webgpu", async () => (await import("./tfjs/node/webgpu.ts")).openWebGpuEngine({ hardware: true })],
  [CLAIM_ENGINE, OPENERS[CLAIM_ENGINE]],
];

/** "auto" takes the best engine there is. Throws Problem "bad-settings" or "engine-unavailable". */
export async function openEngine(
  choice: (typeof ENGINE_CHOICES)[number],
  settings: EngineSettings,
): Promise<OpenedEngine> {
  if (choice !== "auto") return because("asked for", await OPENERS[choice](settings));
  const missing: string[] = [];
  for (const [id, open] of AUTO) {
    try {
      const opened = await open(settings);
      return because(["auto", ...missing].join("; "), opened);
    } catch (error) {
      if (id === CLAIM_ENGINE || !(error instanceof Problem)) throw error;
      missing.push(`no ${id}: ${error.message}`);
    }
  }
  throw new Error("the list ends with an engine that is always there");
}

/** The cpu engine's native kernels: built if need be, not loaded. */
export const buildNative = async (cacheDir: string): Promise<NativeBuild> =>
  (await import("./cpu/node/native.ts")).buildNative(cacheDir);

const because = (why: string, { engine, reason }: Awaited<ReturnType<Open>>): OpenedEngine => ({
  engine,
  reason: reason === null ? why : `${why}; ${reason}`,
});
