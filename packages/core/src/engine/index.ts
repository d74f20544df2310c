/**
 * THE LIST of engines: what a job may ask for. One more is one folder, one line here and one in `open.ts`, which loads
 * the code; this list loads none.
 */
import { registry } from "../registry.ts";

const list = [
  {
    id: "cpu",
    name: "CPU",
    summary: "Own kernels, native or WebAssembly, on any number of cores: the same bits on every machine.",
  },
  {
    id: "cuda",
    name: "CUDA",
    summary: "TensorFlow on an NVIDIA GPU (CUDA 11.2), by @tensorflow/tfjs-node-gpu: npm run setup:cuda installs it.",
  },
  {
    id: "webgpu",
    name: "WebGPU",
    summary: "TensorFlow.js on any GPU with a Vulkan, Metal or Direct3D 12 driver.",
  },
  {
    id: "tfjs-cpu",
    name: "TensorFlow.js on the CPU",
    summary: "The GPU engines' code in plain JavaScript: slow, for tests and comparison.",
  },
  {
    id: "reference",
    name: "Reference",
    summary: "Plain float64 code, slow and easy to read: what the other engines are tested against.",
  },
] as const;

export type EngineId = (typeof list)[number]["id"];

export const engines = registry<(typeof list)[number]>("engine", list);

/** What "auto" comes to, and what computes every claimed accuracy: anyone can recompute it to the last bit. */
export const CLAIM_ENGINE = "cpu" satisfies EngineId;

/** Most threads that an engine may be told to use. More never helped, and each has a stack in every arena. */
export const MOST_THREADS = 64;
