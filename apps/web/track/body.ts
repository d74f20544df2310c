/** Bodies that are larger than the API's others, or whose bytes are signed: read whole within their own bound, then parsed. */
import { Problem } from "@ticketmark/core";
import type { z } from "zod";
import { bounded, parse, requireStorable } from "../http.ts";

/** Throws Problem "too-large", "bad-request" (it broke off). */
export async function readBytes(request: Request, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bounded(request, most)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Only what the schema lets through has to be storable. Throws Problem "bad-request". */
export function jsonOf<T>(bytes: Uint8Array, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Problem("bad-request", `body: expected JSON in UTF-8: ${(cause as Error).message}`, { cause });
  }
  const parsed = parse(value, schema);
  requireStorable(parsed, "body", "bad-request");
  return parsed;
}
