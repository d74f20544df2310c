/** What signing a run takes besides its files: which code ran, on what, and what was measured around it. */
import { keyIdOf, type Measured } from "@ticketmark/core";
import type { CommitFacts } from "./checkout.ts";
import type { Done } from "./child.ts";
import { type FinishedRun, readResult } from "./spool.ts";
import type { Supervisor } from "./supervisor.ts";
import { testbedOf } from "./testbed.ts";

/**
 * `facts`: of the commit that ran; null where it is this code. Overhead and peak memory are those of a run from its
 * start: one that waited for downloads, or went on from a snapshot, has none to compare. Throws Problem "bad-file" on files that are
 * no result.
 */
export async function describeRun(
  folder: string,
  { code, resultDigest, peakRssBytes, seconds, whole }: Done,
  facts: CommitFacts | null,
  { settings, key }: Pick<Supervisor, "settings" | "key">,
): Promise<FinishedRun> {
  const result = await readResult(folder);
  const overhead = Math.round(1_000 * (seconds - result.seconds)) / 1_000;
  const measured: Measured = {
    ...(whole && peakRssBytes !== undefined ? { peakRssBytes } : {}),
    ...(whole ? { overheadSeconds: Math.max(0, overhead) } : {}),
    ...facts,
  };
  const testbed = await testbedOf(settings, result.environment.engine, keyIdOf(key.publicKey));
  return { code, resultDigest, testbed, measured };
}
