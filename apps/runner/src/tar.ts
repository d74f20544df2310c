/**
 * Reads a tar file as it comes in: ustar headers (POSIX.1-2001), with pax ("x") and GNU ("L") headers for long names. Only
 * what a data set's archive is made of; nothing is written by what a header says. Own code, since the reader on npm brings
 * five packages along and no types.
 * https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 */
import { Problem } from "@ticketmark/core";
import { isInside } from "./zip.ts";

const BLOCK = 512;
/** Of a header that holds a long name. */
const MAX_HEADER_BYTES = 64 * 1024;

export interface TarMember {
  readonly name: string;
  readonly bytes: number;
  /** Neither folder, link nor device. */
  readonly plain: boolean;
  /** Its bytes, while it is the current member: what is left unread is skipped. */
  readonly content: AsyncIterable<Buffer>;
}

/** Yields each member. Throws Problem "bad-file"; also once more than `most` bytes came in. `where` names the archive. */
export async function* readTar(chunks: AsyncIterable<Buffer>, most: number, where: string): AsyncGenerator<TarMember> {
  const input = new Input(chunks, most, where);
  let longName: string | null = null;
  let longBytes: number | null = null;
  try {
    for (;;) {
      const header = await input.take(BLOCK);
      if (header.every((byte) => byte === 0)) return; // the end; what follows is padding
      checkSum(header, where);
      const type = String.fromCharCode(header[156]!);
      const declared = longBytes ?? numberAt(header, 124, 12, where);
      if (type === "x" || type === "g" || type === "L" || type === "K") {
        const bytes = numberAt(header, 124, 12, where);
        if (bytes > MAX_HEADER_BYTES)
          throw new Problem(
            "bad-file",
            `${where}: expected headers of at most ${MAX_HEADER_BYTES} bytes; got ${bytes}`,
          );
        const text = await input.take(bytes);
        await input.skip(padding(bytes));
        if (type === "L") longName = textAt(text, 0, bytes);
        if (type === "x") {
          const records = paxRecords(text, where);
          longName = records.get("path") ?? longName;
          if (records.has("size")) longBytes = parseSize(records.get("size")!, 10, where);
        }
        continue;
      }
      const prefix =
        header.toString("latin1", 257, 262) === "ustar" && header[262] === 0 ? textAt(header, 345, 155) : "";
      const short = textAt(header, 0, 100);
      const name = longName ?? (prefix ? `${prefix}/${short}` : short);
      if (!isInside(name))
        throw new Problem("bad-file", `${where}: expected members inside it; there is ${JSON.stringify(name)}`);
      const plain = "07\0".includes(type) && !name.endsWith("/");
      const bytes = /[1-6]/.test(type) ? 0 : declared; // links, devices and folders have none, whatever they declare
      const end = input.position + bytes;
      yield { name, bytes, plain, content: input.content(end) };
      await input.skip(end - input.position + padding(bytes));
      longName = longBytes = null;
    }
  } finally {
    await input.close();
  }
}

const padding = (bytes: number) => (BLOCK - (bytes % BLOCK)) % BLOCK;

/** Up to the first NUL. */
function textAt(bytes: Buffer, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}

const numberAt = (header: Buffer, at: number, length: number, where: string) =>
  parseSize(textAt(header, at, length).trim(), 8, where);

function parseSize(text: string, radix: 8 | 10, where: string): number {
  const size = /^\d{1,15}$/.test(text) ? Number.parseInt(text, radix) : Number.NaN;
  if (Number.isSafeInteger(size)) return size;
  throw new Problem("bad-file", `${where}: expected a size in a header; got ${JSON.stringify(text)}`);
}

/** The sum of a header's bytes, its own field counted as blanks. */
function checkSum(header: Buffer, where: string): void {
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (textAt(header, 148, 8).trim() === "" || numberAt(header, 148, 8, where) !== sum)
    throw new Problem(
      "bad-file",
      `${where}: expected a tar header whose check sum is ${sum.toString(8)}; it is not a tar file, or damaged`,
    );
}

/** Records "LENGTH KEY=VALUE\n", the length counting itself. */
function paxRecords(bytes: Buffer, where: string): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const [, length, key] = /^(\d{1,6}) ([^=\n]+)=/.exec(bytes.toString("utf8", at, at + 300)) ?? [];
    const end = at + Number(length);
    const value = at + String(length).length + Buffer.byteLength(key ?? "") + 2;
    if (!key || !(value < end && end <= bytes.length && bytes[end - 1] === 10))
      throw new Problem("bad-file", `${where}: expected pax records`);
    records.set(key, bytes.toString("utf8", value, end - 1));
    at = end;
  }
  return records;
}

/** Cuts a stream of chunks where it is told to. */
class Input {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #most: number;
  readonly #where: string;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes given out. */
  position = 0;

  constructor(chunks: AsyncIterable<Buffer>, most: number, where: string) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#most = most;
    this.#where = where;
  }

  /** Some bytes, up to `length` of them. Throws Problem at the end. */
  async some(length: number): Promise<Buffer> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#chunks.next();
      if (done)
        throw new Problem("bad-file", `${this.#where}: expected more after ${this.position} bytes of tar; cut off`);
      this.#rest = value;
    }
    const part = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(part.length);
    this.position += part.length;
    if (this.position > this.#most)
      throw new Problem("bad-file", `${this.#where}: expected at most ${this.#most} bytes; it unpacks to more`);
    return part;
  }

  async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = length; left > 0; left -= parts.at(-1)!.length) parts.push(await this.some(left));
    return Buffer.concat(parts);
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) left -= (await this.some(left)).length;
  }

  async *content(end: number): AsyncGenerator<Buffer> {
    while (this.position < end) yield await this.some(end - this.position);
  }

  /** Lets go of what the chunks come from. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
