#!/usr/bin/env node
/**
 * `npm start`: from a fresh clone to a leaderboard with a local runner. Plain JavaScript on Node's builtins alone, since
 * nothing is installed yet when it runs. It owns the site and the runner: each is a child in a process group of its own,
 * so that Ctrl-C reaches this file only and the order of stopping is ours (runner, then site). It speaks HTTP to the
 * site like everybody else. test.mjs uses the exported steps.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL(".", import.meta.url));

const USAGE = `Usage: npm start [-- --no-runner --no-suite]

Installs what is missing, builds, and starts the leaderboard with a local runner.

  --no-runner   the site alone
  --no-suite    do not queue the quickstart suite
  --help        this text

Environment: PORT (3000), TICKETMARK_DATA (.data), POSTGRES_URL (embedded database in the data folder),
TICKETMARK_REPOSITORY (whose commits are followed: none), TICKETMARK_BRANCHES (main)`;

/** What the person at the keyboard can put right: the program ends with this one line, without a stack. */
export class Failure extends Error {}

export async function program(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

/** Calls `stop` for each signal that asks for an end, and when npm is gone: of a SIGTERM it tells its shell only, not us. */
export function onStop(stop) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
  if (!process.env.npm_lifecycle_event) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, 300).unref();
}

// ---------------------------------------------------------------------------------------------------- steps

/** The floor is what Next and the tests were run on. Syntax in this file parses on much older versions. */
export function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Failure(`Ticketmark needs Node 20.19 or newer; this is ${process.versions.node}. See https://nodejs.org`);
}

const running = new Set(); // children of the steps, killed when a step is interrupted

/** Runs one command to its end. Its output is shown only if it fails; then the program ends. */
export async function command(title, file, args, options = {}) {
  const began = performance.now();
  process.stdout.write(`${title} … `);
  const child = spawn(file, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options });
  running.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const why = await new Promise((done) => {
    child.on("error", (error) => done(error.message));
    child.on("close", (code, signal) => done(code === 0 ? null : `it ended with ${signal ?? `code ${code}`}`));
  });
  running.delete(child);
  if (why !== null) {
    console.log("failed");
    process.stderr.write(output);
    throw new Failure(`${title}: \`${[file, ...args].join(" ")}\`: ${why}`);
  }
  console.log(`${((performance.now() - began) / 1000).toFixed(1)} s`);
}

export const stopSteps = () => running.forEach((child) => void child.kill("SIGTERM"));

/** npm as this program was started by it, else the one on PATH. */
const npm = (args) =>
  process.env.npm_execpath?.endsWith(".js") ? [process.execPath, [process.env.npm_execpath, ...args]] : ["npm", args];

/** A stamp is written after the work and removed before it: an interrupted step is done again. */
async function unlessStamped(file, value, work) {
  if (fs.existsSync(file) && fs.readFileSync(file, "utf8") === value) return;
  fs.rmSync(file, { force: true });
  await work();
  fs.writeFileSync(file, value);
}

/**
 * Not `npm ci`: it refuses a lockfile that lacks another platform's optional binaries. `install --no-save` takes the
 * lockfile's versions all the same and changes no tracked file.
 */
export async function install() {
  await unlessStamped(join(root, "node_modules/.ticketmark"), digestOf(["package-lock.json"]), async () => {
    const complete = fs.existsSync(join(root, "node_modules/.package-lock.json")); // npm writes it last
    if (!complete) fs.rmSync(join(root, "node_modules"), { recursive: true, force: true });
    await command("Installing packages", ...npm(["install", "--no-save", "--no-audit", "--no-fund"]));
  });
}

/** The builder itself knows whether there is anything to do. */
export async function buildKernels() {
  const builder = "packages/core/src/engine/cpu/node/build.ts";
  await command("Building kernels", process.execPath, ["--import", "tsx", builder]);
}

const next = "node_modules/next/dist/bin/next";
export async function buildSite() {
  const inputs = ["package-lock.json", "tsconfig.base.json", "packages/core/src", "apps/web"];
  await unlessStamped(join(root, "apps/web/.next/ticketmark"), digestOf(inputs), () =>
    command("Building the site", process.execPath, [join(root, next), "build"], {
      cwd: join(root, "apps/web"),
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production" },
    }),
  );
}

/** sha256 over names and bytes of files and folders below the root; what is generated or only tests does not count. */
function digestOf(paths) {
  const hash = createHash("sha256");
  const visit = (path) => {
    if (/^(\.next|node_modules|next-env\.d\.ts|.*\.tsbuildinfo|.*\.test\.tsx?)$/.test(basename(path))) return;
    if (fs.statSync(path).isDirectory()) for (const name of fs.readdirSync(path).sort()) visit(join(path, name));
    else for (const part of [`${relative(root, path)}\0`, fs.readFileSync(path), "\0"]) hash.update(part);
  };
  for (const path of paths) visit(join(root, path));
  return hash.digest("hex");
}

// ---------------------------------------------------------------------------------------------------- processes

/**
 * Preloaded into both children: when this program is gone, even by SIGKILL, their standard input ends and they stop
 * as on SIGTERM. Watching it keeps no child alive that has come to its end. It takes itself out of execArgv, which
 * children of children would inherit.
 */
const endWithParent = `data:text/javascript,${encodeURIComponent(`
  import { isMainThread } from "node:worker_threads";
  if (isMainThread) {
    process.execArgv.splice(process.execArgv.findIndex((a) => a.startsWith("data:")) - 1, 2);
    process.stdin.on("error", () => {}).on("end", () => {
      process.kill(process.pid, "SIGTERM");
      setTimeout(() => process.exit(1), 4000).unref();
    }).resume().unref?.();
  }`)}`;

const cli = join(root, "apps/runner/bin/ticketmark.js");

/** How site and runner are started, here and in e2e: Node's arguments, working folder, environment. */
export const siteProcess = (port, data) => ({
  args: ["--import", endWithParent, join(root, next), "start", "-H", "127.0.0.1", "-p", String(port)],
  cwd: join(root, "apps/web"),
  env: {
    NODE_ENV: "production",
    NEXT_TELEMETRY_DISABLED: "1",
    TICKETMARK_DATA: data,
    TICKETMARK_HEARTBEAT_SECONDS: "2", // the runner is next door: short waits, lively progress
    TICKETMARK_RETRY_SECONDS: "2",
  },
});

const runnerCommand = (verb, origin, data) => [cli, "runner", verb, "--server", origin, "--data", data];

export const runnerProcess = (origin, data, options = []) => ({
  args: ["--import", endWithParent, ...runnerCommand("start", origin, data), ...options],
  cwd: root,
  env: {},
});

export const enrolArguments = (origin, data, token, name) => [
  ...runnerCommand("enrol", origin, data),
  `--token=${token}`,
  `--name=${name}`,
];

const RESTARTS_A_MINUTE = 5;

/** Starts a Node program and starts it again when it dies. `onGivingUp` is called when it dies too often. */
function keep(name, { args, cwd, env }, output, onGivingUp) {
  const deaths = [];
  let stopping = false;
  let child;
  const start = () => {
    child = spawn(process.execPath, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["pipe", output, output],
      detached: true,
    });
    child.on("error", (error) => onGivingUp(`the ${name} could not be started: ${error.message}`));
    child.on("exit", (code, signal) => {
      if (stopping) return;
      if (name === "runner" && code === 0)
        return console.log("The runner has stopped as it was told to; the site stays.");
      deaths.push(performance.now());
      const recent = deaths.filter((at) => at > performance.now() - 60_000).length;
      const how = `the ${name} ended unexpectedly (${signal ?? `code ${code}`})`;
      if (recent > RESTARTS_A_MINUTE) return onGivingUp(`${how}, ${recent} times within a minute`);
      console.error(`${how}; starting it again`);
      setTimeout(() => stopping || start(), 500);
    });
  };
  const alive = () => child.exitCode === null && child.signalCode === null;
  const kill = () => {
    stopping = true;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {} // the group is gone already
  };
  start();
  return {
    alive,
    kill,
    signal: (name) => child.kill(name),
    /** SIGTERM, and SIGKILL for the whole group when it takes longer than it may. */
    stop: async (milliseconds) => {
      stopping = true;
      if (!alive()) return;
      const gone = new Promise((done) => child.on("exit", done));
      child.kill("SIGTERM");
      const late = setTimeout(kill, milliseconds);
      await gone;
      clearTimeout(late);
    },
  };
}

// ---------------------------------------------------------------------------------------------------- npm start

function parseArguments(args) {
  const known = ["--no-runner", "--no-suite", "--help"];
  const unknown = args.find((arg) => !known.includes(arg));
  if (unknown !== undefined || args.includes("--help")) {
    if (unknown !== undefined) console.error(`unknown argument ${unknown}\n`);
    console.log(USAGE);
    process.exit(unknown === undefined ? 0 : 2);
  }
  const text = process.env.PORT ?? "3000";
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new Failure(`PORT: expected 1 to 65535; got ${JSON.stringify(text)}`);
  const data = resolve(root, process.env.TICKETMARK_DATA || ".data");
  // Token and runner belong to one database: the names of those of another than the default end with its hash.
  const url = process.env.POSTGRES_URL;
  const suffix = url ? `-${createHash("sha256").update(url).digest("hex").slice(0, 8)}` : "";
  return { port, data, suffix, runner: !args.includes("--no-runner"), suite: !args.includes("--no-suite") };
}

async function checkPort(port) {
  const error = await new Promise((done) => {
    const server = createServer().on("error", done);
    server.listen(port, "127.0.0.1", () => server.close(() => done(null)));
  });
  if (error === null) return;
  const what = error.code === "EADDRINUSE" ? "is in use: stop what listens there" : `cannot be used (${error.code})`;
  throw new Failure(`Port ${port} ${what}, or choose another: PORT=${port === 65_535 ? 3000 : port + 1} npm start`);
}

function checkData(data) {
  try {
    fs.mkdirSync(data, { recursive: true, mode: 0o700 });
    const probe = join(data, `.probe-${process.pid}`);
    fs.writeFileSync(probe, "");
    fs.rmSync(probe);
  } catch (error) {
    throw new Failure(`The data folder ${data} cannot be written: ${error.message}`);
  }
}

const call = (origin, path, bearer, body = {}) =>
  fetch(`${origin}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(20_000),
  });

/** A call with the maintainer's token. Throws with what the server said. */
async function post(origin, path, token, body) {
  const response = await call(origin, path, token, body);
  const text = await response.text();
  if (!response.ok) throw new Failure(`POST ${path}: ${response.status} ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

async function untilItAnswers(origin, site, log) {
  for (const end = performance.now() + 120_000; performance.now() < end && site.alive(); ) {
    try {
      const response = await fetch(`${origin}/api/v1/jobs?limit=1`, { signal: AbortSignal.timeout(10_000) });
      if (response.ok) return;
    } catch {} // not listening yet
    await new Promise((done) => setTimeout(done, 100));
  }
  const tail = fs.readFileSync(log, "utf8").trimEnd().split("\n").slice(-15).join("\n");
  throw new Failure(`the site does not answer. The end of ${log}:\n${tail}`);
}

/** Enrols a runner where there is none that the site knows. An unknown one is kept aside: it may hold a signed result. */
async function ensureEnrolled(origin, data, token) {
  const file = join(data, "runner.json");
  if (fs.existsSync(file)) {
    const bearer = fs.readFileSync(file, "utf8").match(/"bearer": "([^"]+)"/)?.[1];
    const { status } = await call(origin, "/api/v1/claim", bearer); // 400 for its empty form, but 401 before that
    if (status !== 401) return;
    const aside = `${data}-until-${new Date().toISOString().replace(/\D/g, "").slice(0, 14)}`;
    console.log(`This site does not know the runner in ${data}: it is kept in ${aside}`);
    fs.renameSync(data, aside);
  }
  if (token === null) throw new Failure("neither a runner nor a maintainer's token here: npm start -- --no-runner");
  const { token: once } = await post(origin, "/api/v1/enrolment-tokens", token, { trusted: true });
  await command("Enrolling this computer's runner", process.execPath, enrolArguments(origin, data, once, hostname()));
}

async function main() {
  checkNode();
  const { port, data, suffix, runner: wanted, suite } = parseArguments(process.argv.slice(2));
  await checkPort(port);
  checkData(data);

  const kept = []; // site, then runner
  let stopping = 0; // when the first signal came; npm passes on a Ctrl-C that the terminal has sent us already
  const stop = async (code) => {
    if (stopping) {
      if (performance.now() - stopping < 500) return;
      for (const process of kept) process.kill();
      process.exit(code);
    }
    stopping = performance.now();
    stopSteps();
    const [site, runner] = kept;
    console.log(runner?.alive() ? "\nStopping: the runner hands its job back …" : "");
    await runner?.stop(3_000);
    await site?.stop(1_500);
    process.exit(code);
  };
  const giveUp = (why) => {
    console.error(`${why}; stopping`);
    stop(1);
  };
  process.stdout.on("error", () => {}); // a terminal that was closed: SIGHUP tells us
  onStop(() => stop(kept.length > 0 ? 0 : 130));

  await install();
  await buildKernels();
  await buildSite();
  if (stopping) return;

  const origin = `http://127.0.0.1:${port}`;
  const log = join(data, "site.log");
  const tokenFile = join(data, `maintainer-token${suffix}`);
  const first = !fs.existsSync(tokenFile);
  const output = fs.openSync(log, "w", 0o600);
  const site = keep("site", siteProcess(port, data), output, giveUp);
  kept.push(site);
  try {
    await untilItAnswers(origin, site, log);
    console.log(`\n  Leaderboard  ${origin}`);
    const token = fs.existsSync(tokenFile) ? fs.readFileSync(tokenFile, "utf8").trim() : null;
    if (token && first)
      console.log(`  Maintainer   ${origin}/sign-in#${token}\n               (shown once; kept in ${tokenFile})`);
    console.log("");
    if (token === null)
      console.error(`no ${tokenFile}: this database has other maintainers; nothing is queued or enrolled`);
    if (token && suite) await post(origin, "/api/v1/suites/quickstart", token);
    if (wanted) kept.push(await startRunner(origin, join(data, `runner${suffix}`), token));
  } catch (error) {
    if (stopping) return;
    giveUp(error instanceof Failure ? error.message : error.stack);
  }
}

/** The repository and branches that the site follows, as apps/web/env.ts reads them, for `runner start`. */
export function trackingOptions({ TICKETMARK_REPOSITORY = "", TICKETMARK_BRANCHES = "" }) {
  const text = TICKETMARK_REPOSITORY.trim();
  if (!text) return [];
  const repository = /^[\w+.-]+:\/\/|^[\w.-]+@[\w.-]+:/.test(text) ? text : resolve(root, text);
  const branches = (TICKETMARK_BRANCHES || "main").split(/[\s,]+/).filter(Boolean);
  return [`--repository=${repository}`, ...branches.map((name) => `--branch=${name}`)];
}

async function startRunner(origin, data, token) {
  await ensureEnrolled(origin, data, token);
  const onGivingUp = (why) => console.error(`${why}; the site stays`);
  const runner = keep("runner", runnerProcess(origin, data, trackingOptions(process.env)), "inherit", onGivingUp);
  process.on("SIGWINCH", () => runner.signal("SIGWINCH")); // its group is not the terminal's: it would not be told
  return runner;
}

if (process.argv[1] && fs.realpathSync(process.argv[1]) === fs.realpathSync(fileURLToPath(import.meta.url)))
  await program(main);
