/** A posted envelope: verified whole, then stored whole, or nothing is, and the files sent for it are dropped. */
import { canonicalBytes, digestOf, type Envelope, groupDigest, Problem, type Result, valuesOf } from "@ticketmark/core";
import { verifySubmission } from "@ticketmark/core/verify";
import type { Db } from "../db/client.ts";
import { findFile } from "../db/files.ts";
import { type Holder, type LeasedJob, requireLease } from "../db/leases.ts";
import { addResult, findReceipt, type Receipt, type Verified } from "../db/results.ts";
import type { Runner } from "../db/schema.ts";
import { getFile, getPending, publish } from "../file-store.ts";
import { requireStorable } from "../http.ts";
import { dropFiles } from "../pending.ts";

/**
 * The bytes that are stored and served are the envelope's canonical JSON: what is signed is its payload, untouched.
 * Throws Problem "lease-lost", "conflict" (the job has another result), "bad-signature", "bad-statement", "bad-file".
 */
export async function acceptSubmission(db: Db, runner: Runner, holder: Holder, posted: Envelope): Promise<Receipt> {
  const job = await requireLease(db, holder);
  const envelope = canonicalBytes(posted);
  const envelopeDigest = digestOf(envelope);
  const receipt = await findReceipt(db, job.id, envelopeDigest);
  if (receipt) return receipt;

  let verified: Verified;
  try {
    verified = { ...(await verify(db, runner, holder, job, posted)), envelope, envelopeDigest };
  } catch (fault) {
    if (!(fault instanceof Problem)) throw fault;
    const same = await findReceipt(db, job.id, envelopeDigest); // posted twice at once: the other took the files
    if (same) return same;
    await dropFiles(db, holder);
    throw fault;
  }
  for (const { digest } of verified.files) await publish(holder, digest); // unseen until the row is there
  const stored = await addResult(db, verified);
  await dropFiles(db, { jobId: job.id });
  return stored;
}

async function verify(
  db: Db,
  runner: Runner,
  holder: Holder,
  job: LeasedJob,
  posted: Envelope,
): Promise<Omit<Verified, "envelope" | "envelopeDigest">> {
  const sizes = new Map<string, number>();
  const { result, spec, statement } = await verifySubmission({
    envelope: posted,
    publicKey: new Uint8Array(runner.publicKey),
    expected: {
      jobId: job.id,
      attempt: job.attempt,
      nonce: job.nonce,
      specDigest: job.specDigest,
      keyId: runner.keyId,
      kind: job.kind,
      commit: job.commit,
    },
    file: async (digest) => {
      const bytes = (await getPending(holder, digest)) ?? ((await findFile(db, digest)) ? await getFile(digest) : null);
      if (bytes) sizes.set(digest, bytes.length);
      return bytes;
    },
  });
  requireStorable(result, "result", "bad-file");
  requireStorable(statement.predicate, "statement", "bad-file");
  const resultDigest = statement.subject.find(({ name }) => name === "result")!.digest.sha256;
  return {
    jobId: job.id,
    leaseHash: holder.leaseHash,
    runnerId: runner.id,
    keyId: runner.keyId,
    spec,
    specDigest: job.specDigest,
    groupDigest: groupDigest(spec),
    result,
    resultDigest,
    files: named(job.commit === null ? result : null, resultDigest).map((file) => ({
      ...file,
      bytes: sizes.get(file.digest)!,
    })),
    point: {
      commit: statement.predicate.code.dirty ? null : statement.predicate.code.commit,
      testbed: statement.predicate.testbed ?? null,
      codeDigest: statement.predicate.measured?.codeDigest ?? null,
      values: valuesOf(result, statement.predicate.measured ?? {}),
      tracked: job.commit !== null,
    },
  };
}

/** Of what is run for the series alone the nets are verified and dropped: their digests stay, and anyone can run them again. */
const named = (nets: Pick<Result, "ticketDigest" | "trainedDigest"> | null, resultDigest: string) => [
  { kind: "result" as const, digest: resultDigest },
  ...(nets?.ticketDigest ? [{ kind: "ticket" as const, digest: nets.ticketDigest }] : []),
  ...(nets?.trainedDigest ? [{ kind: "trained" as const, digest: nets.trainedDigest }] : []),
];
