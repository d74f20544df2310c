/**
 * `npm run bench`: what a training iteration, an evaluation and the memory cost on the cpu engine, beside PyTorch, taken in
 * turns in one run; and how near the kernels come to what the processor can do. Numbers only: nothing here passes or
 * fails. README.md says how it is run, and what the numbers mean.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { Problem } from "../src/problem.ts";
import {
  BUILDS,
  begin,
  type Compiled,
  type Contender,
  compile,
  type Examples,
  evaluation,
  examplesOf,
  iteration,
  openContenders,
  randomMask,
} from "./contenders.ts";
import { kernelTimes, printKernels } from "./kernels.ts";
import { printLoading } from "./loading.ts";
import { NETS, type Net, SCORED } from "./nets.ts";
import { type Fastest, fastest, openPeer, type Peer, peerEvaluation, peerIteration, peerMemory } from "./peer.ts";
import { measureRoofline, printRoofline } from "./roofline.ts";
import { type Limits, type Quartiles, quartiles, takeTurns } from "./turns.ts";

/** Ours, the peer's, and peer ÷ ours of each round; null without a peer. */
interface Pair {
  readonly ms: Quartiles;
  readonly peerMs: Quartiles | null;
  readonly ratio: Quartiles | null;
}

/** What `--json` writes: medians of a training iteration, and under them all that was measured. */
interface Row {
  readonly net: string;
  readonly batch: number;
  readonly sparsity: number;
  readonly build: Contender["build"];
  readonly threads: number;
  readonly ms: number;
  readonly peerMs: number | null;
  readonly ratio: number | null;
  readonly rounds: number;
  readonly train: Pair;
  /** Of SCORED images. */
  readonly evaluate: Pair;
  readonly bytes: number;
  readonly peerBytes: number | null;
  readonly peer: { readonly version: string; readonly format: string; readonly threads: number } | null;
}

const optionsSchema = z.strictObject({
  quick: z.boolean().default(false),
  kernels: z.boolean().default(false),
  loading: z.boolean().default(false),
  busy: z.boolean().default(false),
  json: z.string().optional(),
  python: z.string().optional(),
  net: z.array(z.enum(NETS.map(({ id }) => id))).optional(),
  sparsity: z.array(z.coerce.number().min(0).lt(1)).default([0, 0.5, 0.7, 0.9, 0.95, 0.98]),
  build: z.array(z.enum(BUILDS)).default([...BUILDS]),
  threads: z.array(z.coerce.number().int().min(1)).default([1, 2]),
});

function readOptions(): z.infer<typeof optionsSchema> {
  const repeated = { type: "string", multiple: true } as const;
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean" },
      kernels: { type: "boolean" },
      loading: { type: "boolean" },
      busy: { type: "boolean" },
      json: { type: "string" },
      python: { type: "string" },
      net: repeated,
      sparsity: repeated,
      build: repeated,
      threads: repeated,
    },
  });
  const read = optionsSchema.safeParse(values);
  if (read.success) return read.data;
  console.error(z.prettifyError(read.error));
  process.exit(2);
}

const options = readOptions();
const limits: Record<"train" | "evaluate" | "kernels", Limits> = options.quick
  ? {
      train: { rounds: [3, 5], seconds: 2 },
      evaluate: { rounds: [1, 1], seconds: 0 },
      kernels: { rounds: [2, 2], seconds: 0 },
    }
  : {
      train: { rounds: [5, 25], seconds: 15 },
      evaluate: { rounds: [3, 9], seconds: 4 },
      kernels: { rounds: [4, 4], seconds: 0 },
    };
const kernelSparsities = options.quick ? [0, 0.9] : [0, 0.7, 0.9, 0.98];
const threadCounts = options.threads.filter((count) => count <= availableParallelism());
const nets = NETS.filter(({ id, quick }) => (options.net ? options.net.includes(id) : quick || !options.quick));

/** Ours are the first `count` of the players; the peer, if there is one, is the last. */
function pairs(times: readonly number[][], count: number): Pair[] {
  const theirs = times[count];
  return times.slice(0, count).map((ours) => ({
    ms: quartiles(ours),
    peerMs: theirs ? quartiles(theirs) : null,
    ratio: theirs ? quartiles(ours.map((ms, round) => theirs[round]! / ms)) : null,
  }));
}

const show = (values: Quartiles | null, digits: number): string => {
  if (!values) return "";
  const [low, median, high] = values.map((value) => value.toFixed(digits));
  return values[0] === values[2] ? `${median}` : `${median} (${low}–${high})`;
};
const digitsFor = (ms: number): number => (ms < 10 ? 3 : ms < 1000 ? 1 : 0);
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

function printHead(): void {
  const columns = ["sparsity", "build", "threads", "ms", "peer ms", "ratio"];
  const evaluated = [`ms for ${SCORED} images`, "peer ms", "ratio"];
  const all = [...columns, ...evaluated, "rounds"];
  console.log(`\n| ${all.join(" | ")} |\n|${"---|".repeat(all.length)}`);
}

function print({ sparsity, build, threads, rounds, train, evaluate }: Row): void {
  const cells = [train, evaluate].flatMap(({ ms, peerMs, ratio }) => {
    const digits = digitsFor(ms[1]);
    return [show(ms, digits), show(peerMs, digits), show(ratio, 2)];
  });
  console.log(`| ${[sparsity, build, threads, ...cells, rounds].join(" | ")} |`);
}

function tryExamples(net: Net): Examples | null {
  try {
    return examplesOf(net);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    console.log(`left out (${error.message})`);
    return null;
  }
}

async function measureNet(net: Net, contenders: readonly Contender[], peers: readonly Peer[]): Promise<Row[]> {
  console.log(`\n### ${net.id}, batch ${net.batch}\n`);
  const peer = await fastest(peers, net);
  const peerBytes = peer && (await peerMemory(peer, net));
  if (peer) console.log(`peer: ${peer.format}, threads ${peer.peer.threads} (dense, ms: ${peer.tried})`);
  const examples = tryExamples(net);
  if (!examples) return [];
  const tried: (Compiled | null)[] = [];
  for (const contender of contenders) tried.push(await compile(contender, examples.architecture, net.batch));
  const compiled = tried.filter((one) => one !== null);
  if (compiled.length === 0) return [];
  const memory = compiled.map(({ build, threads, network }) => `${build} ${threads}: ${mebibytes(network.peakBytes)}`);
  if (peerBytes !== null) memory.push(`growth of the peer's process: ${mebibytes(peerBytes)}`);
  console.log(`peak memory, MiB: ${memory.join("; ")}`);
  printHead();
  const rows: Row[] = [];
  for (const sparsity of options.sparsity) {
    const mask = randomMask(examples.architecture, examples.weights, sparsity);
    for (const one of compiled) await begin(one, examples.weights, mask);
    const theirs = (player: typeof peerIteration | typeof peerEvaluation) =>
      peer ? [player(peer, net, sparsity)] : [];
    const trained = await takeTurns(
      [...compiled.map((one) => iteration(one, examples, net)), ...theirs(peerIteration)],
      limits.train,
    );
    const evaluated = await takeTurns(
      [...compiled.map((one) => evaluation(one, examples, net)), ...theirs(peerEvaluation)],
      limits.evaluate,
    );
    const [train, evaluate] = [pairs(trained, compiled.length), pairs(evaluated, compiled.length)];
    const measured = compiled.map(({ build, threads, network }, i): Row => {
      const { ms, peerMs, ratio } = train[i]!;
      return {
        net: net.id,
        batch: net.batch,
        sparsity,
        build,
        threads,
        ms: ms[1],
        peerMs: peerMs?.[1] ?? null,
        ratio: ratio?.[1] ?? null,
        rounds: trained[i]!.length,
        train: train[i]!,
        evaluate: evaluate[i]!,
        bytes: network.peakBytes,
        peerBytes,
        peer: peer && describe(peer),
      };
    });
    measured.forEach(print);
    rows.push(...measured);
  }
  for (const { network } of compiled) await network.dispose();
  return rows;
}

const describe = ({ peer, format }: Fastest): Row["peer"] => ({
  version: peer.version,
  format,
  threads: peer.threads,
});

const folder = await mkdtemp(join(tmpdir(), "ticketmark-bench-"));
const pythons = options.python ? [options.python] : ["python3", "/usr/bin/python3"];
const busy = options.busy ? spawn(process.execPath, ["-e", "for (;;);"]) : null;
const peerThreads = [1, 2].filter((count) => count <= availableParallelism());
const measuresNets = !options.kernels && !options.loading;
const opened = measuresNets ? await Promise.all(peerThreads.map((threads) => openPeer(pythons, threads))) : [];
const peers = opened.filter((peer) => peer !== null);
try {
  console.log(`${cpus()[0]?.model.trim()}, ${availableParallelism()} cores; Node ${process.versions.node}`);
  if (busy) console.log("one core is kept busy by another process");
  const builds = options.loading ? options.build.slice(0, 1) : options.build;
  const contenders = await openContenders(builds, options.threads, folder);
  if (options.loading) await printLoading(contenders.at(-1)!, folder, options.quick);
  else if (!options.net) {
    const roofline = await measureRoofline(folder, threadCounts);
    printRoofline(roofline);
    printKernels(await kernelTimes(contenders, kernelSparsities, limits.kernels), roofline);
  }
  const rows: Row[] = [];
  if (measuresNets) {
    console.log(`\npeer: ${peers[0]?.version ?? `none (no torch in ${pythons.join(", ")})`}`);
    for (const net of nets) rows.push(...(await measureNet(net, contenders, peers)));
  }
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(rows, null, 2)}\n`);
} finally {
  for (const peer of peers) peer.close();
  busy?.kill();
  await rm(folder, { recursive: true });
}
