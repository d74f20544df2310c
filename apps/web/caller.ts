/** Which runner is calling, and with which lease. */
import { Problem } from "@ticketmark/core";
import { db } from "./db/client.ts";
import type { Holder } from "./db/leases.ts";
import { seeRunner } from "./db/runners.ts";
import type { Runner } from "./db/schema.ts";
import { addressOf, limited } from "./limiter.ts";
import { hashSecret } from "./secret.ts";
import { bearerOf } from "./session.ts";

/** Throws Problem "unauthorized", "forbidden" (revoked), "too-many-requests". */
export async function requireRunner(request: Request): Promise<Runner> {
  const bearer = bearerOf(request);
  if (!bearer) throw new Problem("unauthorized", "expected authorization: Bearer, as the enrolment returned it");
  return limited(addressOf(request.headers), async () => seeRunner(await db(), hashSecret(bearer)));
}

export const holderOf = (runner: Runner, jobId: string, lease: string): Holder => ({
  jobId,
  runnerId: runner.id,
  leaseHash: hashSecret(lease),
});
