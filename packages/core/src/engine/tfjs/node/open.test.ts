/** What is said where a tfjs engine cannot be opened, and what "auto" makes of it. */
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { Problem } from "../../../problem.ts";
import { openEngine } from "../../open.ts";
import { misfit, missing, openCudaEngine } from "./cuda.ts";
import { describe as describeAdapter, isSoftware, openWebGpuEngine } from "./webgpu.ts";

/** The reason; null where it opens. */
const whyNot = (opened: Promise<unknown>): Promise<string | null> =>
  opened.then(
    () => null,
    (error) => {
      expect(error).toBeInstanceOf(Problem);
      expect(error.code).toBe("engine-unavailable");
      return error.message;
    },
  );

const noDriver = async <T>(run: () => Promise<T>): Promise<T> => {
  const before = process.env.VK_ICD_FILENAMES;
  process.env.VK_ICD_FILENAMES = "/nonexistent/driver.json"; // Vulkan then looks nowhere else
  try {
    return await run();
  } finally {
    if (before === undefined) delete process.env.VK_ICD_FILENAMES;
    else process.env.VK_ICD_FILENAMES = before;
  }
};

test("cuda: which Node and which machines tfjs-node-gpu is for", () => {
  expect(misfit("23.0.0", "linux", "x64")).toMatch(/^Node ≥ 23: tfjs-node-gpu 4\.22\.0 breaks there; this is 23\.0\.0/);
  expect(misfit("100.1.0", "linux", "x64")).toMatch(/^Node ≥ 23/);
  expect(misfit("22.18.0", "darwin", "arm64")).toMatch(
    /^tfjs-node-gpu is for Linux and Windows on x64; this is darwin-arm64/,
  );
  expect(misfit("22.18.0", "linux", "arm64")).not.toBeNull();
  expect(misfit("20.19.0", "linux", "x64")).toBeNull();
  expect(misfit("22.18.0", "win32", "x64")).toBeNull();
});

test.runIf(process.platform === "linux")("cuda: libraries that are missing are named", () => {
  expect(missing(["libcudart.so.0.0", "libc.so.6", "libnone.so.9"])).toEqual(["libcudart.so.0.0", "libnone.so.9"]);
});

test("cuda opens, or says what is missing and how to get it", async () => {
  const why = await whyNot(openCudaEngine());
  if (why === null) return;
  expect(why).toMatch(
    /^(Node ≥ 23: |tfjs-node-gpu is (for|not installed: npm run setup:cuda$)|no NVIDIA driver: |CUDA 11\.2 libraries not found: lib|TensorFlow found no GPU)/,
  );
});

test.runIf(process.platform === "linux")("webgpu without a driver says so, and how to get one", async () => {
  await noDriver(async () => {
    const why = await whyNot(openWebGpuEngine({ hardware: false }));
    expect(why).toMatch(/^no WebGPU adapter: .* Vulkan: .*libvulkan1.* VK_ICD_FILENAMES=\S+ LD_LIBRARY_PATH=\S+$/);
  });
});

test.runIf(process.platform === "linux")("auto falls back to the cpu engine, and says why", async () => {
  if ((await whyNot(openCudaEngine())) === null) return;
  const { engine, reason } = await noDriver(() => openEngine("auto", { cacheDir: tmpdir(), native: false }));
  expect(engine.id).toBe("cpu");
  expect(reason).toMatch(
    /^auto; no cuda: .*; no webgpu: (this machine has no GPU|no WebGPU adapter).*; wasm: asked for$/,
  );
  expect((await openEngine("reference", { cacheDir: tmpdir() })).reason).toBe("asked for");
});

const info = (changed: object) => ({
  ...{ vendor: "", architecture: "", device: "", description: "", isFallbackAdapter: false },
  ...changed,
});

test.each([
  // as Dawn describes them
  [{ vendor: "google", architecture: "swiftshader", device: "swiftshader-device-subzero-" }, true],
  [{ vendor: "mesa", description: "llvmpipe (LLVM 15.0.6, 256 bits)" }, true],
  [{ vendor: "microsoft", architecture: "warp" }, true],
  [{ vendor: "microsoft", description: "Microsoft Basic Render Driver" }, true],
  [{ vendor: "nvidia", architecture: "ampere", isFallbackAdapter: true }, true],
  [{ vendor: "nvidia", architecture: "ampere", device: "nvidia-geforce-rtx-3080" }, false],
  [{ vendor: "intel", architecture: "gen-12lp", description: "Intel(R) Xe Graphics (TGL GT2)" }, false],
  [{ vendor: "apple", architecture: "metal-3", description: "Apple M2" }, false],
  [{ vendor: "amd", architecture: "rdna-2", description: "radv Mesa 22.3.6" }, false],
])("%o: software %s", (adapter, software) => {
  expect(isSoftware(info(adapter))).toBe(software);
});

test("a device's name is what its driver says", () => {
  const swiftshader = { device: "swiftshader-device-subzero-", description: "SwiftShader driver 5.0.0" };
  expect(describeAdapter(info(swiftshader))).toBe("swiftshader-device-subzero (SwiftShader driver 5.0.0), WebGPU");
  expect(describeAdapter(info({ vendor: "apple", architecture: "metal-3" }))).toBe("apple metal-3, WebGPU");
  expect(describeAdapter(info({}))).toBe("unknown GPU, WebGPU");
});
