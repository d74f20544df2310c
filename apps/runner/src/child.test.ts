import { spawn } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseSpec, type Result } from "@ticketmark/core";
import { beforeEach, describe, expect, it } from "vitest";
import { startWorker } from "./child.ts";
import { VERSION } from "./code.ts";
import { namesIn } from "./files.ts";
import { isAlive, until } from "./fixtures.ts";
import type { Command, Message } from "./protocol.ts";
import { FILE_NAMES } from "./spool.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-child-"));
});

const run = (change: Partial<Extract<Command, { type: "run" }>> = {}): Command => ({
  type: "run",
  dataDir: join(tmpdir(), "ticketmark-test-data"),
  engine: "auto",
  settings: { threads: 1, native: false, cacheDir: join(folder, "cache") },
  spec: parseSpec({ dataset: "toy", model: "mlp-tiny", method: "lth-iter", sparsity: 0.5, recipe: { epochs: 40 } }),
  outDir: folder,
  snapshotDir: join(folder, "snapshots"),
  snapshotSeconds: 0.05,
  ...change,
});

const digestsIn = async (at: string) => {
  const result = JSON.parse(await readFile(join(at, FILE_NAMES.result), "utf8")) as Result;
  return { ticket: result.ticketDigest, trained: result.trainedDigest, trace: result.trace, curves: result.curves };
};

describe("a worker", () => {
  it("stops with a snapshot, as often as it is asked, and ends with the same bits as an undisturbed one", async () => {
    const whole = await mkdtemp(join(tmpdir(), "ticketmark-child-"));
    const ending = await startWorker(run({ outDir: whole, snapshotSeconds: 600 }), () => {}).ended;
    expect(ending).toMatchObject({ type: "done", code: { version: VERSION } });

    const resumedAt: number[] = [];
    for (const at of [300, 1_500]) {
      const worker = startWorker(run({ snapshotSeconds: 600 }), (message) => {
        if (message.type === "resumed") resumedAt.push(message.iteration);
        if (message.type === "progress" && message.progress.iteration >= at) worker.stop();
      });
      expect(await worker.ended).toEqual({ type: "stopped" });
      expect(await namesIn(join(folder, "snapshots"))).toHaveLength(1);
    }
    const messages: Message[] = [];
    expect((await startWorker(run(), (message) => messages.push(message)).ended).type).toBe("done");
    expect(messages.find(({ type }) => type === "resumed")).toMatchObject({ refused: null });
    expect(resumedAt[0]).toBeGreaterThanOrEqual(300);
    expect(await digestsIn(folder)).toEqual(await digestsIn(whole));
  });

  it("starts over when its snapshot is of another engine", async () => {
    const first = startWorker(run(), (message) => {
      if (message.type === "progress" && message.progress.iteration >= 300) first.stop();
    });
    await first.ended;
    let refused: string | null = null;
    const second = startWorker(run({ engine: "reference" }), (message) => {
      if (message.type === "resumed") ({ refused } = message);
      if (message.type === "progress") second.kill();
    });
    expect(await second.ended).toMatchObject({ type: "failed", message: expect.stringContaining("SIGKILL") });
    expect(refused).toMatch(/engine/);
  });

  it("starts over, and says so, when a bit of its snapshot has flipped", async () => {
    const whole = await mkdtemp(join(tmpdir(), "ticketmark-child-"));
    await startWorker(run({ outDir: whole, snapshotSeconds: 600 }), () => {}).ended;
    const first = startWorker(run(), (message) => {
      if (message.type === "progress" && message.progress.iteration >= 300) first.stop();
    });
    await first.ended;
    const snapshots = join(folder, "snapshots");
    const [name] = await namesIn(snapshots);
    const bytes = await readFile(join(snapshots, name!));
    const at = bytes.length - 5;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    await writeFile(join(snapshots, name!), bytes);
    const messages: Message[] = [];
    expect((await startWorker(run(), (message) => messages.push(message)).ended).type).toBe("done");
    const resumed = messages.filter(({ type }) => type === "resumed");
    expect(resumed).toEqual([{ type: "resumed", iteration: 0, refused: expect.stringMatching(/expected bytes with/) }]);
    expect(await digestsIn(folder)).toEqual(await digestsIn(whole));
    expect(await readFile(join(snapshots, "damaged.tkt"))).toEqual(bytes);
  });

  it("refuses, before it trains, what no result could record", async () => {
    const spec = parseSpec({ dataset: "toy", model: "mlp-tiny", method: "lth", sparsity: 0.5 });
    const endless = { ...spec, recipe: { ...spec.recipe, epochs: 10_000, learningRate: [{ epoch: 0, value: 0.01 }] } };
    let trained = false;
    const worker = startWorker(run({ spec: endless }), ({ type }) => (trained ||= type === "progress"));
    expect(await worker.ended).toMatchObject({ type: "failed", problem: { code: "bad-spec" } });
    expect(trained).toBe(false);
  });

  it("says which problem it met", async () => {
    const ending = await startWorker(run({ spec: { dataset: "nothing" } }), () => {}).ended;
    expect(ending).toMatchObject({ type: "failed", problem: { code: "bad-spec" } });
  });

  it("dies in the middle of training with a supervisor that is killed", async () => {
    const source = `
      import { startWorker } from ${JSON.stringify(new URL("./child.ts", import.meta.url).href)};
      const worker = startWorker(${JSON.stringify(run())}, (message) => {
        if (message.type === "progress") console.log(worker.pid);
      });`;
    const supervisor = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", source], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const pid = await new Promise<number>((resolve) =>
      supervisor.stdout.once("data", (text) => resolve(Number.parseInt(text, 10))),
    );
    expect(isAlive(pid)).toBe(true);
    supervisor.kill("SIGKILL");
    await until(() => !isAlive(pid));
    expect(await namesIn(folder)).not.toContain(FILE_NAMES.result); // it was in the middle
  });
});
