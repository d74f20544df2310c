/** `ticketmark export FOLDER|FILE`: a trained net or a ticket as safetensors, for PyTorch and whatever else reads them. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { digestOf, exportSafetensors, MAX_FILE_BYTES, Problem, parseCompleteSpec } from "@ticketmark/core";
import { readBounded, writeAtomically } from "./files.ts";
import { FILE_NAMES, readResult } from "./spool.ts";

export const EXPORTED = ["trained", "ticket"] as const;

interface ExportCommand {
  /** Folder of a finished run, or a file of it. */
  readonly path: string;
  /** Of a folder. */
  readonly what: (typeof EXPORTED)[number];
  readonly out: string;
}

/** Throws Problem "not-found" or "bad-file". Returns the digest of what it wrote. */
export async function exportCommand({ path, what, out }: ExportCommand): Promise<{ out: string; sha256: string }> {
  const isFolder = (await stat(path).catch(() => null))?.isDirectory() ?? false;
  const exported = isFolder ? await fromFolder(path, what) : exportSafetensors(await readNet(path));
  await writeAtomically(out, exported);
  return { out, sha256: digestOf(exported) };
}

/** With what its result says of it: the model, how to normalise images, how many of them are right. */
async function fromFolder(folder: string, what: ExportCommand["what"]): Promise<Uint8Array> {
  const result = await readResult(folder);
  const [digest, score] =
    what === "trained"
      ? [result.trainedDigest, result.accuracy?.last]
      : [result.ticketDigest, result.accuracy?.afterCut];
  if (!digest || !score)
    throw new Problem(
      "not-found",
      `${folder}: expected a completed run; this one ${result.outcome}, and has no ${what}`,
    );
  const path = join(folder, FILE_NAMES[what]);
  const file = await readNet(path);
  if (digestOf(file) !== digest)
    throw new Problem("bad-file", `${path}: expected the file ${digest.slice(0, 12)}… that ${FILE_NAMES.result} names`);
  return exportSafetensors(file, { spec: parseCompleteSpec(result.spec), score });
}

async function readNet(path: string): Promise<Uint8Array> {
  const file = await readBounded(path, MAX_FILE_BYTES);
  if (file) return file;
  throw new Problem("not-found", `${path}: expected a folder of a finished run, or a .tkt file of it; there is none`);
}
