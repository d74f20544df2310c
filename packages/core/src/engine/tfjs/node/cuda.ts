/**
 * Opens `cuda`: TensorFlow 2.9's own kernels by @tensorflow/tfjs-node-gpu, which nothing installs unasked: it is 400 MB.
 * What it needs is looked for one by one, since TensorFlow itself only falls back to the CPU without a word to us.
 *
 * From Ampere on, TensorFlow rounds the factors of products and convolutions to TF32's 10 bits; NVIDIA's libraries are told
 * not to, unless the environment says otherwise. What that does to errors and speed has not been measured.
 */
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import * as tf from "@tensorflow/tfjs-core";
import koffi from "koffi";
import { Problem } from "../../../problem.ts";
import type { Engine } from "../../engine.ts";
import { tfjsEngine } from "../tfjs.ts";

export const PACKAGE = "@tensorflow/tfjs-node-gpu";

/** What libtensorflow 2.9 loads, on Linux. */
const DRIVER = "libcuda.so.1";
const LIBRARIES = [
  "libcudart.so.11.0",
  "libcublas.so.11",
  "libcublasLt.so.11",
  "libcufft.so.10",
  "libcurand.so.10",
  "libcusolver.so.11",
  "libcusparse.so.11",
  "libcudnn.so.8",
];

/** Throws Problem "engine-unavailable" with what is missing and how to get it. */
export async function openCudaEngine(): Promise<{ engine: Engine; reason: null }> {
  const why = obstacle();
  if (why) throw unavailable(why);
  if (!isInstalled()) throw unavailable("tfjs-node-gpu is not installed: npm run setup:cuda");
  if (process.platform === "linux") {
    const libraries = missing(LIBRARIES);
    if (libraries.length > 0) throw unavailable(`CUDA 11.2 libraries not found: ${libraries.join(", ")}`);
  }
  // biome-ignore lint/style/noProcessEnv: NVIDIA's libraries read it when they are loaded, and have no other switch from here
  process.env.NVIDIA_TF32_OVERRIDE ??= "0";
  await import(PACKAGE).catch((cause: Error) => {
    throw unavailable(`tfjs-node-gpu does not load: ${cause.message.split("\n")[0]}`, cause);
  });
  await tf.setBackend("tensorflow").catch((cause: Error) => {
    throw unavailable(`TensorFlow does not start: ${cause.message.split("\n")[0]}`, cause);
  });
  const { isUsingGpuDevice } = tf.backend() as { isUsingGpuDevice?: boolean };
  if (!isUsingGpuDevice) throw unavailable("TensorFlow found no GPU that it can use");
  const device = `${await gpuName()}, CUDA`;
  const backend = {
    id: "cuda",
    name: "tensorflow",
    device,
    largestTensor: null,
    done: async () => {},
    fault: () => null,
  } as const;
  return { engine: tfjsEngine(backend), reason: null };
}

const unavailable = (why: string, cause?: unknown) => new Problem("engine-unavailable", why, { cause });

/** What rules the engine out here, whatever may be installed yet. The driver is looked for on Linux alone. */
export function obstacle(): string | null {
  const why = misfit(process.versions.node, process.platform, process.arch);
  if (why || process.platform !== "linux" || missing([DRIVER]).length === 0) return why;
  return `no NVIDIA driver: ${DRIVER} not found`;
}

/** What about this Node rules the package out, whatever is installed. */
export function misfit(node: string, platform: string, arch: string): string | null {
  if (Number.parseInt(node, 10) >= 23) {
    return `Node ≥ 23: tfjs-node-gpu ${tf.version_core} breaks there; this is ${node}, 22 and 20.19 work`;
  }
  if (!["linux-x64", "win32-x64"].includes(`${platform}-${arch}`)) {
    return `tfjs-node-gpu is for Linux and Windows on x64; this is ${platform}-${arch}`;
  }
  return null;
}

function isInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve(PACKAGE);
    return true;
  } catch {
    return false;
  }
}

/** Names of libraries that the loader does not find. */
export const missing = (libraries: readonly string[]): string[] =>
  libraries.filter((name) => {
    try {
      koffi.load(name);
      return false;
    } catch {
      return true;
    }
  });

/** As the driver's own tool has it, if it answers. */
async function gpuName(): Promise<string> {
  try {
    const query = ["--query-gpu=name", "--format=csv,noheader"];
    const { stdout } = await promisify(execFile)("nvidia-smi", query, { timeout: 5_000 });
    return stdout.split("\n")[0]!.trim();
  } catch {
    return "NVIDIA GPU";
  }
}
