/** One look at everything: what is measured, what is suspected, what is to be run next. */
import type { Db } from "../db/client.ts";
import { env } from "../env.ts";

export async function pass(_db: Db): Promise<void> {
  if (env().repository === null) return;
}
