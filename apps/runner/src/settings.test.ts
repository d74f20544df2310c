import { chmod, mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MOST_THREADS } from "@ticketmark/core";
import { beforeEach, describe, expect, it } from "vitest";
import { ensureKey, readKey } from "./keys.ts";
import { parseServer, readEnrolment, readSettings, readTracking, writeEnrolment } from "./settings.ts";

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "ticketmark-settings-")), "data");
});

const mode = async (path: string) => (await stat(path)).mode & 0o777;

describe("readSettings", () => {
  it("puts one home before the XDG folders, and an option before both", () => {
    const env = { TICKETMARK_HOME: "/h", XDG_DATA_HOME: "/d", XDG_CACHE_HOME: "/c" };
    expect(readSettings({}, env)).toEqual({
      data: "/h",
      cache: "/h/cache",
      dataDir: "/h/cache/data",
      native: true,
      threads: null,
      token: null,
    });
    expect(readSettings({ data: "/mine" }, env).data).toBe("/mine");
    expect(readSettings({}, { ...env, TICKETMARK_HOME: "" })).toMatchObject({
      data: "/d/ticketmark",
      cache: "/c/ticketmark",
    });
    expect(readSettings({}, { ...env, TICKETMARK_DATA_DIR: "/sets" }).dataDir).toBe("/sets");
    expect(readSettings({ dataDir: "/mine" }, { ...env, TICKETMARK_DATA_DIR: "/sets" }).dataDir).toBe("/mine");
  });

  it("takes as many threads as the engine does", () => {
    expect(readSettings({}, { TICKETMARK_THREADS: `${MOST_THREADS}` }).threads).toBe(MOST_THREADS);
  });

  it("reads switches and refuses what they cannot mean", () => {
    expect(readSettings({}, { TICKETMARK_NATIVE: "0", TICKETMARK_THREADS: "3" })).toMatchObject({
      native: false,
      threads: 3,
    });
    expect(readSettings({ threads: 2 }, { TICKETMARK_THREADS: "3" }).threads).toBe(2);
    expect(() => readSettings({}, { TICKETMARK_NATIVE: "no" })).toThrow(/TICKETMARK_NATIVE/);
    for (const threads of ["0", "1.5", "many", "65", "100"]) {
      expect(() => readSettings({}, { TICKETMARK_THREADS: threads })).toThrow(/TICKETMARK_THREADS/);
    }
  });
});

describe("readTracking", () => {
  it("is nothing by default, and all of what a repository needs with one", () => {
    expect(readTracking({ repository: undefined, branch: undefined })).toBeNull();
    const defaults = { branches: ["main"], pulls: false, diskBytes: 20e9, environment: {} };
    const repository = "https://example.com/a/b.git";
    expect(readTracking({ repository }, {})).toEqual({ repository, ...defaults });
    const all = { repository, branch: ["a", "b/c"], allowPullRequests: true, diskLimit: "0.5" };
    const read = { repository, branches: ["a", "b/c"], pulls: true, diskBytes: 0.5e9, environment: {} };
    expect(readTracking(all, {})).toEqual(read);
  });

  it("takes addresses as they are, and paths from where it is", () => {
    for (const address of ["ssh://git@example.com/a", "git@example.com:a/b", "file:///tmp/a"])
      expect(readTracking({ repository: address })!.repository).toBe(address);
    expect(readTracking({ repository: "." })!.repository).toBe(process.cwd());
    expect(readTracking({ repository: "/tmp/../tmp/a" })!.repository).toBe("/tmp/a");
  });

  it("names the option that is wrong, or has nothing to be about", () => {
    const repository = "/tmp/a";
    expect(() => readTracking({ allowPullRequests: true })).toThrow(/--repository: expected a repository, which/);
    expect(() => readTracking({ repository, branch: ["-x"] })).toThrow(/--branch: expected the name of a branch/);
    for (const diskLimit of ["0", "much", ""])
      expect(() => readTracking({ repository, diskLimit })).toThrow(/--disk-limit: /);
  });
});

describe("parseServer", () => {
  it("takes an address down to its origin, and nothing but http", () => {
    expect(parseServer("http://127.0.0.1:3000/runners")).toBe("http://127.0.0.1:3000");
    for (const bad of ["", "localhost:3000", "ftp://example.com", "file:///etc/passwd"]) {
      expect(() => parseServer(bad)).toThrow(/server: expected/);
    }
  });
});

describe("enrolment", () => {
  const enrolment = {
    server: "http://127.0.0.1:3000",
    runnerId: "0b8f1f9e-3f0e-4a53-9c0e-0c3f5f8f2d11",
    keyId: "a".repeat(64),
    bearer: "b".repeat(40),
    name: "bench",
  };

  it("is kept where only its owner can read it", async () => {
    expect(await readEnrolment(folder)).toBeNull();
    await writeEnrolment(folder, enrolment);
    expect(await readEnrolment(folder)).toEqual(enrolment);
    expect(await mode(folder)).toBe(0o700);
    expect(await mode(join(folder, "runner.json"))).toBe(0o600);
  });

  it("names the fault in a file someone has changed", async () => {
    await writeEnrolment(folder, enrolment);
    await writeFile(join(folder, "runner.json"), JSON.stringify({ ...enrolment, bearer: 5 }));
    await expect(readEnrolment(folder)).rejects.toThrow(/runner\.json: bearer/);
    await writeFile(join(folder, "runner.json"), "{");
    await expect(readEnrolment(folder)).rejects.toThrow(/runner\.json: expected JSON/);
  });
});

describe("key", () => {
  it("is made once, also by processes that start together", async () => {
    const keys = await Promise.all(Array.from({ length: 5 }, () => ensureKey(folder)));
    for (const key of keys) expect(key).toEqual(keys[0]);
    expect(await readKey(folder)).toEqual(keys[0]);
    expect(await mode(join(folder, "key"))).toBe(0o600);
  });

  it("is refused when others can read it, or its halves differ", async () => {
    await ensureKey(folder);
    const path = join(folder, "key");
    const text = await readFile(path, "utf8");
    await writeFile(path, text.replace(/"privateKey":"..../, '"privateKey":"AAAA'));
    await expect(readKey(folder)).rejects.toThrow(/do not belong together/);
    await writeFile(path, text);
    await chmod(path, 0o644);
    await expect(readKey(folder)).rejects.toThrow(/chmod 600/);
  });
});
