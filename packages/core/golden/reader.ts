/**
 * Reads a folder of golden files and runs each case through the product's own code. A case is passed only if everything
 * in it that the product computes was compared; a kind or a net that there is no code for yet is skipped by name.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Engine } from "../src/engine/engine.ts";
import { type Comparison, comparison } from "./compare.ts";
import { dynamic } from "./dynamic.ts";
import { earlyBird } from "./early-bird.ts";
import { magnitude, rst, rstIter, Unsupported } from "./experiments.ts";
import { headSchema, layersSchema } from "./format.ts";
import { initialisation } from "./initialise.ts";
import { LAYER_CASES } from "./layers.ts";
import { lambda, picking } from "./rules.ts";
import { erk, misc } from "./scopes.ts";
import { scores } from "./scores.ts";

export interface Outcome {
  readonly name: string;
  readonly status: "PASS" | "FAIL" | "SKIP";
  /** Largest error e of all that was compared with a tolerance. */
  readonly error: number;
  /** Faults, or why it was skipped. */
  readonly detail: string;
}

const KINDS: Readonly<Record<string, (file: unknown, engine: Engine, compare: Comparison) => Promise<void>>> = {
  rst,
  RST_Iter: rstIter,
  LTH_Iter: magnitude,
  L1_Iter: magnitude,
  L1: magnitude,
  dst: dynamic,
  "baseline-scores": scores,
  erk: (file, _, compare) => erk(file, compare),
  misc: (file, _, compare) => misc(file, compare),
  "early-bird": (file, _, compare) => earlyBird(file, compare),
  lambda: (file, _, compare) => lambda(file, compare),
  pick: (file, _, compare) => picking(file, compare),
};

const NETS = ["mlp", "resnet"];

/** Outcomes of all cases of a folder, in the order of their file names. `index.json` is a list, not a case. */
export async function* readFolder(folder: string, engine: Engine): AsyncGenerator<Outcome> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json") && name !== "index.json").sort();
  for (const name of names) yield* readCase(join(folder, name), name.replace(/\.json$/, ""), engine);
}

async function* readCase(path: string, name: string, engine: Engine): AsyncGenerator<Outcome> {
  let file: unknown;
  try {
    file = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    yield { name, status: "FAIL", error: 0, detail: (error as Error).message };
    return;
  }
  const head = headSchema.safeParse(file);
  if (!head.success) {
    yield { name, status: "FAIL", error: 0, detail: `not a golden case: ${z.prettifyError(head.error)}` };
    return;
  }
  const { kind, config } = head.data;
  if (kind === "layers") {
    yield* readLayers(file, name, engine);
    return;
  }
  const run = KINDS[kind];
  if (!run) yield skipped(name, `kind ${kind} is not implemented`);
  else if (config?.model && !NETS.includes(config.model)) yield skipped(name, `net ${config.model} is not implemented`);
  else yield await outcomeOf(name, (compare) => run(file, engine, compare));
}

async function* readLayers(file: unknown, name: string, engine: Engine): AsyncGenerator<Outcome> {
  const parsed = layersSchema.safeParse(file);
  if (!parsed.success) yield { name, status: "FAIL", error: 0, detail: z.prettifyError(parsed.error) };
  for (const [part, content] of Object.entries(parsed.data?.cases ?? {})) {
    const run = LAYER_CASES.find(([prefix]) => part.startsWith(prefix))?.[1];
    if (run) yield await outcomeOf(`${name}/${part}`, (compare) => run({ name: part, file: content, engine, compare }));
    else yield skipped(`${name}/${part}`, `layer ${part} is not implemented`);
  }
  const init = parsed.data?.init;
  if (init !== undefined) yield await outcomeOf(`${name}/init`, (compare) => initialisation(init, compare));
}

const skipped = (name: string, detail: string): Outcome => ({ name, status: "SKIP", error: 0, detail });

/** Whatever a case throws is its failure: the others still run. */
async function outcomeOf(name: string, run: (compare: Comparison) => Promise<void>): Promise<Outcome> {
  const compare = comparison();
  try {
    await run(compare);
  } catch (error) {
    if (error instanceof Unsupported) return skipped(name, `${error.message} is not implemented`);
    const detail = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    return { name, status: "FAIL", error: compare.largest(), detail: [...compare.faults, detail].join("\n") };
  }
  const status = compare.faults.length === 0 ? "PASS" : "FAIL";
  return { name, status, error: compare.largest(), detail: compare.faults.join("\n") };
}
