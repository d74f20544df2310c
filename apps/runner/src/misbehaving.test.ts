/** Workers that do not do as protocol.ts says: each ends as a failure that says why, with whatever it started. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Ending, startWorker } from "./child.ts";
import { isAlive, until } from "./fixtures.ts";
import { MAX_LINE, type Message } from "./protocol.ts";

afterEach(() => {
  vi.useRealTimers();
});

const HELLO = '{"v":1,"type":"hello","pid":1,"code":{"commit":null,"dirty":false,"version":"0"}}';

/**
 * A worker of plain JavaScript: it starts a child in its group that never ends, does `source`, and never ends itself.
 * `write` writes lines; each is JSON already.
 */
function start(source: string, onMessage: (message: Message) => void = () => {}) {
  const folder = mkdtempSync(join(tmpdir(), "ticketmark-misbehaving-"));
  const worker = join(folder, "worker.mjs");
  const text = `import { spawn } from "node:child_process";
    import { writeFileSync } from "node:fs";
    const endless = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
    writeFileSync(${JSON.stringify(join(folder, "pids"))}, process.pid + " " + endless.pid);
    const write = (...lines) => process.stdout.write(lines.join("\\n") + "\\n");
    setInterval(() => {}, 1000);
    process.stdin.resume();
    ${source}`;
  writeFileSync(worker, text);
  const at = { worker, cwd: folder, loader: [], env: { PATH: process.env.PATH! } };
  const settings = { native: false, threads: 1, cacheDir: folder };
  const started = startWorker({ type: "probe", settings, choices: ["cpu"] }, onMessage, at);
  const pids = () => readFileSync(join(folder, "pids"), "utf8").split(" ").map(Number);
  return { ...started, pids };
}

async function endOf(source: string): Promise<Ending> {
  const { ended, pids } = start(source);
  const ending = await ended;
  await until(() => !pids().some(isAlive));
  return ending;
}

const failed = (message: RegExp) => ({ type: "failed", problem: null, message: expect.stringMatching(message) });
const hello = `write(${JSON.stringify(HELLO)});`;

describe("a worker", () => {
  it("that writes what is no message is killed, and with it what it has started", async () => {
    const cases: [string, RegExp][] = [
      [`${hello} write("Segmentation fault");`, /spoke out of turn: message: expected JSON; got "Segm/],
      [`write('{"type":"hello","v":2}');`, /expected version 1 of the protocol; got 2/],
      [`${hello} write('{"v":1,"type":"gossip"}');`, /message: type/],
      [
        `${hello} for (;;) if (!process.stdout.write("x".repeat(4096))) break;`,
        new RegExp(`at most ${MAX_LINE} bytes`),
      ],
      [`write('{"v":1,"type":"stopped"}');`, /"stopped": expected "hello" first/],
      [
        `${hello} write('{"v":1,"type":"problem","problem":{"code":"bad-spec","message":"' + "m".repeat(5000) + '"}}');`,
        /problem.message/,
      ],
    ];
    for (const [source, message] of cases) expect(await endOf(source), source).toEqual(failed(message));
  });

  it("that does not stop talking is killed", async () => {
    let heard = 0;
    const flood = `${hello} const line = '{"v":1,"type":"snapshot","iteration":1}';
      const more = () => { while (process.stdout.write(line + "\\n")); process.stdout.once("drain", more); };
      more();`;
    expect(await start(flood, () => heard++).ended).toEqual(failed(/"snapshot": expected at most 2000 messages/));
    expect(heard).toBeLessThan(3_000);
  });

  it("that does not say hello in a minute is killed; one that has may take longer", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const silent = start("");
    vi.advanceTimersByTime(60_000);
    expect(await silent.ended).toEqual(failed(/^the worker said no hello within 60 s$/));
    let greeted = () => {};
    const greeting = new Promise<void>((resolve) => (greeted = resolve));
    const polite = start(hello, greeted);
    await greeting;
    vi.advanceTimersByTime(61_000);
    polite.kill();
    expect(await polite.ended).toEqual(failed(/ended by SIGKILL/));
  });

  it("hears its command when it has said hello, and no sooner", async () => {
    const source = `let heard = "";
      process.stdin.on("data", (chunk) => {
        heard += chunk;
        if (heard.includes("\\n")) write('{"v":1,"type":"problem","problem":{"code":"bad-spec","message":' + JSON.stringify(heard.slice(0, 99)) + "}}");
        if (heard.includes("\\n")) process.exit();
      });
      setTimeout(() => { heard += "early: "; ${hello} }, 300);`;
    expect(await start(source).ended).toMatchObject({
      message: expect.stringMatching(/^early: {"v":1,"type":"probe"/),
    });
  });

  /** A worker that says `line`, in which `n` counts, whenever it hears one; `next` makes it say one and waits for it. */
  async function talker(line: string) {
    let heard = () => {};
    const listen = () => new Promise<void>((resolve) => (heard = resolve));
    const first = listen();
    const source = `let n = 0; process.stdin.on("data", () => write(${line})); ${hello}`;
    const worker = start(source, () => heard());
    await first;
    await listen(); // what the command is answered with
    const next = () => {
      const said = listen();
      worker.stop(); // a line to it
      return said;
    };
    return { ...worker, next };
  }
  const progress = (iteration: string) =>
    `'{"v":1,"type":"progress","progress":{"phase":0,"phaseName":"p","iteration":' + ${iteration} + ',"iterations":9,"loss":null,"accuracy":null,"iterationsPerSecond":0}}'`;

  it("that says the same again and again hangs; one that gets on may take longer, and of another commit two hours", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const stuck = await talker(progress("0"));
    vi.advanceTimersByTime(29 * 60_000);
    await stuck.next();
    vi.advanceTimersByTime(60_000);
    expect(await stuck.ended).toEqual(failed(/^the worker said nothing new for 30 minutes$/));
    const endless = await talker(progress("n++"));
    for (let i = 0; i < 4; i++) {
      vi.advanceTimersByTime(29 * 60_000);
      await endless.next();
    }
    vi.advanceTimersByTime(4 * 60_000);
    expect(await endless.ended).toEqual(failed(/^the worker took longer than 2 hours$/));
  });

  it("that has said its last word has half a minute to end; the word counts", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { ended } = await talker(`'{"v":1,"type":"engines","engines":[]}'`);
    vi.advanceTimersByTime(30_000);
    expect(await ended).toEqual({ type: "probed" });
  });

  it("that ends is over, whoever else holds its output", async () => {
    const source = `const left = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
        detached: true,
        stdio: ["ignore", "inherit", "inherit"],
      });
      write(${JSON.stringify(HELLO)}, '{"v":1,"type":"snapshot","iteration":' + left.pid + "}");
      write('{"v":1,"type":"engines","engines":[]}');
      process.stdout.write("", () => process.exit());`;
    let left = 0;
    const hear = (message: Message) => {
      if (message.type === "snapshot") left = message.iteration;
    };
    expect(await start(source, hear).ended).toEqual({ type: "probed" });
    expect(isAlive(left)).toBe(true); // in a group of its own, which is not ours to end
    process.kill(left, "SIGKILL");
  });

  it("of a later commit may say more than is understood", async () => {
    const source = `write(${JSON.stringify(HELLO.replace('"code"', '"mood":"good","code"'))});
      write('{"v":1,"type":"engines","engines":[],"more":1}', '{"v":1,"type":"stopped"}');
      process.stdout.write("", () => process.exit());`;
    expect(await endOf(source)).toEqual({ type: "probed" });
  });
});
