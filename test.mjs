#!/usr/bin/env node
/**
 * `npm test`: everything that can be checked on this computer, in a fresh clone as well: format and lint, types, unit
 * tests, golden tests, e2e. Ends with `N passed, N failed`. Counts come from the runners' machine-readable reports; a
 * part that ends without a count has failed, whatever its exit code says.
 *
 *   npm test                 all parts
 *   npm test -- unit golden  only these
 */
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { buildKernels, buildSite, checkNode, Failure, install, onStop, program, root, stopSteps } from "./start.mjs";

const PARTS = { check, unit, golden, e2e };

const report = fs.mkdtempSync(join(tmpdir(), "ticketmark-test-"));
process.on("exit", () => fs.rmSync(report, { recursive: true, force: true }));

let current; // the child that runs now, in a process group of its own
onStop(() => {
  stopSteps();
  if (current) process.kill(-current.pid, "SIGTERM");
  process.exit(130);
});

/** Runs a command, its output passing through. Returns its exit code, and its output if asked to keep it. */
async function stream(file, args, { env = {}, keep = false } = {}) {
  const stdio = ["ignore", keep ? "pipe" : "inherit", "inherit"];
  current = spawn(file, args, { cwd: root, stdio, env: { ...process.env, ...env }, detached: true });
  let output = "";
  current.stdout?.on("data", (chunk) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  const code = await new Promise((done, failed) => {
    current.on("error", failed);
    current.on("close", (code) => done(code ?? 1));
  });
  current = undefined;
  return { code, output };
}

const node = (args, options) => stream(process.execPath, args, options);
const bin = (name) => join(root, "node_modules/.bin", name);

const heading = (title) => console.log(`\n── ${title} ${"─".repeat(Math.max(0, 76 - title.length))}`);

/** A check without tests of its own counts as one. */
const asOne = ({ code }) => ({ passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 });

/** What a report says; a report that is not there, or that hides a failure, is one failure more. */
function counted(title, code, read) {
  let counts;
  try {
    counts = read();
  } catch (error) {
    console.error(`${title}: ended without a count (exit code ${code}): ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  if (counts.passed + counts.failed === 0 || (code !== 0 && counts.failed === 0)) {
    console.error(`${title}: exit code ${code} with ${counts.passed} passed, ${counts.failed} failed`);
    counts.failed += 1;
  }
  return counts;
}

const readJson = (name) => JSON.parse(fs.readFileSync(join(report, name), "utf8"));

// ---------------------------------------------------------------------------------------------------- parts

async function check() {
  heading("format and lint");
  const counts = [asOne(await stream(bin("biome"), ["check", "."]))];
  heading("types");
  const generated = await stream(bin("next"), ["typegen", "apps/web"], { env: { NEXT_TELEMETRY_DISABLED: "1" } });
  for (const project of ["packages/core", "apps/runner", "apps/web", "e2e"]) {
    const result = await stream(bin("tsc"), ["-p", project]);
    if (project === "apps/web") result.code ||= generated.code; // routes' types are part of the site's
    console.log(`${project}: ${result.code === 0 ? "ok" : "failed"}`);
    counts.push(asOne(result));
  }
  return counts;
}

async function unit() {
  await buildKernels();
  heading("unit tests");
  const file = join(report, "unit.json");
  const { code } = await stream(bin("vitest"), [
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile=${file}`,
  ]);
  const read = () => {
    const all = readJson("unit.json");
    // A file that could not be loaded has no tests: it counts by itself.
    const broken = all.testResults.filter((f) => f.status === "failed" && f.assertionResults.length === 0).length;
    const skipped = all.numPendingTests + all.numTodoTests;
    return { passed: all.numPassedTests, failed: all.numFailedTests + broken, skipped };
  };
  return [counted("unit tests", code, read)];
}

async function golden() {
  await buildKernels();
  heading("golden tests");
  const { code, output } = await node(["--import", "tsx", "packages/core/golden/main.ts"], { keep: true });
  const read = () => {
    const line = output.match(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/m);
    if (line === null) throw new Error("no line `N passed, N failed`");
    return { passed: Number(line[1]), failed: Number(line[2]), skipped: Number(line[3] ?? 0) };
  };
  return [counted("golden tests", code, read)];
}

async function e2e() {
  await buildKernels();
  await buildSite();
  heading("e2e");
  const browser = await findBrowser();
  if (browser === null) return [{ passed: 0, failed: 1, skipped: 0 }];
  const { code } = await stream(bin("playwright"), ["test", "-c", "e2e/playwright.config.ts", "--reporter=list,json"], {
    env: { PLAYWRIGHT_JSON_OUTPUT_NAME: join(report, "e2e.json"), CHROMIUM_PATH: browser },
  });
  const read = () => {
    const { stats } = readJson("e2e.json");
    return { passed: stats.expected, failed: stats.unexpected + stats.flaky, skipped: stats.skipped };
  };
  return [counted("e2e", code, read)];
}

// ---------------------------------------------------------------------------------------------------- browser

/** Path of a Chromium or Chrome, installed if need be; null, with the three things that were tried, if none works. */
async function findBrowser() {
  const installed = process.env.CHROMIUM_PATH || onThisComputer();
  if (installed) return installed;
  const own = ownBrowser();
  if (own) return own;

  console.log("No Chrome or Chromium here: asking Playwright for its own (npx playwright install chromium).");
  await stream(bin("playwright"), ["install", "chromium"]);
  const downloaded = ownBrowser();
  if (downloaded) return downloaded;

  const root = process.getuid?.() === 0 && which("apt-get");
  if (root) {
    console.log("That did not work. Installing the package chromium with apt-get, as root, on this computer.");
    await stream("apt-get", ["update"]);
    await stream("apt-get", ["install", "-y", "chromium"], { env: { DEBIAN_FRONTEND: "noninteractive" } });
    const packaged = onThisComputer();
    if (packaged) return packaged;
  }
  console.error(
    "No browser for the e2e tests. Tried: (1) CHROMIUM_PATH and an installed Chrome or Chromium: none; " +
      "(2) npx playwright install chromium: no success; " +
      `(3) apt-get install chromium: ${root ? "no success" : "needs root and apt-get"}.`,
  );
  return null;
}

function which(name) {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((file) => fs.existsSync(file));
}

function onThisComputer() {
  const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
  const fixed = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  ];
  return names.map(which).find(Boolean) ?? fixed.find((file) => fs.existsSync(file));
}

/** Playwright's own download, if it is there. */
function ownBrowser() {
  const script = 'import { chromium } from "playwright"; console.log(chromium.executablePath())';
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd: root,
    encoding: "utf8",
  });
  return fs.existsSync(stdout.trim()) ? stdout.trim() : undefined;
}

// ---------------------------------------------------------------------------------------------------- npm test

await program(async () => {
  checkNode();
  const asked = process.argv.slice(2);
  const unknown = asked.find((name) => !Object.hasOwn(PARTS, name));
  if (unknown !== undefined)
    throw new Failure(`unknown part ${unknown}: expected ${Object.keys(PARTS).join(", ")}, or nothing for all of them`);
  await install();
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const [name, part] of Object.entries(PARTS)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    let counts;
    try {
      counts = await part();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      console.error(error.message); // a build that failed: the other parts still run
      counts = [{ passed: 0, failed: 1, skipped: 0 }];
    }
    for (const count of counts) for (const key of Object.keys(total)) total[key] += count[key];
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
});
