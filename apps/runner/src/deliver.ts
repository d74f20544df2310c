/** Sends one spooled result: announces and uploads its files, then the envelope that names them. Each step is idempotent. */
import type { Level } from "@ticketmark/core";
import type { Client } from "./client.ts";
import { type Patience, withRetries } from "./retry.ts";
import type { Entry } from "./spool.ts";

/** Returns once the site has acknowledged. Throws Problem when the site refuses it for good. */
export function deliver(
  client: Client,
  { job, envelope, files }: Entry,
  patience: Patience,
): Promise<{ resultId: string; level: Level }> {
  const { signal } = patience;
  return withRetries(async () => {
    for (const { kind, digest, bytes } of files) {
      const url = await client.announce(job, { kind, digest, bytes: bytes.length }, signal);
      if (url !== null) await client.upload(job, url, bytes, signal);
    }
    return client.submit(job, envelope, signal);
  }, patience);
}
