/** A GPU whose driver gives no device is an engine that is not there, not a crash. */
import { expect, test, vi } from "vitest";
import { Problem } from "../../../problem.ts";
import { openWebGpuEngine } from "./webgpu.ts";

const gpu = { requestAdapter: vi.fn() };
vi.mock("webgpu", () => ({ create: () => gpu, globals: {} }));

test.each([
  ["adapter", async () => Promise.reject(new Error("out of it"))],
  ["device", async () => ({ limits: {}, requestDevice: () => Promise.reject(new Error("out of it")) })],
])("webgpu: no %s", async (_what, requestAdapter) => {
  gpu.requestAdapter.mockImplementation(requestAdapter);
  const error = await openWebGpuEngine({ hardware: false }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(Problem);
  expect(error).toMatchObject({
    code: "engine-unavailable",
    message: "WebGPU gives no device: out of it",
    cause: { message: "out of it" },
  });
});
