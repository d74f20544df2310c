/** A posted envelope: verified whole, then stored whole, or nothing is. */
import { canonicalBytes, digestOf, type Envelope, groupDigest } from "@ticketmark/core";
import { verifySubmission } from "@ticketmark/core/verify";
import type { Db } from "../db/client.ts";
import { findFile } from "../db/files.ts";
import { type Holder, requireLease } from "../db/leases.ts";
import { addResult, findReceipt, type Receipt } from "../db/results.ts";
import type { Runner } from "../db/schema.ts";
import { getFile } from "../file-store.ts";
import { requireStorable } from "../http.ts";

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

  const { result, spec, statement } = await verifySubmission({
    envelope: posted,
    publicKey: new Uint8Array(runner.publicKey),
    expected: {
      jobId: job.id,
      attempt: job.leaseAttempt!,
      nonce: job.leaseNonce!,
      specDigest: job.specDigest,
      keyId: runner.keyId,
    },
    file: async (digest) => ((await findFile(db, digest)) ? getFile(digest) : null),
  });
  requireStorable(result, "result", "bad-file");
  return addResult(db, {
    jobId: job.id,
    leaseHash: holder.leaseHash,
    runnerId: runner.id,
    keyId: runner.keyId,
    spec,
    specDigest: job.specDigest,
    groupDigest: groupDigest(spec),
    result,
    resultDigest: statement.subject.find(({ name }) => name === "result")!.digest.sha256,
    envelope,
    envelopeDigest,
  });
}
