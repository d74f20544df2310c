/** The kernels' C source, as both builds read it, and its digest. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";

export const SOURCE_FOLDER = new URL("../kernels/", import.meta.url);

/** Texts by file name, in the order of names; the one to compile is kernels.c. */
export async function readSources(): Promise<Record<string, string>> {
  const names = (await readdir(SOURCE_FOLDER)).filter((name) => /\.[ch]$/.test(name)).sort();
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, SOURCE_FOLDER), "utf8")));
  return Object.fromEntries(names.map((name, i) => [name, texts[i]!]));
}

/** Lower-case hexadecimal. */
export const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");
