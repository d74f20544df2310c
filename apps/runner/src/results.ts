/** Results to look at: from a result file, the folder of a run, or a folder of such folders (as `suite run` makes). */
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  checkForm,
  MAX_RESULT_BYTES,
  Problem,
  parseCompleteSpec,
  type Result,
  resultSchema,
  type Spec,
  specDigest,
} from "@ticketmark/core";
import { namesIn, readJson } from "./files.ts";
import { FILE_NAMES } from "./spool.ts";

export interface StoredResult {
  /** Of the run's files. */
  readonly folder: string;
  readonly result: Result;
  readonly spec: Spec;
}

/** In the order given, folders of runs by name. Throws Problem "not-found" for a path without results. */
export async function readResults(paths: readonly string[]): Promise<StoredResult[]> {
  const found: StoredResult[] = [];
  for (const path of paths) {
    const files = await resultFiles(path);
    if (files.length === 0) throw new Problem("not-found", `${path}: expected a result, or folders of results`);
    for (const file of files) found.push(await readOne(file));
  }
  return found;
}

async function resultFiles(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => null);
  if (!found?.isDirectory()) return found ? [path] : [];
  const here = join(path, FILE_NAMES.result);
  if (await isFile(here)) return [here];
  const files = (await namesIn(path)).map((name) => join(path, name, FILE_NAMES.result));
  const there = await Promise.all(files.map(isFile));
  return files.filter((_, i) => there[i]);
}

const isFile = (path: string) =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

async function readOne(path: string): Promise<StoredResult> {
  const result = await readJson(path, resultSchema, MAX_RESULT_BYTES);
  if (!result) throw new Problem("not-found", `${path}: expected a result; there is no such file`);
  return { folder: dirname(path), result, spec: specOf(path, result) };
}

/** Of a result that agrees with itself; its signature and its files are not looked at. Throws Problem "bad-file". */
export function specOf(path: string, result: Result): Spec {
  try {
    const spec = parseCompleteSpec(result.spec);
    const digest = specDigest(spec);
    if (digest !== result.specDigest)
      throw new Problem("bad-file", `expected the digest of its spec, ${digest}; got ${result.specDigest}`);
    checkForm(result);
    return spec;
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause;
    throw new Problem("bad-file", `${path}: ${cause.message}`, { cause });
  }
}
