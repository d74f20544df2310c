/** Opens the engine that a job asks for. Each engine's code is loaded when it is first opened. */
import type { ENGINE_CHOICES } from "../job.ts";
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
  reference: async () => ({ engine: (await import("./reference/reference.ts")).referenceEngine(), reason: null }),
} satisfies Record<EngineId, Open>;

/** "auto" takes the best engine there is. Throws Problem "bad-settings" or "engine-unavailable". */
export async function openEngine(
  choice: (typeof ENGINE_CHOICES)[number],
  settings: EngineSettings,
): Promise<OpenedEngine> {
  const id = choice === "auto" ? CLAIM_ENGINE : choice;
  const why = choice === "auto" ? "auto: the only fast engine there is" : "asked for";
  const { engine, reason } = await OPENERS[id](settings);
  return { engine, reason: reason === null ? why : `${why}; ${reason}` };
}
