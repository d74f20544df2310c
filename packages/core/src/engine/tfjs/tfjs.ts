/** The engine on a TensorFlow.js backend: the same code for `cuda`, `webgpu` and `tfjs-cpu`. */
import type { Engine } from "../engine.ts";
import type { Backend } from "./backend.ts";
import { TfjsNetwork } from "./network.ts";

export const tfjsEngine = (backend: Backend): Engine => ({
  id: backend.id,
  device: backend.device,
  determinism: "tolerance",
  compile: async (architecture, maxBatch) => new TfjsNetwork(backend, architecture, maxBatch),
});
