/**
 * The cpu engine: own kernels (kernels/) in two builds with the same bits. What walks the programs comes from outside:
 * one wasm instance (wasm.ts), or threads over wasm or native code (node/).
 */
import type { Engine } from "../engine.ts";
import { compileNetwork, type Kernels } from "./network.ts";

export const cpuEngine = (kernels: Kernels): Engine => ({
  id: "cpu",
  device: kernels.device,
  determinism: "bit-exact",
  compile: (architecture, maxBatch) => compileNetwork(architecture, maxBatch, kernels),
});
