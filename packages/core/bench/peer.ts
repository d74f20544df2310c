/** PyTorch in a process of its own for each number of threads, asked one measurement at a time, so that its turns lie between ours. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Format, type Net, SCORED } from "./nets.ts";
import { quartiles, takeTurns } from "./turns.ts";

/** What peer.py reads. */
interface Request {
  readonly net: string;
  readonly batch: number;
  readonly sparsity: number;
  readonly format: Format;
  readonly what: "train" | "evaluate" | "memory";
  readonly count: number;
  readonly warmup: number;
}

export interface Peer {
  readonly python: string;
  readonly threads: number;
  readonly version: string;
  ask(request: Request): Promise<number | null>;
  close(): void;
}

/** A peer in the memory format that suits it. */
export interface Fastest {
  readonly peer: Peer;
  readonly format: Format;
  /** Milliseconds of an iteration in each format with each number of threads, for the reader. */
  readonly tried: string;
}

/** The first of the Pythons that has torch; null if none has. */
export async function openPeer(pythons: readonly string[], threads: number): Promise<Peer | null> {
  for (const python of pythons) {
    const peer = await start(python, threads);
    if (peer) return peer;
  }
  return null;
}

async function start(python: string, threads: number): Promise<Peer | null> {
  const child = spawn(python, [fileURLToPath(new URL("peer.py", import.meta.url)), `${threads}`], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string | undefined> => (await lines.next()).value;
  const version = await Promise.race([next(), once(child, "error").then(() => undefined)]); // error: no such program
  if (version === undefined) return null;
  return {
    python,
    threads,
    version,
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await next();
      if (line === undefined) throw new Error("the peer ended before it answered");
      return JSON.parse(line);
    },
    close: () => child.stdin.destroy(),
  };
}

const request = (net: Net, format: Format, sparsity: number) => ({
  net: net.id,
  batch: net.batch,
  sparsity,
  format,
});

/** Milliseconds of a training iteration, the mean of `count`. */
const iterationMs = async (peer: Peer, format: Format, net: Net, sparsity: number, count: number) =>
  (await peer.ask({ ...request(net, format, sparsity), what: "train", count, warmup: net.warmup }))!;

/** Tries each format with each number of threads on the dense net. */
export async function fastest(peers: readonly Peer[], net: Net): Promise<Fastest | null> {
  const choices = peers.flatMap((peer) => net.formats.map((format) => ({ peer, format })));
  const times = await takeTurns(
    choices.map(
      ({ peer, format }) =>
        (count) =>
          iterationMs(peer, format, net, 0, count),
    ),
    { rounds: [3, 3], seconds: 0 },
  );
  const medians = times.map((ms) => quartiles(ms)[1]);
  const best = choices[medians.indexOf(Math.min(...medians))];
  const tried = choices.map(({ peer, format }, i) => `${format}, threads ${peer.threads}: ${medians[i]!.toFixed(2)}`);
  return best ? { ...best, tried: tried.join("; ") } : null;
}

export const peerIteration =
  ({ peer, format }: Fastest, net: Net, sparsity: number) =>
  (count: number) =>
    iterationMs(peer, format, net, sparsity, count);

/** Milliseconds to evaluate SCORED images. */
export const peerEvaluation =
  ({ peer, format }: Fastest, net: Net, sparsity: number) =>
  async () => {
    const count = net.evaluated;
    const ms = await peer.ask({ ...request(net, format, sparsity), what: "evaluate", count, warmup: 0 });
    return (ms! * SCORED) / count;
  };

/** Bytes that training the dense net adds to a fresh process at its peak; null where the system does not tell. */
export async function peerMemory({ peer, format }: Fastest, net: Net): Promise<number | null> {
  const fresh = await openPeer([peer.python], peer.threads);
  if (!fresh) throw new Error(`${peer.python} had torch a moment ago`);
  const bytes = await fresh.ask({ ...request(net, format, 0), what: "memory", count: 3, warmup: 0 });
  fresh.close();
  return bytes;
}
