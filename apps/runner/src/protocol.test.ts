import { PassThrough, Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { MAX_LINE, type Message, messageSchema, readLines, writeLine } from "./protocol.ts";

async function read(...chunks: (string | Buffer)[]): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of readLines(Readable.from(chunks.map((c) => Buffer.from(c))), messageSchema)) {
    messages.push(message);
  }
  return messages;
}

const stopped = '{"v":1,"type":"stopped"}\n';

describe("lines", () => {
  it("arrive as they were written, however the stream cuts them", async () => {
    const stream = new PassThrough();
    const sent: Message[] = [
      { type: "problem", problem: { code: "bad-spec", message: "größer als erwartet" } },
      { type: "stopped" },
    ];
    for (const message of sent) writeLine(stream, message);
    const bytes = stream.read() as Buffer;
    const single = Array.from(bytes, (byte) => Buffer.from([byte]));
    expect(await read(...single)).toEqual(sent);
    expect(await read(bytes)).toEqual(sent);
  });

  it("are refused when they are garbage, of another version, unknown or cut short", async () => {
    await expect(read("Segmentation fault\n")).rejects.toThrow(/expected JSON; got "Segmentation fault"/);
    await expect(read("null\n")).rejects.toThrow(/expected version 1/);
    await expect(read('{"v":2,"type":"stopped"}\n')).rejects.toThrow(/expected version 1 of the protocol; got 2/);
    await expect(read('{"v":1,"type":"gossip"}\n')).rejects.toThrow(/message: type/);
    await expect(read(stopped, stopped.slice(0, 9))).rejects.toThrow(/whole line/);
  });

  it("of a later commit may say more, which is left out", async () => {
    const progress = { phase: 0, phaseName: "p", iteration: 0, iterations: 1, loss: null, accuracy: null };
    const known = { type: "progress", progress: { ...progress, iterationsPerSecond: 0 } };
    const line = JSON.stringify({ v: 1, ...known, mood: "good", progress: { ...known.progress, watts: 80 } });
    expect(await read(`${line}\n`)).toEqual([known]);
  });

  it("hold text that a site can store, whatever was written", async () => {
    const [problem] = await read(
      '{"v":1,"type":"problem","problem":{"code":"bad-spec","message":"\\u0000, \\ud83d, \\ud83d\\ude42"}}\n',
    );
    expect(problem).toMatchObject({ problem: { message: "\ufffd, \ufffd, 🙂" } });
    const progress = { phase: 0, phaseName: "\0", iteration: 0, iterations: 1, loss: null, accuracy: null };
    const line = JSON.stringify({ v: 1, type: "progress", progress: { ...progress, iterationsPerSecond: 0 } });
    expect(await read(`${line}\n`)).toMatchObject([{ progress: { phaseName: "\ufffd" } }]);
  });

  it("are bounded, on both sides, before they are held in memory", async () => {
    const endless = (function* () {
      for (;;) yield Buffer.alloc(10_000, 97);
    })();
    const reading = readLines(Readable.from(endless), messageSchema).next();
    await expect(reading).rejects.toThrow(new RegExp(`at most ${MAX_LINE} bytes`));
    await expect(read(`${"a".repeat(MAX_LINE)}\n`)).rejects.toThrow(/at most/);
    const spec = "x".repeat(MAX_LINE);
    const settings = { threads: null, native: false, cacheDir: "" };
    const run = {
      type: "run",
      engine: "cpu",
      settings,
      spec,
      outDir: "",
      snapshotDir: "",
      dataDir: "/d",
      snapshotSeconds: 1,
    } as const;
    expect(() => writeLine(new PassThrough(), run)).toThrow(/"run": expected at most/);
  });
});
