/** Opens the engine that a job asks for; "auto" takes the best there is, which is the cpu engine. */
import type { ENGINE_CHOICES } from "../job.ts";
import type { Engine } from "./engine.ts";
import { referenceEngine } from "./reference/reference.ts";

export interface EngineSettings {
  /** Default: chosen by the engine. */
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

export async function openEngine(
  choice: (typeof ENGINE_CHOICES)[number],
  settings: EngineSettings,
): Promise<OpenedEngine> {
  if (choice === "reference") return { engine: referenceEngine(), reason: "asked for" };
  const { openCpuEngine } = await import("./cpu/node/open.ts"); // only here: it loads the native bridge
  const { engine, reason } = await openCpuEngine(settings);
  return {
    engine,
    reason: choice === "cpu" ? `asked for; ${reason}` : `auto: the only fast engine there is; ${reason}`,
  };
}
