/** What a runner holds while it lives, handed to everything that deals with a job. */
import { join } from "node:path";
import type { Command, KeyPair } from "@ticketmark/core";
import type { Client } from "./client.ts";
import type { Commits } from "./commits.ts";
import type { Leases } from "./leases.ts";
import type { Settings } from "./settings.ts";
import type { Spool } from "./spool.ts";
import type { Status } from "./status.ts";

/** Of the 2.5 s that stopping may take: for the last snapshot, then for telling the site. */
export const SNAPSHOT_MS = 1_300;
export const FAREWELL_MS = 800;

export interface Supervisor {
  readonly settings: Settings;
  readonly client: Client;
  readonly key: KeyPair;
  readonly spool: Spool;
  readonly leases: Leases;
  readonly status: Status;
  /** Null = this runner runs no code but its own. */
  readonly commits: Commits | null;
  readonly snapshotSeconds: number;
  /** Aborted = hand back and end, within 2.5 s. */
  readonly stop: AbortSignal;
  /** Aborted a little after `stop`: what is being said to the site then may be said to the end. */
  readonly farewell: AbortSignal;
  /** Hears every command of the site's; "drain" and "update" are the loop's. */
  readonly onCommand: (command: Command) => void;
  /** Tells once when the site stops or starts answering. */
  readonly onReachable: (reachable: boolean, error: Error | null) => void;
}

export const snapshotFolder = (data: string, jobId: string): string => join(data, "snapshots", jobId);

/** For what is said to the site: aborts a little after the runner is told to stop, or a little from now if it was. */
export const farewellOf = ({ stop, farewell }: Supervisor): AbortSignal =>
  stop.aborted ? AbortSignal.timeout(FAREWELL_MS) : farewell;
