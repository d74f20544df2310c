/** `ticketmark import FILE.safetensors`: weights made elsewhere, such as a PyTorch initialisation, as a file to train from. */
import {
  architectureOf,
  digestOf,
  importSafetensors,
  MAX_FILE_BYTES,
  Problem,
  type Spec,
  writeInitialWeights,
} from "@ticketmark/core";
import { readBounded, writeAtomically } from "./files.ts";

interface ImportCommand {
  readonly path: string;
  /** Whose parameters they are: of a model for a data set's images and classes. */
  readonly net: Pick<Spec, "model" | "dataset" | "classes">;
  readonly out: string;
}

/** Throws Problem "not-found", "bad-spec" or "bad-file". Returns the digest by which a spec names the file it wrote. */
export async function importCommand({ path, net, out }: ImportCommand): Promise<{ out: string; initial: string }> {
  const architecture = architectureOf(net);
  const file = await readBounded(path, MAX_FILE_BYTES);
  if (!file) throw new Problem("not-found", `${path}: expected a safetensors file; there is none`);
  const initial = writeInitialWeights(importSafetensors(file, architecture), architecture);
  await writeAtomically(out, initial);
  return { out, initial: digestOf(initial) };
}

/** A file of initial weights. Throws Problem "not-found". */
export async function readInitial(path: string): Promise<Uint8Array> {
  const bytes = await readBounded(path, MAX_FILE_BYTES);
  if (bytes) return bytes;
  throw new Problem("not-found", `${path}: expected initial weights, from ticketmark import; there is no such file`);
}
