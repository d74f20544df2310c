/** `ticketmark data [list | get | check | classes]`: what of the data sets is on this machine, and bringing what is not. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type ClassFolder, classesSchema, type Dataset, datasets, Problem } from "@ticketmark/core";
import { absenceOf, archivesOf, decodedBytes, type Found, folderOf, inspect } from "./data.ts";
import { isSystemError } from "./files.ts";
import { provide } from "./provide.ts";
import { formatBytes, type Status } from "./status.ts";
import { tableText } from "./tables.ts";

const isMissing = ({ state }: Found) => state === "missing" || state === "packed";
const isPackaged = ({ files }: Dataset) => files.length > 0 && files.every(({ source }) => "package" in source);

/** In one word or a few, how much of a data set is there. */
function stateOf(dataset: Dataset, files: readonly Found[]): string {
  if (files.length === 0) return "generated, no files";
  if (files.some(({ state }) => state === "damaged")) return "damaged";
  if (files.every(({ state }) => state === "missing")) return isOwn(dataset) ? "your own folders" : "not here";
  if (files.some(isMissing)) return files.every(isMissing) ? "here, packed" : "in part";
  return isPackaged(dataset) ? "installed" : "here";
}

/** Nobody may hand it on: people bring it. */
const isOwn = ({ images }: Dataset) => images !== undefined && images.archive === null;

/** Bytes to be downloaded; 0 where there is nothing to download. */
const downloadBytes = (dataset: Dataset) => archivesOf(dataset).reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);

export async function dataList(dataDir: string, json: boolean): Promise<string> {
  const all = [];
  for (const dataset of datasets.list) {
    const files = await inspect(dataset, dataDir, false);
    const folder = files.length === 0 || isPackaged(dataset) ? null : folderOf(dataset, dataDir);
    all.push({
      id: dataset.id,
      state: stateOf(dataset, files),
      downloadBytes: downloadBytes(dataset),
      decodedBytes: await decodedBytes(dataset, dataDir),
      folder,
      files,
    });
  }
  if (json) return JSON.stringify({ dataDir, datasets: all }, null, 2);
  const rows = all.map(({ id, state, downloadBytes, decodedBytes, folder }) => [
    id,
    state,
    downloadBytes === 0 ? "" : formatBytes(downloadBytes),
    decodedBytes === 0 ? "" : formatBytes(decodedBytes),
    folder ?? "",
  ]);
  return tableText({ head: ["data set", "files", "download", "decoded", "folder"], words: [1, 4], rows }, false);
}

/** Downloads what is missing, and looks at the digests of it all. Null when it was stopped; false when something is damaged. */
export async function dataGet(
  ids: readonly string[],
  { dataDir, status, stop }: { dataDir: string; status: Status; stop: AbortSignal },
): Promise<boolean | null> {
  let whole = true;
  for (const dataset of ids.map((id) => datasets.get(id))) {
    try {
      const onProgress = (name: string, done: number, total: number | null) => status.transfer(name, done, total);
      await provide(dataset, dataDir, { signal: stop, onProgress });
    } catch (error) {
      if (!stop.aborted) throw error;
      return null;
    } finally {
      status.clear();
    }
    const files = await inspect(dataset, dataDir, true);
    const missing = files.find(isMissing);
    if (missing) throw new Problem("data-unavailable", `${dataset.id}: ${missing.detail}`);
    const damaged = files.filter(({ state }) => state === "damaged");
    for (const { path, detail } of damaged)
      status.say(`✗ ${path}: ${detail}; remove it, and it is downloaded`, { damaged: path });
    if (damaged.length === 0) status.say(`✓ ${dataset.id}: ${stateOf(dataset, files)}`, { dataset: dataset.id, files });
    else whole = false;
  }
  return whole;
}

const MARKS = { missing: "–", packed: "–", there: "✓", whole: "✓", damaged: "✗" } as const;

/** Computes digests. False when a file is damaged, or missing where data sets are named. */
export async function dataCheck(
  ids: readonly string[],
  dataDir: string,
  json: boolean,
): Promise<{ text: string; ok: boolean }> {
  const named = ids.length === 0 ? datasets.list : ids.map((id) => datasets.get(id));
  const all: (Found & { dataset: string })[] = [];
  const lines: string[] = [];
  for (const dataset of named) {
    const files = await inspect(dataset, dataDir, true);
    const absence = absenceOf(dataset, files);
    all.push(...files.map((file) => ({ dataset: dataset.id, ...file })));
    if (absence !== null) lines.push(`${MARKS.missing} ${dataset.id}: ${absence}`);
    for (const { name, state, detail } of absence === null ? files : [])
      lines.push(`${MARKS[state]} ${dataset.id}/${name}: ${state}${detail && `, ${detail}`}`);
  }
  const ok = !all.some((file) => file.state === "damaged" || (ids.length > 0 && isMissing(file)));
  if (json) return { ok, text: JSON.stringify({ ok, files: all }, null, 2) };
  return { ok, text: lines.join("\n") };
}

/** The classes of folders train/CLASS and val/CLASS with their numbers of JPEGs: what a spec's `classes` says. */
export async function dataClasses(folder: string): Promise<string> {
  const train = await classesIn(join(folder, "train"));
  const test = await classesIn(join(folder, "val"));
  const odd = [...train.keys(), ...test.keys()].find((name) => !(train.has(name) && test.has(name)));
  if (odd !== undefined)
    throw new Problem("bad-file", `${folder}: expected each class in train and in val; ${odd} is only in one`);
  const classes: ClassFolder[] = [...train].map(([name, count]) => ({ name, train: count, test: test.get(name)! }));
  const parsed = classesSchema.safeParse(classes);
  if (parsed.success) return JSON.stringify(parsed.data, null, 2);
  const { path, message } = parsed.error.issues[0]!;
  const name = classes[Number(path[0])]?.name;
  throw new Problem(
    "bad-file",
    `${folder}: ${name === undefined ? "classes" : `${name}.${String(path[1])}`}: ${message}`,
  );
}

/** JPEGs by folder, ascending by name. */
async function classesIn(folder: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  try {
    const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => !entry.isFile());
    for (const { name } of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const images = (await readdir(join(folder, name))).filter((image) => /\.jpe?g$/i.test(image));
      counts.set(name, images.length);
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new Problem("data-unavailable", `${folder}: expected folders of images, one a class: ${error.message}`, {
      cause: error,
    });
  }
  return counts;
}
