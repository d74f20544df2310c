/** Testbeds by digest. */
import type { Testbed } from "@ticketmark/core";
import type { Db } from "./client.ts";
import { testbeds } from "./schema.ts";

export async function listTestbeds(db: Db): Promise<Map<string, Testbed>> {
  const rows = await db.select({ digest: testbeds.digest, testbed: testbeds.testbed }).from(testbeds);
  return new Map(rows.map(({ digest, testbed }) => [digest, testbed]));
}
