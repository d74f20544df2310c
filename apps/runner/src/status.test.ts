import { stripVTControlCharacters } from "node:util";
import { type Progress, parseSpec } from "@ticketmark/core";
import { describe, expect, it } from "vitest";
import { createStatus, describeProgress, formatSeconds, labelOf, printable } from "./status.ts";

const progress = (change: Partial<Progress> = {}): Progress => ({
  phase: 0,
  phaseName: "extrusion",
  iteration: 410,
  iterations: 1_000,
  loss: 0.5,
  accuracy: 0.9731,
  iterationsPerSecond: 7.375,
  ...change,
});

function capture(isTTY: boolean, columns = 100) {
  const written: string[] = [];
  return { written, isTTY, columns, write: (text: string) => written.push(text) > 0 };
}

describe("status", () => {
  it("names jobs and progress in few words", () => {
    const spec = { dataset: "toy", model: "mlp-tiny" };
    expect(labelOf(parseSpec({ ...spec, method: "rst", sparsity: 0.98, seed: 2 }))).toBe("rst 98 % seed 2");
    expect(labelOf(parseSpec({ ...spec, method: "dense" }))).toBe("dense seed 0");
    expect(describeProgress(progress())).toEqual([
      "41 %",
      "extrusion",
      "7.4 it/s",
      "accuracy 97.31 %",
      "1 min 20 s left",
    ]);
    const unknown = progress({ iteration: 999, accuracy: null, iterationsPerSecond: 0 });
    expect(describeProgress(unknown)).toEqual(["99 %", "extrusion"]);
    expect([0.5, 59.4, 119.9, 3_600, 7_260].map(formatSeconds)).toEqual([
      "0.5 s",
      "59 s",
      "1 min 59 s",
      "1 h 0 min",
      "2 h 1 min",
    ]);
  });

  it("keeps one line on a terminal, never wider than it", () => {
    for (const columns of [100, 60, 30]) {
      const out = capture(true, columns);
      createStatus(out, false).progress("rst 98 % seed 2", progress());
      const line = stripVTControlCharacters(out.written.join("")).replace("\r", "");
      expect(line).toContain("rst 98 % seed 2");
      expect(line.length).toBeLessThan(columns);
      expect(line.includes("█")).toBe(columns === 100);
    }
  });

  it("puts lines that stay above the running one", () => {
    const out = capture(true);
    const status = createStatus(out, false);
    status.progress("a", progress());
    status.say("done");
    status.clear();
    const [line, clear, said, again, last] = out.written;
    expect([clear, said, last]).toEqual(["\r\x1b[K", "done\n", "\r\x1b[K"]);
    expect(line).toBe(`\r${again}\x1b[K`);
  });

  it("writes plain lines at each phase and every 10 s, elsewhere", () => {
    let time = 0;
    const out = capture(false);
    const status = createStatus(out, false, () => time);
    for (time = 0; time <= 25_000; time += 500) status.progress("a", progress({ phase: time < 12_000 ? 0 : 1 }));
    expect(out.written).toHaveLength(4); // 0 s, 10 s, 12 s (phase), 22 s
    expect(out.written[0]).toBe("a: 41 %, extrusion, 7.4 it/s, accuracy 97.31 %, 1 min 20 s left\n");
  });

  it("says how far a download is, how fast, and how long it will take", () => {
    let time = 0;
    const terminal = capture(true, 100);
    const plain = capture(false);
    const lines = capture(false);
    const all = [terminal, plain].map((out) => createStatus(out, false, () => time));
    all.push(createStatus(lines, true, () => time));
    for (time = 0; time <= 20_000; time += 500)
      for (const status of all) status.transfer("set.zip", 4e6 + time * 1e3, 100e6);
    for (const status of all) status.transfer("other.gz", 1_500, null);
    const last = stripVTControlCharacters(terminal.written.at(-2)!).trim();
    expect(last).toBe("set.zip █████░░░░░░░░░░░░░░░ 24 % of 100.0 MB, 1.0 MB/s, 1 min 16 s left");
    expect(plain.written).toEqual([
      "set.zip: 4 %, of 100.0 MB\n",
      "set.zip: 14 %, of 100.0 MB, 1.0 MB/s, 1 min 26 s left\n",
      "set.zip: 24 %, of 100.0 MB, 1.0 MB/s, 1 min 16 s left\n",
      "other.gz: 1.5 kB\n",
    ]);
    expect(JSON.parse(lines.written[1]!)).toEqual({ fetching: "set.zip", done: 14e6, total: 100e6 });
  });

  it("shows what a terminal would obey, and does not send it there", () => {
    for (const isTTY of [true, false]) {
      const out = capture(isTTY);
      const status = createStatus(out, false);
      const evil = "\x1b]0;gone\x07\x9b2J\r";
      status.say(`one${evil}\ntwo\tthree`);
      status.progress(evil, progress({ phaseName: evil }));
      status.transfer(evil, 1, 2);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      const ours = /\r|\x1b\[(K|\d+m)/g; // the running line, and the colour of its bar
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      expect(out.written.join("").replace(ours, "")).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
      expect(out.written[0]).toBe("one\\u001b]0;gone\\u0007\\u009b2J\\u000d\ntwo\tthree\n");
    }
    expect(JSON.parse(printable(JSON.stringify({ a: "\x9b\x1b" })))).toEqual({ a: "\x9b\x1b" });
  });

  it("writes objects with --json", () => {
    const out = capture(true);
    const status = createStatus(out, true);
    status.say("done", { job: "1" });
    status.progress("a", progress());
    expect(out.written.map((line) => JSON.parse(line))).toEqual([
      { message: "done", job: "1" },
      { job: "a", progress: progress() },
    ]);
  });
});
