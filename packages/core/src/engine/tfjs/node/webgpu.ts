/**
 * Opens `webgpu`: tfjs's WebGPU backend over Dawn (npm `webgpu`, an optional dependency). tfjs is made for browsers and
 * reads the names below from the global scope; nothing else is put there.
 */
import { readdir } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs-core";
import { Problem } from "../../../problem.ts";
import type { Engine } from "../../engine.ts";
import type { Backend } from "../backend.ts";
import { tfjsEngine } from "../tfjs.ts";

const GLOBALS = ["GPUBuffer", "GPUBufferUsage", "GPUMapMode", "GPUTexture", "GPUTextureUsage"] as const;

/** Those that tfjs computes with; a device has small ones unless it is asked for what its adapter can do. */
const LIMITS = [
  "maxBufferSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
  "maxStorageBufferBindingSize",
] as const;

const NO_ADAPTER =
  "no WebGPU adapter: Dawn found no driver it can use. " +
  (process.platform === "linux"
    ? "On Linux that is Vulkan: the GPU's own driver and the loader (Debian: libvulkan1). Without a GPU, Chromium's " +
      "SwiftShader serves, slowly: VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json LD_LIBRARY_PATH=/usr/lib/chromium"
    : "A newer driver of the GPU may help");

interface Opened {
  readonly backend: Backend;
  /** Pretended by a program on the CPU. */
  readonly software: boolean;
}

let opening: Promise<Opened> | null = null;

/**
 * Throws Problem "engine-unavailable" with what is missing and how to get it; where `hardware` is asked for, also if
 * all there is computes on the CPU.
 */
export async function openWebGpuEngine({
  hardware,
}: {
  hardware: boolean;
}): Promise<{ engine: Engine; reason: string }> {
  if (hardware && !(await mayHaveGpu())) throw unavailable("this machine has no GPU that a driver serves");
  opening ??= open(); // tfjs has one WebGPU backend a process
  opening.catch(() => {
    opening = null;
  });
  const { backend, software } = await opening;
  if (hardware && software) throw unavailable(`${backend.device} is software: the cpu engine is faster`);
  return { engine: tfjsEngine(backend), reason: software ? "a software adapter, slow" : "a GPU" };
}

const unavailable = (why: string, cause?: unknown) => new Problem("engine-unavailable", why, { cause });

/**
 * On Linux a GPU that programs may use has a device file: DRM's, NVIDIA's, WSL's or a phone chip's. Looking there first
 * spares machines without one the load of Dawn, which writes to stderr when it finds nothing.
 */
async function mayHaveGpu(): Promise<boolean> {
  if (process.platform !== "linux") return true;
  const names = [await readdir("/dev"), await readdir("/dev/dri").catch(() => [])].flat();
  return names.some((name) => /^(renderD\d+|nvidia\d+|dxg|kgsl-3d\d+|mali\d+)$/.test(name));
}

async function open(): Promise<Opened> {
  const { create, globals } = await import("webgpu").catch((cause: Error) => {
    const place = `${process.platform}-${process.arch}`;
    throw unavailable(`the npm package webgpu does not load on ${place}: ${cause.message.split("\n")[0]}`, cause);
  });
  const gpu: GPU = create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" }).catch(refused);
  if (!adapter) throw unavailable(NO_ADAPTER);
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  const device = await adapter.requestDevice({ requiredLimits }).catch(refused);

  for (const name of GLOBALS) define(globalThis, name, (globals as Record<string, unknown>)[name]);
  if (!("navigator" in globalThis)) define(globalThis, "navigator", {});
  define(globalThis.navigator, "gpu", gpu);
  const { WebGPUBackend } = await import("@tensorflow/tfjs-backend-webgpu");
  tf.removeBackend("webgpu"); // its own way to open one may find another adapter
  tf.env().set("WEBGPU_CPU_FORWARD", false); // small tensors stay on the device too
  tf.registerBackend("webgpu", () => new WebGPUBackend(device, adapter.info));

  let fault: Problem | null = null;
  device.addEventListener("uncapturederror", ({ error }) => {
    const full = error.constructor.name === "GPUOutOfMemoryError";
    fault ??= new Problem(full ? "out-of-memory" : "engine-unavailable", `WebGPU: ${error.message}`);
  });
  void device.lost.then(({ reason, message }) => {
    fault ??= unavailable(`the WebGPU device was lost (${reason}): ${message}`);
  });
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const backend: Backend = {
    id: "webgpu",
    name: "webgpu",
    device: describe(adapter.info),
    largestTensor: Math.min(maxBufferSize, maxStorageBufferBindingSize),
    done: () => device.queue.onSubmittedWorkDone().catch(() => {}), // a lost device is told as a fault
    fault: () => fault,
  };
  return { backend, software: isSoftware(adapter.info) };
}

const refused = (cause: Error): never => {
  throw unavailable(`WebGPU gives no device: ${cause.message}`, cause);
};

const define = (on: object, name: string, value: unknown) =>
  Object.defineProperty(on, name, { value, configurable: true, writable: true });

type Info = Pick<GPUAdapterInfo, "vendor" | "architecture" | "device" | "description" | "isFallbackAdapter">;

/** E.g. "nvidia-geforce-rtx-3080 (NVIDIA driver 535.183.01), WebGPU". */
export function describe({ vendor, architecture, device, description }: Info): string {
  const chip = device.replace(/-+$/, "") || `${vendor} ${architecture}`.trim() || "unknown GPU";
  return `${chip}${description ? ` (${description})` : ""}, WebGPU`;
}

/** Drivers that compute on the CPU say so in different places. */
export const isSoftware = ({ vendor, architecture, device, description, isFallbackAdapter }: Info): boolean =>
  isFallbackAdapter ||
  /swiftshader|llvmpipe|lavapipe|softpipe|software|\bwarp\b|microsoft basic render/i.test(
    [vendor, architecture, device, description].join(" "),
  );
