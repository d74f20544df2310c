/** Packed bytes through zlib, chunk by chunk: what zlib says of bytes that are damaged or cut off is a Problem. */
import { pipeline, Readable, type Transform } from "node:stream";
import { Problem } from "@ticketmark/core";

/** `inflate`: a new zlib stream. It is destroyed when the consumer stops. Throws Problem "bad-file" naming `where`. */
export async function* inflated(
  packed: AsyncIterable<Buffer>,
  inflate: Transform,
  where: string,
): AsyncGenerator<Buffer> {
  try {
    yield* pipeline(Readable.from(packed), inflate, () => {}) as AsyncIterable<Buffer>; // iterating it throws what failed
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith("Z_")) throw error;
    throw new Problem("bad-file", `${where}: expected whole packed bytes: ${message}`, { cause: error });
  }
}
