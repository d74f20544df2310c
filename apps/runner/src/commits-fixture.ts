/**
 * For tests: commits whose workers are a few lines that speak the protocol with this code's own modules, run by the real
 * tsx. What such a worker does is in a file of its own, so that a commit is one line.
 */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { projectFiles } from "./checkout-fixture.ts";

const here = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

const WORKER = `
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { digestOf, specDigest } from ${JSON.stringify(import.meta.resolve("@ticketmark/core"))};
import { codeIdentity } from ${here("./code.ts")};
import { exampleJob, exampleOutput } from ${here("./fixtures.ts")};
import { commandSchema, readLines, writeLine } from ${here("./protocol.ts")};
import { FILE_NAMES } from ${here("./spool.ts")};
import { behave } from "./behave.ts";

const say = (message) => writeLine(process.stdout, message);
const code = await codeIdentity(fileURLToPath(import.meta.url));
say({ type: "hello", pid: process.pid, code: { ...code, ...behave.code } });
for await (const command of readLines(process.stdin, commandSchema)) {
  if (command.type === "probe") {
    mkdirSync(command.settings.cacheDir, { recursive: true });
    appendFileSync(join(process.env.HOME, "probed"), "once ");
    say({ type: "engines", engines: [] });
  }
  if (command.type === "run") {
    await behave.run?.(command);
    const { spec } = command;
    const { files } = exampleOutput({ ...exampleJob(), spec, specDigest: specDigest(spec) });
    for (const [kind, bytes] of Object.entries(files)) writeFileSync(join(command.outDir, FILE_NAMES[kind]), bytes);
    await behave.written?.(command);
    say({ type: "done", resultDigest: digestOf(files.result), peakRssBytes: 123_456_789 });
  }
  process.stdout.write("", () => process.exit(0));
}
`;

export const BEHAVE = "apps/runner/src/behave.ts";

/** A project at a commit whose worker finishes any run at once. */
export const trackedFiles = (): Record<string, string> => ({
  ...projectFiles(1),
  "vendor/tsx/index.js": `import ${JSON.stringify(tsx)};\n`,
  "apps/runner/src/worker.ts": WORKER,
  [BEHAVE]: behaviour("{}"),
});

/**
 * `source`: an object that may have `code`, told instead of what is true, and `run(command)` and `written(command)`, done
 * before the files are written and after, before it is said that they are.
 */
export const behaviour = (source: string): string => `export const behave = ${source};\n`;
