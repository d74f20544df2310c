/** Opens `tfjs-cpu`: the tfjs engines' code on tfjs's plain JavaScript backend. */
import { cpus } from "node:os";
import * as tf from "@tensorflow/tfjs-core";
import type { Engine } from "../../engine.ts";
import { tfjsEngine } from "../tfjs.ts";

export async function openTfjsCpuEngine(): Promise<{ engine: Engine; reason: null }> {
  await import("@tensorflow/tfjs-backend-cpu"); // registers "cpu"
  const device = `${cpus()[0]?.model.trim() || process.arch}, tfjs ${tf.version_core} in JavaScript`;
  return {
    engine: tfjsEngine({
      id: "tfjs-cpu",
      name: "cpu",
      device,
      largestTensor: null,
      done: async () => {},
      fault: () => null,
    }),
    reason: null,
  };
}
