/** Both builds, and threads: the same bits; and what happens when something is missing, changed, or ends early. */
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../engine.ts";
import { MEMORY_LIMIT } from "../arena.ts";
import { drawCase, runBattery } from "../battery.ts";
import { cpuEngine } from "../cpu.ts";
import { compileKernels, wasmEngine } from "../wasm.ts";
import { buildKernels } from "./build.ts";
import type { Build } from "./entry.mjs";
import { buildNative } from "./native.ts";
import { openCpuEngine, selfTest } from "./open.ts";
import { readSources } from "./sources.ts";
import { openThreads } from "./threads.ts";

const run = promisify(execFile);
let cacheDir: string;
let native: Build | null = null;
let wasm: Build;
let expected: Uint8Array;

beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), "ticketmark-native-"));
  const { bytes } = await buildKernels();
  wasm = { module: await compileKernels(bytes) };
  expected = await runBattery(await wasmEngine(bytes));
  const built = await buildNative(cacheDir);
  if ("library" in built) {
    native = built;
    return;
  }
  console.log(`native kernels: ${built.missing}`);
  if (/\bnative\b/.test(process.env.TICKETMARK_REQUIRE ?? "")) throw new Error(built.missing);
}, 120_000);
afterAll(() => rm(cacheDir, { recursive: true }));

/** Takes exactly so many threads, however small the net. */
const engineOf = (build: Build, threads: number): Engine =>
  cpuEngine({ device: "", threads: () => threads, limit: MEMORY_LIMIT, open: (arena) => openThreads(build, arena) });

describe("every bit is the same", () => {
  test("the battery has numbers in it", () => {
    const values = new Float32Array(expected.buffer);
    expect(values.length).toBeGreaterThan(50_000);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(new Set(values).size).toBeGreaterThan(20_000);
  });
  test.each([1, 2, 3, 4])("native, threads: %s", async (threads) => {
    if (native) expect(Buffer.compare(await runBattery(engineOf(native, threads)), expected)).toBe(0);
  });
  test.each([1, 2, 3, 4])("wasm, threads: %s", async (threads) => {
    expect(Buffer.compare(await runBattery(engineOf(wasm, threads)), expected)).toBe(0);
  });
});

test("what was opened says what it is and why", async () => {
  const asked = await openCpuEngine({ cacheDir, native: false, threads: 1 });
  expect(asked.reason).toBe("wasm: asked for");
  expect(asked.engine.device).toMatch(/, wasm, 1 thread$/);
  const auto = await openCpuEngine({ cacheDir, threads: 2 });
  if (native) expect(auto.reason).toBe("native: its self-test equals wasm's in every bit");
  else expect(auto.reason).toMatch(/^wasm: /);
  await expect(openCpuEngine({ cacheDir, threads: 0 })).rejects.toThrow("expected an integer of 1 to 64; got 0");
});

test("without a C compiler it is wasm", async () => {
  const path = process.env.PATH;
  process.env.PATH = "";
  try {
    expect((await openCpuEngine({ cacheDir })).reason).toBe("wasm: no C compiler (cc not found)");
  } finally {
    process.env.PATH = path;
  }
});

test("a library that was changed is built again before it is loaded", async () => {
  if (!native) return;
  const folder = join(cacheDir, "kernels");
  const library = (await readdir(folder)).find((name) => name.endsWith(".so"))!;
  await rm(join(folder, library)); // a new file: the old one is mapped into this process
  await writeFile(join(folder, library), "not a library");
  expect((await openCpuEngine({ cacheDir })).reason).toMatch(/^native: /);
}, 120_000);

/** A library of its own, from sources that may have been changed. */
async function compile(sources: Record<string, string>, flags: readonly string[] = []): Promise<Build> {
  const folder = await mkdtemp(join(cacheDir, "own-"));
  await Promise.all(Object.entries(sources).map(([name, text]) => writeFile(join(folder, name), text)));
  const library = join(folder, "own.so");
  const all = ["-O1", "-ffp-contract=off", "-fPIC", "-shared", ...flags, "-o", library, join(folder, "kernels.c")];
  await run("cc", all);
  return { library };
}

describe.runIf(process.arch === "x64")("narrow vectors give the bits of wide ones", () => {
  const narrower = [
    { lanes: 4, flags: ["-march=x86-64"] },
    { lanes: 8, flags: ["-march=x86-64", "-mavx2", "-mno-avx512f"] },
  ];
  test.each(narrower)("$lanes lanes", async ({ lanes, flags }) => {
    if (!native || (lanes === 8 && !(await hasAvx2()))) return;
    const sources = await readSources();
    const counted = { ...sources, "kernels.c": `${sources["kernels.c"]}\n_Static_assert(LANES == ${lanes}, "");\n` };
    expect(await selfTest(await compile(counted, flags), wasm)).toBeNull();
  });
});

/** False where there is no /proc to tell. */
const hasAvx2 = async (): Promise<boolean> => /\bavx2\b/.test(await readFile("/proc/cpuinfo", "utf8").catch(() => ""));

test("a native build that differs in one digit of one constant is noticed, and one that does not load", async () => {
  if (!native) return;
  const sources = await readSources();
  const changed = { ...sources, "loss.h": sources["loss.h"]!.replace("1.6666665459e-1f", "1.6666664459e-1f") };
  expect(await selfTest(await compile(changed), wasm)).toMatch(/differs from wasm's at byte \d+ of \d+/);
  expect(await selfTest({ library: cacheDir }, wasm)).toMatch(/could not be loaded/);
});

test("a folder that others can write is not used", async () => {
  if (!native) return;
  const folder = join(cacheDir, "kernels");
  await chmod(folder, 0o777);
  try {
    expect((await openCpuEngine({ cacheDir })).reason).toMatch(
      /^wasm: .*expected a folder of this user with mode 700; got mode 777/,
    );
  } finally {
    await chmod(folder, 0o700);
  }
});

describe("no thread outlives its use", () => {
  const script = (end: string) => `
    import { openThreads } from "./threads.ts"; import { buildKernels } from "./build.ts";
    import { compileKernels } from "../wasm.ts"; import { cpuEngine } from "../cpu.ts"; import { drawCase } from "../battery.ts";
    const module = await compileKernels((await buildKernels()).bytes);
    const build = ${native ? JSON.stringify(native) : "{ module }"};
    const engine = cpuEngine({ device: "", threads: () => 3, limit: 2 ** 32, open: (arena) => openThreads(build, arena) });
    const { net, images, labels, update } = drawCase({ widths: [9, 8, 3], batch: 4 });
    const network = await engine.compile(net, 4);
    await network.step(images, labels, update);
    console.log("stepped");
    ${end}`;
  test.each([
    ["nothing", ""],
    ["dispose", "await network.dispose();"],
    ["dispose while helpers sleep", "await new Promise((done) => setTimeout(done, 300)); await network.dispose();"],
    ["process.exit", "process.exit(0);"],
    ["an error", 'setTimeout(() => { throw new Error("on purpose"); }, 10);'],
  ])("the process ends by itself after %s", async (_name, end) => {
    const ended = run(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script(end)], {
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      timeout: 30_000,
    });
    if (end.includes("on purpose")) await expect(ended).rejects.toMatchObject({ code: 1, killed: false });
    else expect((await ended).stdout).toContain("stepped");
  });

  test("a network steps again after its helpers fell asleep, and is disposed of in any state", async () => {
    const { net, images, labels, update, weights } = drawCase({ widths: [9, 8, 3], batch: 4 });
    const network = await engineOf(wasm, 3).compile(net, 4);
    await network.write("weights", weights);
    for (let i = 0; i < 3; i++) {
      await network.step(images, labels, update);
      await new Promise((done) => setTimeout(done, 100));
    }
    expect((await network.losses()).every(Number.isFinite)).toBe(true);
    await network.dispose();
    await network.dispose();
  });
});
