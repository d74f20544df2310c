/** Turns the files of a finished run into a signed statement. The supervisor does it: the training process has no key. */
import { join } from "node:path";
import {
  digestOf,
  type Envelope,
  type KeyPair,
  keyIdOf,
  makeStatement,
  Problem,
  type Result,
  type StatementParts,
  signStatement,
} from "@ticketmark/core";
import type { Ending } from "./child.ts";
import { readBounded } from "./files.ts";
import { FILE_NAMES, MAX_RESULT_BYTES, readResult } from "./spool.ts";

/** `job`: null for a run without a site. Throws Problem "bad-file" when the files are not those of the run. */
export async function signRun(
  folder: string,
  { code, resultDigest }: Extract<Ending, { type: "done" }>,
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
  });
  return { envelope: signStatement(statement, key), result };
}
