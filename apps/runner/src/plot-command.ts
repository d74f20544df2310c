/** `ticketmark plot KIND RESULTS… --out x.svg|x.png` */
import { extname, join } from "node:path";
import { architectureOf, MAX_FILE_BYTES, Problem, readTicketFile, type TicketFile } from "@ticketmark/core";
import { readBounded, writeAtomically } from "./files.ts";
import { groupsOf } from "./groups.ts";
import { accuracyPlot, curvesPlot, maskPlot, weightsPlot } from "./plots.ts";
import { renderPng } from "./png.ts";
import { readResults, type StoredResult } from "./results.ts";
import { FILE_NAMES } from "./spool.ts";

export const PLOTS = ["accuracy", "curves", "weights", "masks"] as const;
/** Folders in an error that says that one is to be chosen. */
const MOST_NAMED = 8;

export type PlotKind = (typeof PLOTS)[number];

/** Throws Problem "bad-request" for another ending than .svg and .png, before anything is drawn. */
export async function plotCommand(kind: PlotKind, paths: readonly string[], out: string): Promise<void> {
  const format = extname(out).toLowerCase();
  if (format !== ".svg" && format !== ".png")
    throw new Problem(
      "bad-request",
      `--out: expected a file name that ends in .svg or .png; got ${JSON.stringify(out)}`,
    );
  const svg = await draw(kind, await readResults(paths));
  await writeAtomically(out, format === ".png" ? await renderPng(svg) : svg);
}

async function draw(kind: PlotKind, results: readonly StoredResult[]): Promise<string> {
  if (kind === "accuracy") return accuracyPlot(groupsOf(results));
  if (kind === "curves") return curvesPlot(groupsOf(results));
  const [one] = results;
  if (results.length !== 1 || !one) {
    const named = results.slice(0, MOST_NAMED).map(({ folder }) => folder);
    const more = results.length > MOST_NAMED ? `, and ${results.length - MOST_NAMED} more` : "";
    throw new Problem(
      "bad-request",
      `expected one result to draw ${kind} of, the folder of a run; got ${results.length}: ${named.join(", ")}${more}`,
    );
  }
  const ticket = await readFileOf(one, "ticket");
  return kind === "masks" ? maskPlot(one, ticket) : weightsPlot(one, ticket, await readFileOf(one, "trained"));
}

async function readFileOf({ folder, spec }: StoredResult, kind: "ticket" | "trained"): Promise<TicketFile> {
  const path = join(folder, FILE_NAMES[kind]);
  const bytes = await readBounded(path, MAX_FILE_BYTES);
  if (!bytes) throw new Problem("not-found", `${path}: expected the run's ${kind}; there is no such file`);
  return readTicketFile(bytes, architectureOf(spec));
}
