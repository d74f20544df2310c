/** For tests: small archives of the formats that data sets come in, sound ones and others. */
import { crc32, deflateRawSync, gzipSync } from "node:zlib";

export interface TarEntry {
  readonly name: string;
  readonly content?: Uint8Array;
  /** "0" a file, "2" a symbolic link, "3" a device, "5" a folder, "x" a pax header, "L" a GNU one. */
  readonly type?: string;
}

export const tarGz = (...entries: TarEntry[]): Buffer => gzipSync(tar(...entries));

export function tar(...entries: TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, content = Buffer.alloc(0), type = "0" }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write("0000644\0", 100);
    header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("        ", 148);
    header.write(type, 156);
    if (type === "2") header.write("/etc/passwd", 157);
    header.write("ustar\x0000", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** As GNU tar and as pax write a name that a header has no room for. */
export const longNames = (name: string): Record<"gnu" | "pax", TarEntry> => {
  const record = (length: number) => `${length} path=${name}\n`;
  let length = 0;
  while (record(length).length !== length) length = record(length).length;
  return {
    gnu: { name: "././@LongLink", type: "L", content: Buffer.from(`${name}\0`) },
    pax: { name: "PaxHeaders/x", type: "x", content: Buffer.from(record(length)) },
  };
};

export interface ZipEntry {
  readonly name: string;
  readonly content: Uint8Array;
  readonly stored?: boolean;
  /** Sizes and place in the zip64 extra field. */
  readonly wide?: boolean;
  /** What is declared instead of the truth. */
  readonly crc?: number;
  readonly bytes?: number;
  /** Unix mode; a plain file's if left out. */
  readonly mode?: number;
  readonly flags?: number;
}

export function zip(...entries: ZipEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, content, stored, wide, mode = 0o100644, flags = 0, ...declared } of entries) {
    const packed = stored ? Buffer.from(content) : deflateRawSync(content);
    const bytes = declared.bytes ?? content.length;
    const common = Buffer.alloc(26); // version needed … extra length
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(stored ? 0 : 8, 4);
    common.writeUInt32LE(declared.crc ?? crc32(content), 10);
    common.writeUInt32LE(wide ? 0xffffffff : packed.length, 14);
    common.writeUInt32LE(wide ? 0xffffffff : bytes, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.from("PK\x03\x04", "latin1");
    files.push(local, common, Buffer.from(name), packed);

    const extra = Buffer.alloc(wide ? 28 : 0);
    if (wide) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      for (const [i, value] of [bytes, packed.length, at].entries()) extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
    }
    const entry = Buffer.alloc(46);
    entry.write("PK\x01\x02", 0, "latin1");
    entry.writeUInt8(3, 5); // made on Unix
    common.copy(entry, 6);
    entry.writeUInt16LE(extra.length, 30);
    entry.writeUInt16LE(mode, 40);
    entry.writeUInt32LE(wide ? 0xffffffff : at, 42);
    directory.push(entry, Buffer.from(name), extra);
    at += 30 + Buffer.byteLength(name) + packed.length;
  }
  const list = Buffer.concat(directory);
  return Buffer.concat([
    ...files,
    list,
    ...endOf(
      list.length,
      at,
      entries.some(({ wide }) => wide),
    ),
  ]);
}

function endOf(bytes: number, at: number, wide: boolean): Buffer[] {
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", 0, "latin1");
  end.writeUInt32LE(wide ? 0xffffffff : bytes, 12);
  end.writeUInt32LE(wide ? 0xffffffff : at, 16);
  if (!wide) return [end];
  const record = Buffer.alloc(56);
  record.write("PK\x06\x06", 0, "latin1");
  record.writeBigUInt64LE(BigInt(bytes), 40);
  record.writeBigUInt64LE(BigInt(at), 48);
  const locator = Buffer.alloc(20);
  locator.write("PK\x06\x07", 0, "latin1");
  locator.writeBigUInt64LE(BigInt(at + bytes), 8);
  return [record, locator, end];
}
