import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Archive, digestOf } from "@ticketmark/core";
import { beforeEach, describe, expect, it } from "vitest";
import { unpack, type Wanted } from "./archive.ts";
import { longNames, tar, tarGz, zip } from "./archive-fixture.ts";
import { openZip } from "./zip.ts";

const never = new AbortController().signal;
/** Larger than what zlib and the file system hand on at once. */
const A = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) >> 3));
const B = Buffer.from("bytes of b");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-archive-"));
});

const want = (member: string | null, content: Uint8Array, to = "out"): Wanted => ({
  member,
  bytes: content.length,
  sha256: digestOf(content),
  to: join(folder, to),
});

async function unpacked(format: Archive["format"], bytes: Uint8Array, ...wanted: Wanted[]): Promise<string[]> {
  await writeFile(join(folder, "archive"), bytes);
  return unpack(join(folder, "archive"), format, wanted, never);
}

/** Fails with "bad-file" and `message`, and leaves nothing behind. */
async function refuses(format: Archive["format"], bytes: Uint8Array, message: RegExp, ...wanted: Wanted[]) {
  const refusal = { code: "bad-file", message: expect.stringMatching(message) };
  await expect(unpacked(format, bytes, ...wanted)).rejects.toMatchObject(refusal);
  expect(await readdir(folder)).toEqual(["archive"]);
}

const formats: [Archive["format"], Buffer, Wanted["member"]][] = [
  ["gz", gzipSync(A), null],
  [
    "tar.gz",
    tarGz({ name: "data/", type: "5" }, { name: "data/b", content: B }, { name: "data/a", content: A }),
    "data/a",
  ],
  ["zip", zip({ name: "data/b", content: B }, { name: "data/a", content: A }), "data/a"],
];

describe.each(formats)("%s", (format, bytes, member) => {
  it("gives the file that is named", async () => {
    expect(await unpacked(format, bytes, want(member, A))).toEqual([digestOf(A)]);
    expect(await readFile(join(folder, "out"))).toEqual(A);
    expect((await readdir(folder)).sort()).toEqual(["archive", "out"]);
    expect(await unpacked(format, bytes, { ...want(member, A), sha256: null })).toEqual([digestOf(A)]);
  });

  it("is refused when the file is not as it must be", async () => {
    await refuses(format, bytes, /expected 299999 bytes; it unpacks to/, { ...want(member, A), bytes: A.length - 1 });
    await refuses(format, bytes, /expected 300001 bytes; it unpacks to 300000/, { ...want(member, A), bytes: 300_001 });
    await refuses(format, bytes, /expected sha256 0{64}; it unpacks to/, {
      ...want(member, A),
      sha256: "0".repeat(64),
    });
  });

  it("is refused when cut off or damaged, wherever", async () => {
    for (const share of [0, 0.1, 0.5, 0.9]) {
      await refuses(format, bytes.subarray(0, bytes.length * share), /./, want(member, A));
    }
    const damaged = Buffer.from(bytes);
    damaged[bytes.length >> 1]! ^= 4;
    await refuses(format, damaged, /./, want(member, A));
    await refuses(format, Buffer.from("<html>not found</html>"), /expected/, want(member, A));
  });

  it("stops when told to", async () => {
    const stop = AbortSignal.abort(new Error("told to"));
    await writeFile(join(folder, "archive"), bytes);
    await expect(unpack(join(folder, "archive"), format, [want(member, A)], stop)).rejects.toThrow("told to");
    expect(await readdir(folder)).toEqual(["archive"]);
  });
});

it("refuses bombs at the first byte too many", async () => {
  const zeros = Buffer.alloc(100_000_000);
  const small = { member: "a", bytes: 10, sha256: null, to: join(folder, "out") };
  await refuses("gz", gzipSync(zeros), /expected 10 bytes; it unpacks to more/, { ...small, member: null });
  await refuses("zip", zip({ name: "a", content: zeros, bytes: 10 }), /expected 10 bytes; it unpacks to more/, small);
  await refuses("zip", zip({ name: "a", content: zeros }), /expected 10 bytes; it unpacks to more/, small);
  const before = tarGz({ name: "z", content: zeros }, { name: "a", content: Buffer.alloc(10) });
  await refuses("tar.gz", before, /expected at most \d+ bytes; it unpacks to more/, small);
});

describe("tar.gz", () => {
  it.each(["../evil", "a/../../evil", "/etc/evil", "C:evil", "..\\evil"])(
    "with a member %s is refused",
    async (name) => {
      await refuses(
        "tar.gz",
        tarGz({ name, content: B }, { name: "a", content: A }),
        /expected members inside/,
        want("a", A),
      );
    },
  );

  it.each(["1", "2", "3", "5"])("is refused where the file is of type %s", async (type) => {
    await refuses("tar.gz", tarGz({ name: "a", type }), /a: expected a plain file/, want("a", A));
  });

  it("with links and devices beside the file is read", async () => {
    const beside = ["1", "2", "3"].map((type) => ({ name: `beside-${type}`, type }));
    await unpacked("tar.gz", tarGz(...beside, { name: "a", content: A }), want("a", A));
    expect((await readdir(folder)).sort()).toEqual(["archive", "out"]);
  });

  it("names what is missing, and leaves nothing of what was there", async () => {
    const bytes = tarGz({ name: "a", content: A });
    await refuses("tar.gz", bytes, /expected b; not in it/, want("a", A), want("b", B, "b"));
  });

  it.each(["gnu", "pax"] as const)("has long names as %s writes them", async (form) => {
    const name = `${"folder/".repeat(40)}a`;
    const bytes = tarGz(longNames(name)[form], { name: name.slice(0, 99), content: A }, { name: "b", content: B });
    expect(await unpacked("tar.gz", bytes, want(name, A), want("b", B, "b"))).toEqual([digestOf(A), digestOf(B)]);
  });

  it.each(["0 path=\n", "00 path=\n", "7 path=\n", "9 path=b", "99 path=b\n"])(
    "is refused with a pax record %j, whose length is wrong",
    async (record) => {
      const header = { name: "x", type: "x", content: Buffer.from(`9 path=a\n${record}`) };
      await refuses("tar.gz", tarGz(header, { name: "a", content: A }), /expected pax records/, want("a", A));
    },
  );

  it("is refused with a header whose sum is wrong", async () => {
    const bytes = tar({ name: "a", content: A });
    bytes[0]! ^= 1;
    await refuses("tar.gz", gzipSync(bytes), /check sum/, want("a", A));
  });
});

describe("zip", () => {
  const plain = { name: "a", content: B };

  it.each([
    ["stored", { stored: true }],
    ["zip64", { wide: true }],
  ])("is read where its members are %s", async (_, change) => {
    await unpacked("zip", zip({ name: "b", content: A, ...change }, { ...plain, ...change }), want("a", B));
    expect(await readFile(join(folder, "out"))).toEqual(B);
  });

  it.each([
    ["a wrong CRC", /expected CRC 00000001; its bytes have/, { crc: 1 }],
    ["a link", /expected a plain file/, { mode: 0o120777 }],
    ["a device", /expected a plain file/, { mode: 0o020777 }],
    ["encryption", /expected a plain file/, { flags: 1 }],
    ["a path that leads out", /expected members inside/, { name: "../a" }],
    ["another name", /expected a; not in it/, { name: "A" }],
  ])("is refused with %s", async (_, message, change) => {
    await refuses("zip", zip({ ...plain, ...change }), message, want("a", B));
  });

  it("read member by member, is refused at the first byte more than a member declares", async () => {
    await writeFile(join(folder, "archive"), zip({ name: "a", content: A, bytes: 10 }));
    const { members, stream, close } = await openZip(join(folder, "archive"));
    const read = async () => {
      for await (const chunk of stream(members.get("a")!)) expect(chunk.length).toBeLessThanOrEqual(10);
    };
    await expect(read()).rejects.toMatchObject({ code: "bad-file", message: expect.stringMatching(/unpacks to more/) });
    await close();
  });

  it("is refused with two members of one name", async () => {
    await refuses("zip", zip(plain, { ...plain, content: A }), /"a" is there twice/, want("a", B));
  });
});
