/**
 * `npm run bench`: milliseconds of a training iteration on the cpu engine, beside PyTorch's, taken in turns in one run.
 * Numbers only: nothing here passes or fails. `-- --quick` takes seconds, `--json FILE` writes the rows,
 * `--python FILE` names the Python that has torch.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openCpuEngine } from "../src/engine/cpu/node/open.ts";
import type { Network, Update } from "../src/engine/engine.ts";
import { parameters } from "../src/layers.ts";
import { models } from "../src/models/index.ts";
import { seededRng } from "../src/rng.ts";
import { openPeer, type Peer } from "./peer.ts";

interface Row {
  readonly net: string;
  readonly batch: number;
  readonly sparsity: number;
  readonly build: "native" | "wasm";
  readonly threads: number;
  /** Milliseconds an iteration in the fastest round: what else the machine did is left out, on both sides. */
  readonly ms: number;
  /** With whichever number of threads was best for it. */
  readonly peerMs: number | null;
  /** Peer ÷ ours. */
  readonly ratio: number | null;
}

interface Contender {
  readonly build: Row["build"];
  readonly threads: number;
  readonly network: Network;
}

const NET = "lenet-300-100";
const BATCH = 60;
const THREADS = [1, 2].filter((count) => count <= availableParallelism());
const SPARSITIES = [0, 0.5, 0.7, 0.9, 0.95, 0.98];
const UPDATE: Update = {
  learningRate: 0.01,
  momentum: 0.9,
  weightDecay: 1e-4,
  nesterov: false,
  labelSmoothing: 0,
  lossGradient: "kept",
};

const { values: options } = parseArgs({
  options: { quick: { type: "boolean" }, json: { type: "string" }, python: { type: "string", default: "python3" } },
});
const rounds = options.quick ? 3 : 25;
const iterations = options.quick ? 10 : 30;
const warmup = 5;
/** BLAS threads go on spinning for a while after their last product. */
const PAUSE_MS = 40;

const model = models.get(NET);
const architecture = model.architecture([1, 28, 28], 10);
const rng = seededRng(1);
const weights = model.initialise(architecture, rng);
const images = Float32Array.from({ length: BATCH * 784 }, () => rng.uniform() * 2 - 1);
const labels = Uint8Array.from({ length: BATCH }, () => rng.below(10));
const widths = [784, ...architecture.layers.flatMap((layer) => (layer.kind === "linear" ? [layer.outputs] : []))];

async function time(network: Network): Promise<number> {
  await new Promise((done) => setTimeout(done, PAUSE_MS));
  for (let i = 0; i < warmup; i++) await network.step(images, labels, UPDATE);
  const start = performance.now();
  for (let i = 0; i < iterations; i++) await network.step(images, labels, UPDATE);
  return (performance.now() - start) / iterations;
}

async function openContenders(cacheDir: string): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const build of ["native", "wasm"] as const) {
    for (const threads of THREADS) {
      const { engine, reason } = await openCpuEngine({ cacheDir, threads, native: build === "native" });
      if (!reason.startsWith(build)) console.log(`${build}, ${threads} threads: left out (${reason})`);
      else contenders.push({ build, threads, network: await engine.compile(architecture, BATCH) });
    }
  }
  return contenders;
}

async function measure(sparsity: number, contenders: readonly Contender[], peers: readonly Peer[]): Promise<Row[]> {
  const mask = Object.fromEntries(
    parameters(architecture)
      .filter(({ kind }) => kind === "weight")
      .map(({ name, size }) => [name, Uint8Array.from({ length: size }, () => (rng.uniform() < sparsity ? 0 : 1))]),
  );
  for (const { network } of contenders) {
    network.setMask(null);
    await network.write("weights", weights);
    network.setMask(sparsity > 0 ? mask : null);
  }
  const ours = contenders.map(() => Number.POSITIVE_INFINITY);
  const theirs = peers.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { network }] of contenders.entries()) ours[i] = Math.min(ours[i]!, await time(network));
    for (const [i, peer] of peers.entries()) {
      theirs[i] = Math.min(theirs[i]!, await peer.measure({ widths, batch: BATCH, sparsity, warmup, iterations }));
    }
  }
  const peerMs = peers.length > 0 ? Math.min(...theirs) : null;
  return contenders.map(({ build, threads }, i): Row => {
    const ms = ours[i]!;
    return { net: NET, batch: BATCH, sparsity, build, threads, ms, peerMs, ratio: peerMs && peerMs / ms };
  });
}

function print({ net, batch, sparsity, build, threads, ms, peerMs, ratio }: Row): void {
  const cells = [
    net,
    batch,
    sparsity,
    build,
    threads,
    ms.toFixed(3),
    peerMs?.toFixed(3) ?? "",
    ratio?.toFixed(1) ?? "",
  ];
  console.log(`| ${cells.join(" | ")} |`);
}

const cacheDir = await mkdtemp(join(tmpdir(), "ticketmark-bench-"));
const opened = await Promise.all(THREADS.map((threads) => openPeer(options.python, threads)));
const peers = opened.filter((peer) => peer !== null);
try {
  const contenders = await openContenders(cacheDir);
  console.log(`${cpus()[0]?.model.trim()}, ${availableParallelism()} cores; Node ${process.versions.node}`);
  console.log(`peer: ${peers[0]?.version ?? `none (expected ${options.python} to have torch)`}\n`);
  console.log("| net | batch | sparsity | build | threads | ms | peer ms | ratio |\n|---|---|---|---|---|---|---|---|");
  const rows: Row[] = [];
  for (const sparsity of SPARSITIES) {
    const measured = await measure(sparsity, contenders, peers);
    measured.forEach(print);
    rows.push(...measured);
  }
  for (const { network } of contenders) await network.dispose();
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(rows, null, 2)}\n`);
} finally {
  for (const peer of peers) peer.close();
  await rm(cacheDir, { recursive: true });
}
