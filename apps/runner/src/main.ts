/**
 * The command-line program. Exit codes: 0 done, 1 a problem (one line on stderr; problem JSON with --json), 2 wrong
 * usage, 130 stopped by Ctrl-C before the end.
 */
import { DEFAULT_DETECTOR, detectors, ENGINE_CHOICES, MOST_THREADS, Problem } from "@ticketmark/core";
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { Crashed } from "./child.ts";
import { VERSION } from "./code.ts";
import { compareCommand } from "./compare-command.ts";
import { dataCheck, dataClasses, dataGet, dataList } from "./data-command.ts";
import { detectCommand } from "./detect-command.ts";
import { doctor } from "./doctor.ts";
import { EXPORTED, exportCommand } from "./export-command.ts";
import { isSystemError } from "./files.ts";
import { importCommand } from "./import-command.ts";
import { describe, type KindName } from "./lists.ts";
import { PLOTS, type PlotKind, plotCommand } from "./plot-command.ts";
import { Unreachable } from "./retry.ts";
import { readSpec, runCommand } from "./run-command.ts";
import { enrol, start } from "./runner-command.ts";
import { readSettings, readTracking, type TrackingOptions, threadsSchema } from "./settings.ts";
import { createStatus, printable } from "./status.ts";
import { suiteList, suiteQueue, suiteRun, suiteShow, suiteStatusAt, suiteStatusHere } from "./suite-command.ts";

const STOPPED = 130;

interface Common {
  readonly json?: boolean;
  readonly data?: string;
  readonly dataDir?: string;
  readonly threads?: number;
}

/** Of a command that ends without an error. */
let code = 0;

const print = (text: string) => process.stdout.write(`${printable(text)}\n`);

const json = () => new Option("--json", "machine-readable output; problems as problem JSON on stderr");
const data = () => new Option("--data <dir>", "folder for key, enrolment, spool and snapshots");
const dataDir = () =>
  new Option("--data-dir <dir>", "folder for files of data sets (default: data in the cache folder)");
const threads = () =>
  new Option("--threads <n>", "threads of the cpu engine").argParser((text) => {
    const parsed = threadsSchema.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(`expected a whole number from 1 to ${MOST_THREADS}`);
  });

const program = new Command("ticketmark")
  .description("Finds, trains and signs lottery tickets; runs jobs of a leaderboard.")
  .version(VERSION)
  .addOption(json())
  .showHelpAfterError("(ticketmark --help lists the commands)")
  .exitOverride();

command(program, "run", "Run one spec without a site and write result, ticket, trained net and signed statement.")
  .argument("<spec>", 'a spec as JSON; "-" reads it from stdin')
  .option("--out <dir>", "folder for the files (default: ./ticketmark-DIGEST)")
  .addOption(new Option("--engine <engine>", "what computes").choices(ENGINE_CHOICES).default("auto"))
  .addOption(threads())
  .addOption(data())
  .addOption(dataDir())
  .option("--seed <n>", "instead of the spec's", (text) => {
    if (/^\d{1,10}$/.test(text)) return Number(text);
    throw new InvalidArgumentError("expected a whole number from 0 to 4294967295");
  })
  .option("--initial <file>", "weights to start from, written by ticketmark import (default: drawn from the seed)")
  .option("--print-spec", "print the complete spec, defaults filled in, and stop")
  .action(async (path: string, _options: unknown, self: Command) => {
    const options = self.optsWithGlobals<
      Common & {
        out?: string;
        engine: (typeof ENGINE_CHOICES)[number];
        seed?: number;
        initial?: string;
        printSpec?: boolean;
      }
    >();
    const { out, engine, seed, initial } = options;
    const spec = await readSpec(path, { seed, initial });
    if (options.printSpec) return void print(JSON.stringify(spec, null, 2));
    const run = {
      spec,
      initial,
      out,
      engine,
      settings: readSettings(options),
      json: options.json === true,
      stop: onSignals(),
    };
    if (!(await runCommand(run))) code = STOPPED;
  });

command(
  program,
  "compare",
  "Compare results: means over seeds, who is better and how sure that is; or against a reference.",
)
  .argument("<results...>", "result files, folders of runs, or folders of such folders")
  .option(
    "--reference <suite>",
    "against the figures of this suite that were measured elsewhere; exit code 1 if missed",
  )
  .option("--markdown", "tables in Markdown")
  .action(async (paths: string[], _options: unknown, self: Command) => {
    const { json, markdown, reference } = self.optsWithGlobals<Common & { markdown?: boolean; reference?: string }>();
    const format = json ? "json" : markdown ? "markdown" : "text";
    const { text, met } = await compareCommand({ paths, reference, format });
    print(text);
    if (!met) code = 1;
  });

command(program, "detect", "Find where series of measurements change their level, without a site.")
  .argument(
    "<file>",
    'CSV with a header (time, commit, and a column for each series), or JSON { series: [{ name, values, commits? }] }; "-" reads stdin',
  )
  .addOption(new Option("--method <id>", "the detector").choices(detectors.ids).default(DEFAULT_DETECTOR))
  .action(async (path: string, _options: unknown, self: Command) => {
    const { json, method } = self.optsWithGlobals<Common & { method: string }>();
    print(await detectCommand({ path, method, json: json === true, width: process.stdout.columns || 80 }));
  });

command(program, "export", "Write a trained net or a ticket as safetensors, which PyTorch opens.")
  .argument("<path>", "folder of a finished run, or a .tkt file")
  .addOption(new Option("--what <what>", "of a folder: which of its nets").choices(EXPORTED).default("trained"))
  .requiredOption("--out <file>", "the safetensors file to write")
  .action(async (path: string, _options: unknown, self: Command) => {
    const options = self.optsWithGlobals<Common & { what: (typeof EXPORTED)[number]; out: string }>();
    const written = await exportCommand({ path, what: options.what, out: options.out });
    print(options.json ? JSON.stringify(written) : `Written to ${written.out}`);
  });

command(program, "import", "Take weights from a safetensors file, to train from: ticketmark run SPEC --initial FILE.")
  .argument("<file>", "safetensors of 32-bit floats, named as the model's parameters")
  .option("--model <id>", "whose parameters they are")
  .option("--dataset <id>", "whose images and classes the model is for")
  .option("--spec <spec>", "a spec that says both, and the classes of a data set of folders")
  .requiredOption("--out <file>", "the file of initial weights to write")
  .action(async (path: string, _options: unknown, self: Command) => {
    const { json, model, dataset, spec, out } = self.optsWithGlobals<
      Common & { model?: string; dataset?: string; spec?: string; out: string }
    >();
    const named = model !== undefined && dataset !== undefined ? { model, dataset } : null;
    const net = spec === undefined ? named : await readSpec(spec, {});
    if (!net) throw new Problem("bad-request", "import: expected --model and --dataset, or --spec");
    const written = await importCommand({ path, net, out });
    print(json ? JSON.stringify(written) : `Written to ${written.out}; in a spec: "initial": "${written.initial}"`);
  });

command(program, "plot", "Draw results as SVG or PNG.")
  .addArgument(new Argument("<kind>", "what to draw; weights and masks are of one run").choices(PLOTS))
  .argument("<results...>", "result files, folders of runs, or folders of such folders")
  .requiredOption("--out <file>", "where to: a name that ends in .svg or .png")
  .action(async (kind: PlotKind, paths: string[], _options: unknown, self: Command) => {
    const { json, out } = self.optsWithGlobals<Common & { out: string }>();
    await plotCommand(kind, paths, out);
    print(json ? JSON.stringify({ kind, out }) : `Written to ${out}`);
  });

const suite = command(program, "suite", "Suites: specs that belong together, run here or queued at a site.");
const classes = () =>
  new Option("--classes <file>", "JSON of the class folders, for a suite that runs on folders of images");

command(suite, "list", "List the suites.").action((_options: unknown, self: Command) => {
  print(suiteList(self.optsWithGlobals<Common>().json === true));
});

command(suite, "show", "Show what a suite runs.")
  .argument("<suite>")
  .action((id: string, _options: unknown, self: Command) => {
    print(suiteShow(id, self.optsWithGlobals<Common>().json === true));
  });

command(
  suite,
  "run",
  "Run a suite here, one spec after the other. The same command goes on where it was; exit code 1 if runs failed.",
)
  .argument("<suite>")
  .requiredOption("--out <dir>", "folder for the folders of its runs")
  .addOption(classes())
  .addOption(new Option("--engine <engine>", "what computes").choices(ENGINE_CHOICES).default("auto"))
  .addOption(threads())
  .addOption(data())
  .addOption(dataDir())
  .action(async (id: string, _options: unknown, self: Command) => {
    const { out, engine, classes, ...options } = self.optsWithGlobals<
      Common & { out: string; engine: (typeof ENGINE_CHOICES)[number]; classes?: string }
    >();
    const json = options.json === true;
    const { finished, failed } = await suiteRun({
      id,
      out,
      engine,
      classes,
      json,
      settings: readSettings(options),
      stop: onSignals(),
    });
    if (!finished) code = STOPPED;
    else if (failed > 0) code = 1;
  });

command(suite, "status", "Say what is done, running, failed or missing: in a folder, or at a site.")
  .argument("<suite>")
  .option("--out <dir>", "folder that `suite run` writes to")
  .option("--server <url>", "address of a site")
  .addOption(classes())
  .action(async (id: string, _options: unknown, self: Command) => {
    const { out, server, classes, json } = self.optsWithGlobals<
      Common & { out?: string; server?: string; classes?: string }
    >();
    if ((out === undefined) === (server === undefined)) self.error("error: expected either --out DIR or --server URL");
    print(
      server === undefined
        ? await suiteStatusHere(id, out!, classes, json === true)
        : await suiteStatusAt(id, server, classes, json === true),
    );
  });

command(
  suite,
  "queue",
  "Queue at a site what is missing, failed or cancelled. The token is TICKETMARK_TOKEN, or comes on stdin.",
)
  .argument("<suite>")
  .requiredOption("--server <url>", "address of the site")
  .addOption(classes())
  .action(async (id: string, _options: unknown, self: Command) => {
    const { server, classes, json } = self.optsWithGlobals<Common & { server: string; classes?: string }>();
    print(await suiteQueue(id, server, classes, readSettings().token, json === true));
  });

const lists: Record<KindName, string> = {
  methods: "List the methods with all their settings.",
  models: "List the models.",
  datasets: "List the data sets and the files they are made of.",
};
for (const [name, summary] of Object.entries(lists) as [KindName, string][]) {
  command(program, name, summary)
    .argument("[id]", "only this one")
    .action((id: string | undefined, _options: unknown, self: Command) => {
      print(describe(name, id, self.optsWithGlobals<Common>().json === true));
    });
}

const sets = command(program, "data", "List the data sets, and what of their files is here.")
  .addOption(dataDir())
  .action(async (_options: unknown, self: Command) => {
    const options = self.optsWithGlobals<Common>();
    print(await dataList(readSettings(options).dataDir, options.json === true));
  });

command(sets, "get", "Download what is missing, check it and unpack it. The same command goes on where it was stopped.")
  .argument("<id...>", "data sets")
  .addOption(dataDir())
  .action(async (ids: string[], _options: unknown, self: Command) => {
    const options = self.optsWithGlobals<Common>();
    const status = createStatus(process.stderr, options.json === true);
    const whole = await dataGet(ids, { dataDir: readSettings(options).dataDir, status, stop: onSignals() });
    if (whole !== true) code = whole === null ? STOPPED : 1;
  });

command(
  sets,
  "check",
  "Compute the digests of files. Exit code 1 if one is damaged, or missing where data sets are named.",
)
  .argument("[id...]", "data sets (default: all)")
  .addOption(dataDir())
  .action(async (ids: string[], _options: unknown, self: Command) => {
    const options = self.optsWithGlobals<Common>();
    const { text, ok } = await dataCheck(ids, readSettings(options).dataDir, options.json === true);
    print(text);
    if (!ok) code = 1;
  });

command(sets, "classes", "Print the classes of folders train/CLASS and val/CLASS of JPEGs, as a spec names them.")
  .argument("<dir>")
  .action(async (folder: string) => {
    print(await dataClasses(folder));
  });

command(program, "doctor", "Say what this machine can do, and exactly why it cannot do the rest.")
  .addOption(threads())
  .addOption(data())
  .addOption(dataDir())
  .action(async (_options: unknown, self: Command) => {
    const options = self.optsWithGlobals<Common>();
    if (!(await doctor(readSettings(options), options.json === true))) code = 1;
  });

const runner = command(program, "runner", "This machine as a runner of a site.");

command(runner, "enrol", "Make a key, and enrol it at a site with a one-time token.")
  .requiredOption("--server <url>", "address of the site")
  .requiredOption("--token <token>", "one-time token from the site's runners page")
  .option("--name <name>", "how the site calls this runner (default: the host's name)")
  .addOption(data())
  .action(async (_options: unknown, self: Command) => {
    const options = self.optsWithGlobals<Common & { server: string; token: string; name?: string }>();
    const { bearer: _, ...enrolment } = await enrol(options, readSettings(options));
    if (options.json) print(JSON.stringify(enrolment, null, 2));
    else print(`Enrolled as ${enrolment.name} at ${enrolment.server}, key ${enrolment.keyId}`);
  });

command(runner, "start", "Run the site's jobs. Ctrl-C hands the job back with a snapshot; a second one ends at once.")
  .option("--server <url>", "the site's address, where it has changed since enrolment")
  .option("--repository <repository>", "address or path of a git repository whose commits may run here (default: none)")
  .option("--branch <name>", "one whose commits may run; may be given several times (default: main)", collect)
  .option("--allow-pull-requests", "commits of pull requests that a maintainer of the site has approved, too")
  .option("--disk-limit <GB>", "for the repository, its commits and their packages (default: 20)")
  .addOption(threads())
  .addOption(data())
  .addOption(dataDir())
  .action(async (_options: unknown, self: Command) => {
    const options = self.optsWithGlobals<Common & { server?: string } & TrackingOptions>();
    const { server, repository, branch, allowPullRequests, diskLimit } = options;
    const tracking = readTracking({ repository, branch, allowPullRequests, diskLimit });
    const status = createStatus(process.stdout, options.json === true);
    await start({ server, tracking }, readSettings(options), status, onSignals());
  });

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function command(parent: Command, name: string, summary: string): Command {
  return parent.command(name).description(summary).addOption(json()).exitOverride();
}

/** npm and npx pass on a Ctrl-C that the terminal has sent to us already: signals this close (ms) are one. */
const ONE_SIGNAL_MS = 500;

/** Aborted by the first SIGINT, SIGTERM or SIGHUP; the second ends the process at once (workers see their pipe close). */
function onSignals(): AbortSignal {
  const stop = new AbortController();
  let first = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) first = performance.now();
      else if (performance.now() - first > ONE_SIGNAL_MS) process.exit(STOPPED);
      stop.abort();
    });
  }
  return stop.signal;
}

/** What the system refused: a folder that is not there, a permission, a full disk. */
const refusalOf = (error: NodeJS.ErrnoException) =>
  new Problem("bad-request", `${error.path ?? error.syscall}: ${error.message.split(", ")[0]}`, { cause: error });

/** Runs the program. Resolves to the exit code; a bug is thrown. */
async function main(): Promise<number> {
  try {
    await program.parseAsync();
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has said why
    const known = isSystemError(error) ? refusalOf(error) : error;
    if (!(known instanceof Problem || known instanceof Unreachable || known instanceof Crashed)) throw error;
    const problem = known instanceof Problem ? known.toJSON() : { title: known.name, detail: known.message };
    const text = process.argv.includes("--json") ? JSON.stringify(problem) : `ticketmark: ${known.message}`;
    process.stderr.write(`${printable(text)}\n`);
    return 1;
  }
}

const exitCode = await main();
// Said to the end, then ended: an open stdin or a request in flight would keep the process for ever.
for (const stream of [process.stdout, process.stderr]) await new Promise((done) => stream.write("", done));
process.exit(exitCode);
