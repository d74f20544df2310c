/** For tests of the loop: a site, a data folder, and runners on them. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { Client } from "./client.ts";
import { ensureKey } from "./keys.ts";
import { runLoop } from "./loop.ts";
import { readSettings, type Tracking } from "./settings.ts";
import { TestSite } from "./site-fixture.ts";

export interface World {
  readonly data: string;
  readonly site: TestSite;
  /** What runners told people. */
  readonly said: string[];
  /** Starts one; `end` is the SIGTERM. */
  runner(options?: { threads?: number; tracking?: Tracking }): Promise<{ ended: Promise<void>; end(): Promise<void> }>;
}

/** A new world for each test of a file. */
export function eachInItsWorld(): () => World {
  let world: World;
  let stops: AbortController[];
  beforeEach(async () => {
    const data = mkdtempSync(join(tmpdir(), "ticketmark-loop-"));
    const site = new TestSite();
    await site.open();
    const said: string[] = [];
    stops = [];
    world = {
      data,
      site,
      said,
      async runner({ threads = 1, tracking = null } = {}) {
        const stop = new AbortController();
        stops.push(stop);
        const settings = readSettings(
          { data, threads },
          { TICKETMARK_HOME: join(tmpdir(), "ticketmark-test-home"), TICKETMARK_NATIVE: "0" },
        );
        const status = { say: (text: string) => void said.push(text), progress() {}, transfer() {}, clear() {} };
        const client = new Client(site.origin, "b".repeat(30));
        const key = await ensureKey(data);
        const parts = { settings, tracking, client, key, status, stop: stop.signal };
        const ended = runLoop({ ...parts, snapshotSeconds: 0.05 });
        ended.catch(() => {}); // looked at by the tests that expect it
        return {
          ended,
          end() {
            stop.abort();
            return ended;
          },
        };
      },
    };
  });
  afterEach(() => {
    for (const stop of stops) stop.abort();
    world.site.close();
  });
  return () => world;
}
