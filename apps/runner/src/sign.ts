/** Turns the files of a finished run into a signed statement. The supervisor does it: the training process has no key. */
import { join } from "node:path";
import {
  digestOf,
  type Envelope,
  type KeyPair,
  keyIdOf,
  MAX_RESULT_BYTES,
  makeStatement,
  Problem,
  type Result,
  type StatementParts,
  signStatement,
} from "@ticketmark/core";
import { readBounded } from "./files.ts";
import { FILE_NAMES, type FinishedRun, readResult } from "./spool.ts";

/** `job`: null for a run without a site. Throws Problem "bad-file" when the files are not those of the run, "too-large" for a
 * result that no site takes. */
export async function signRun(
  folder: string,
  { code, resultDigest, testbed, measured }: FinishedRun,
  job: StatementParts["job"],
  key: KeyPair,
): Promise<{ envelope: Envelope; result: Result }> {
  const path = join(folder, FILE_NAMES.result);
  const bytes = await readBounded(path, MAX_RESULT_BYTES);
  if (!bytes || digestOf(bytes) !== resultDigest) {
    throw new Problem("bad-file", `${path}: expected the result ${resultDigest.slice(0, 12)}… that the run announced`);
  }
  const result = await readResult(folder);
  const statement = makeStatement({
    result,
    resultDigest,
    job,
    code,
    keyId: keyIdOf(key.publicKey),
    testbed,
    measured,
  });
  return { envelope: signStatement(statement, key), result };
}
