/**
 * `npm run golden -- [DIR] [--engine ID]`: one line a case, then `N passed, N failed, N skipped`. DIR is this
 * folder unless named. Exit code 0 only if cases passed and none failed: a folder without a case to run is a failure.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openEngine } from "../src/engine/open.ts";
import { ENGINE_CHOICES } from "../src/job.ts";
import { type Outcome, readFolder } from "./reader.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** One line: most cases have one number to show, failed ones the first faults. */
function line({ status, name, error, detail }: Outcome): string {
  if (status === "SKIP") return `SKIP ${name}: ${detail}`;
  const faults = detail.split("\n");
  const more = faults.length > 3 ? `; and ${faults.length - 3} more` : "";
  const why = status === "FAIL" ? `: ${faults.slice(0, 3).join("; ")}${more}` : "";
  return `${status} ${name}, largest error ${error.toExponential(1)}${why}`;
}

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { engine: { type: "string", default: "cpu" } },
  });
  const choice = ENGINE_CHOICES.find((known) => known === values.engine);
  if (!choice || positionals.length > 1) {
    console.error(`usage: npm run golden -- [DIR] [--engine ${ENGINE_CHOICES.join("|")}]`);
    return 2;
  }
  const { engine, reason } = await openEngine(choice, { threads: 1, cacheDir: here("../build/native") });
  console.error(`golden cases on ${engine.id}: ${engine.device} (${reason})`);

  const counts = { PASS: 0, FAIL: 0, SKIP: 0 };
  for await (const outcome of readFolder(resolve(positionals[0] ?? here(".")), engine)) {
    counts[outcome.status]++;
    console.log(line(outcome));
  }
  if (counts.PASS + counts.FAIL === 0) console.error("no case that can be run in this folder: that is a failure");
  console.log(`${counts.PASS} passed, ${counts.FAIL} failed, ${counts.SKIP} skipped`);
  return counts.PASS > 0 && counts.FAIL === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
