/**
 * What NUMERICS promises: a spec gives these bits, with every build and any number of threads. The pins here and in pins.ts
 * (conv nets, too) change only with NUMERICS, and with them every series and replay; see numerics.ts. What there is now:
 * `npx vitest run packages/core/src/engine/numerics.test.ts -t "native false, 1 threads"` prints it beside what is pinned.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DataFile } from "../datasets/dataset.ts";
import { datasets } from "../datasets/index.ts";
import { multiplyAdds } from "../flops.ts";
import { models } from "../models/index.ts";
import { plan } from "../plan.ts";
import { runJob } from "../run.ts";
import { parseSpec, type SpecInput } from "../spec.ts";
import { EVALUATION_BATCH } from "../training/evaluate.ts";
import { threadsFor } from "./cpu/choose.ts";
import type { Engine } from "./engine.ts";
import { NUMERICS } from "./numerics.ts";
import { openEngine } from "./open.ts";
import { PINS, type Pin } from "./pins.ts";

const extrusion = { interval: 1, granularity: 0.05, settle: 20, learningRate: 0.01 };
interface ThreadedPin extends Pin {
  /** How many of 4 threads the net is worth at its largest batch: the cpu engine takes no more, whatever is asked for. */
  readonly threads: 1 | 3 | 4;
}
const ALL: readonly ThreadedPin[] = [
  ...PINS.map((pin) => ({ ...pin, threads: 4 as const })),
  {
    numerics: 1,
    threads: 1,
    name: "toy, lth-iter: dense and sparse training, Nesterov, label smoothing",
    spec: {
      ...{ dataset: "toy", model: "mlp-tiny", method: { id: "lth-iter", rounds: 2 }, sparsity: 0.9, seed: 11 },
      recipe: { nesterov: true, labelSmoothing: 0.1, batchSize: 17 },
    },
    ticket: "16948760a2f2651526a2ec66c9ccd22b92c2f7f8424a46d06171eaa0f608350e",
    trained: "3a2565f4fb862f93ff5aa1448f6bad999c95ed9fe4891a300715e7b251160201",
    trace: "1b7e1e0b4150dd21a92cea8bb41f291fe2b04acec0e6a762b2a4e0ad237bb8b1",
  },
  {
    numerics: 1,
    threads: 3,
    name: "toy, l1-iter in batches large enough for threads: dense, then masked after an update, then sparse",
    spec: {
      ...{ dataset: "toy", model: "mlp-tiny", sparsity: 0.9, seed: 5 },
      method: { id: "l1-iter", rounds: 2, maskFirst: false },
      recipe: { batchSize: 640, epochs: 30, learningRate: [{ epoch: 0, value: 0.1 }] },
    },
    ticket: "dfd00e2e6795aaf742b0e0b2efb2ddfa63422f57fbe93506149c86499ffafb90",
    trained: "e8c78f0b691e309e6af2540bdace06f7b30fbd12fdaa75584c9693f3137f7023",
    trace: "1d56d31dd7947ea5264ba73c29b68eaba8c1da3678f24d08c7bee73213cfa0db",
  },
  {
    numerics: 1,
    threads: 4,
    name: "mnist, rst: extrusion, the cut, an epoch at 90 %",
    spec: {
      ...{ dataset: "mnist", model: "lenet-300-100", method: { id: "rst", ...extrusion }, sparsity: 0.9, seed: 1 },
      recipe: { epochs: 1 },
    },
    ticket: "234cea9d79d7c5209ec8276b7e915652f3009a477a4aa6f6335c4b0dad7a627c",
    trained: "778e79795e7a4ce8f38265fa8ec468b01c555a6bd0442a3c86899c68adb707fe",
    trace: "725c6f8a5c346504ccc6f7180982bb4c7e0089f37df67c96da73d97c03adcdd5",
  },
];

const require = createRequire(import.meta.url);
const read = async ({ source }: DataFile) => {
  if (!("package" in source)) throw new Error("expected a file of a package");
  const { name, path } = source.package;
  return new Uint8Array(await readFile(join(require.resolve(`${name}/package.json`), "..", path)));
};

let cacheDir: string;
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), "ticketmark-numerics-"));
});
afterAll(() => rm(cacheDir, { recursive: true, force: true }));

/** Opened once: an engine tests itself first. */
const engines = new Map<string, ReturnType<typeof openEngine>>();
function opened(native: boolean, threads: number): ReturnType<typeof openEngine> {
  const key = `${native} ${threads}`;
  if (!engines.has(key)) engines.set(key, openEngine("cpu", { native, threads, cacheDir }));
  return engines.get(key)!;
}

async function digests(engine: Engine, spec: SpecInput) {
  const environment = {
    ...{ engine: "", device: "", reason: "", os: "", arch: "", cpu: "", node: "" },
    cores: 1,
    memoryBytes: 0,
  };
  const output = await runJob(parseSpec(spec), { engine, environment, read, now: () => performance.now() });
  if (output === "stopped") throw new Error("stopped");
  const { ticketDigest, trainedDigest, trace } = output.result;
  return { ticket: ticketDigest, trained: trainedDigest, trace: trace.head };
}

const builds = [false, true].flatMap((native) => [1, 2, 3, 4].map((threads) => ({ native, threads })));
describe.each(ALL)("$name", ({ numerics, spec, threads: worth, ticket, trained, trace }) => {
  test("is pinned under the NUMERICS there is", () => expect(numerics).toBe(NUMERICS));

  test(`is worth ${worth} of 4 threads`, async () => {
    const complete = parseSpec(spec);
    const { shape, classes } = datasets.get(complete.dataset);
    const work = multiplyAdds(models.get(complete.model).architecture(shape, classes));
    const { phases } = await plan(complete);
    expect(threadsFor(work * Math.max(EVALUATION_BATCH, ...phases.map((phase) => phase.batchSize)), 4)).toBe(worth);
  });

  test.each(builds)("native $native, $threads threads", async ({ native, threads }) => {
    const { engine, reason } = await opened(native, threads);
    if (native && !/native:/.test(reason)) {
      expect(process.env.TICKETMARK_REQUIRE ?? "", reason).not.toContain("native");
      console.log(`skipped: ${reason}`);
      return;
    }
    expect(await digests(engine, spec)).toEqual({ ticket, trained, trace });
  });
});

test("two runs of a spec agree", async () => {
  const { engine } = await openEngine("auto", { cacheDir });
  const { spec } = ALL[0]!;
  expect(await digests(engine, spec)).toEqual(await digests(engine, spec));
  expect(await digests(engine, { ...spec, seed: 12 })).not.toEqual(await digests(engine, spec));
});
