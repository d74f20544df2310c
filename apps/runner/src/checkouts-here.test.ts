/** This repository's own commits through git, npm and the kernels' builder, as a runner takes them. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import type { Checkout } from "./checkout.ts";
import { openCheckouts } from "./checkouts.ts";
import { temporaryFolder, testRepository } from "./mirror-fixture.ts";
import { type Message, messageSchema, readLines, writeLine } from "./protocol.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const isRequired = /\bcommits\b/.test(process.env.TICKETMARK_REQUIRE ?? "");
const ABSENT =
  /spawnSync git ENOENT|git could not be started|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|not a git repository/;

/** All that the commit's worker says when it is asked for the cpu engine. */
async function probe({ loader, worker, cwd, env, cacheDir }: Checkout): Promise<Message[]> {
  const child = spawn(process.execPath, [...loader, worker], { cwd, env, stdio: ["pipe", "pipe", "inherit"] });
  writeLine(child.stdin, { type: "probe", settings: { threads: 1, native: true, cacheDir }, choices: ["cpu"] });
  const messages: Message[] = [];
  for await (const message of readLines(child.stdout, messageSchema)) messages.push(message);
  return messages;
}

/** Two builds by a compiler in WebAssembly, with low priority: minutes where others are at work. */
const LONG = { timeout: 15 * 60_000 };

it("checks out, installs, builds and runs this repository's commit, and one on top of it", LONG, async ({ skip }) => {
  const folder = temporaryFolder();
  try {
    const source = testRepository();
    source.git("fetch", "-q", "--update-shallow", root, "HEAD");
    source.git("reset", "-q", "--hard", "FETCH_HEAD");
    const commit = source.git("rev-parse", "HEAD");
    const file = "apps/runner/src/code.ts";
    const text = source.git("show", `HEAD:${file}`);
    const planted = await source.commit({ [file]: text.replace(/(?<=^export const VERSION).*$/m, ' = "planted";') });

    const checkouts = await openCheckouts(folder, source.folder, process.env);
    const main = { branches: ["main"] };
    const first = await checkouts.checkout(commit, main);
    const second = await checkouts.checkout(planted, main);
    const [hello, engines] = await probe(first);
    expect(hello).toMatchObject({ type: "hello", code: { commit, dirty: false } });
    expect(engines).toMatchObject({ type: "engines", engines: [{ choice: "cpu", problem: null }] });
    expect((await probe(second))[0]).toMatchObject({ code: { commit: planted, dirty: false, version: "planted" } });
    checkouts.close();
  } catch (error) {
    const why = (error as Error).message;
    if (isRequired || !ABSENT.test(why)) throw error;
    console.log(`skipped: git or the registry is missing: ${why}`);
    skip(why);
  }
});
