/** PyTorch in a process of its own for each number of threads, asked one measurement at a time, so that its runs lie between ours. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface Measurement {
  readonly widths: readonly number[];
  readonly batch: number;
  readonly sparsity: number;
  readonly warmup: number;
  readonly iterations: number;
}

export interface Peer {
  readonly version: string;
  /** Mean milliseconds an iteration. */
  measure(what: Measurement): Promise<number>;
  close(): void;
}

/** Null if this Python has no torch. */
export async function openPeer(python: string, threads: number): Promise<Peer | null> {
  const child = spawn(python, [fileURLToPath(new URL("peer.py", import.meta.url)), `${threads}`], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string | undefined> => (await lines.next()).value;
  const version = await Promise.race([next(), once(child, "error").then(() => undefined)]); // error: no such program
  if (version === undefined) return null;
  return {
    version,
    async measure(what) {
      child.stdin.write(`${JSON.stringify(what)}\n`);
      const line = await next();
      if (line === undefined) throw new Error("the peer ended before it answered");
      return Number(line);
    },
    close: () => child.stdin.destroy(),
  };
}
