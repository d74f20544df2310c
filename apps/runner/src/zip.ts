/**
 * Reads members of a zip file, one at a time, out of a file that may be hostile: sizes are bounded by what the directory
 * declares and by what the caller expects, and the CRC is checked. Stored and deflated members, zip64; nothing encrypted, no
 * links, no several disks. Own code, since the readers on npm leave the CRC to the caller and carry no types.
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (6.3.10), the sections named below.
 */
import { type FileHandle, open } from "node:fs/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { Problem } from "@ticketmark/core";
import { inflated } from "./inflate.ts";

/** The end record, and the longest comment behind it (4.3.16). */
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;
/** Of a directory: Tiny ImageNet's takes about 12 MB. */
const MAX_DIRECTORY_BYTES = 256 * 2 ** 20;
/** Packed bytes read at once. */
const CHUNK = 1 << 16;
const IN_ZIP64 = 0xffffffff;
const STORED = 0;
const DEFLATED = 8;
const UNIX_TYPE = 0o170000;
const UNIX_FILE = 0o100000;

export interface ZipMember {
  /** Path in the archive, with "/"; a folder's ends with one. */
  readonly name: string;
  /** Unpacked. */
  readonly bytes: number;
  readonly packedBytes: number;
  readonly crc: number;
  readonly method: number;
  readonly encrypted: boolean;
  /** Anything but a plain file or a folder. */
  readonly special: boolean;
  /** Of its local header, in the file. */
  readonly at: number;
}

export interface Zip {
  /** By name. */
  readonly members: ReadonlyMap<string, ZipMember>;
  /** The member's bytes, unpacked and checked. Throws Problem "bad-file" as soon as there are too many, and at the end. */
  stream(member: ZipMember): AsyncGenerator<Buffer>;
  close(): Promise<void>;
}

/** Does the path stay inside the folder that it is unpacked into, on every system? */
export const isInside = (path: string): boolean =>
  path !== "" && !path.startsWith("/") && !/[\\\0]|^[A-Za-z]:/.test(path) && !path.split("/").includes("..");

/** Reads the directory. Throws Problem "bad-file". */
export async function openZip(path: string): Promise<Zip> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const members = parseDirectory(await readDirectory(file, size, path), path);
    return { members, stream: (member) => streamMember(file, size, member, path), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

const bad = (path: string, what: string) => new Problem("bad-file", `${path}: ${what}`);

async function readAt(file: FileHandle, at: number, length: number, path: string): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, at);
  if (bytesRead === length) return buffer;
  throw bad(path, `expected ${length} bytes at ${at}; the file ends after ${bytesRead} of them`);
}

/** The central directory's bytes: where the end record (4.3.16), or its zip64 form (4.3.14), says they are. */
async function readDirectory(file: FileHandle, size: number, path: string): Promise<Buffer> {
  const length = Math.min(size, END_BYTES + LONGEST_COMMENT);
  const tail = await readAt(file, size - length, length, path);
  let end = length - END_BYTES;
  while (
    end >= 0 &&
    !(tail.readUInt32LE(end) === 0x06054b50 && tail.readUInt16LE(end + 20) === length - end - END_BYTES)
  )
    end--;
  if (end < 0) throw bad(path, "expected a zip file; there is no end record: it is something else, or cut off");
  let bytes = tail.readUInt32LE(end + 12);
  let at = tail.readUInt32LE(end + 16);
  if (end >= 20 && tail.readUInt32LE(end - 20) === 0x07064b50) {
    const record = await readAt(file, Number(tail.readBigUInt64LE(end - 12)), 56, path);
    if (record.readUInt32LE(0) !== 0x06064b50) throw bad(path, "expected a zip64 end record where its locator points");
    bytes = Number(record.readBigUInt64LE(40));
    at = Number(record.readBigUInt64LE(48));
  }
  if (bytes > MAX_DIRECTORY_BYTES || at + bytes > size)
    throw bad(
      path,
      `expected a directory of at most ${MAX_DIRECTORY_BYTES} bytes inside ${size}; it has ${bytes} at ${at}`,
    );
  return readAt(file, at, bytes, path);
}

/** 4.3.12. Two members of one name, or one that leads out of the archive, are no archive that anybody published. */
function parseDirectory(directory: Buffer, path: string): Map<string, ZipMember> {
  const members = new Map<string, ZipMember>();
  for (let at = 0; at < directory.length; ) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== 0x02014b50)
      throw bad(path, `expected an entry at byte ${at} of its directory`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field));
    const nameEnd = at + 46 + nameLength!;
    const next = nameEnd + extraLength! + commentLength!;
    if (next > directory.length) throw bad(path, `expected a whole entry at byte ${at} of its directory`);
    const name = directory.toString("utf8", at + 46, nameEnd);
    if (!isInside(name)) throw bad(path, `expected members inside it; there is ${JSON.stringify(name)}`);
    if (members.has(name)) throw bad(path, `expected each member once; ${JSON.stringify(name)} is there twice`);
    // 4.5.3: what does not fit into 32 bits follows in the extra field, in this order.
    const wide = zip64Values(directory.subarray(nameEnd, nameEnd + extraLength!));
    const [bytes, packedBytes, start] = [24, 20, 42].map((field) => {
      const value = directory.readUInt32LE(at + field);
      return value === IN_ZIP64 ? Number(wide.shift() ?? IN_ZIP64) : value;
    });
    const unixType = directory.readUInt16LE(at + 40) & UNIX_TYPE || UNIX_FILE; // 0: made elsewhere than on Unix
    members.set(name, {
      name,
      bytes: bytes!,
      packedBytes: packedBytes!,
      crc: directory.readUInt32LE(at + 16),
      method: directory.readUInt16LE(at + 10),
      encrypted: (directory.readUInt16LE(at + 8) & 1) === 1,
      special: directory.readUInt8(at + 5) === 3 && !name.endsWith("/") && unixType !== UNIX_FILE,
      at: start!,
    });
    at = next;
  }
  return members;
}

function zip64Values(extra: Buffer): bigint[] {
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === 1 && end <= extra.length) {
      return Array.from({ length: (end - at - 4) >> 3 }, (_, i) => extra.readBigUInt64LE(at + 4 + 8 * i));
    }
    at = end;
  }
  return [];
}

async function* streamMember(file: FileHandle, size: number, member: ZipMember, path: string): AsyncGenerator<Buffer> {
  const where = `${path}: ${member.name}`;
  if (member.special || member.encrypted || (member.method !== STORED && member.method !== DEFLATED))
    throw new Problem("bad-file", `${where}: expected a plain file, stored or deflated`);
  const header = await readAt(file, member.at, 30, path); // 4.3.7
  if (header.readUInt32LE(0) !== 0x04034b50)
    throw new Problem("bad-file", `${where}: expected its header at ${member.at}`);
  const start = member.at + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (start + member.packedBytes > size)
    throw new Problem("bad-file", `${where}: expected ${member.packedBytes} bytes; cut off`);

  const packed = chunksOf(file, start, member.packedBytes, path);
  let bytes = 0;
  let crc = 0;
  for await (const chunk of member.method === STORED ? packed : inflated(packed, createInflateRaw(), where)) {
    bytes += chunk.length;
    if (bytes > member.bytes) break;
    crc = crc32(chunk, crc);
    yield chunk;
  }
  if (bytes !== member.bytes)
    throw new Problem(
      "bad-file",
      `${where}: expected ${member.bytes} bytes; it unpacks to ${bytes > member.bytes ? "more" : bytes}`,
    );
  if (crc !== member.crc)
    throw new Problem("bad-file", `${where}: expected CRC ${hex(member.crc)}; its bytes have ${hex(crc)}`);
}

const hex = (crc: number) => crc.toString(16).padStart(8, "0");

async function* chunksOf(file: FileHandle, start: number, length: number, path: string): AsyncGenerator<Buffer> {
  for (let done = 0; done < length; done += CHUNK)
    yield await readAt(file, start + done, Math.min(CHUNK, length - done), path);
}
