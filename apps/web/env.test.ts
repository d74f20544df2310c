import { join } from "node:path";
import { expect, it } from "vitest";
import { readEnv } from "./env.ts";

const root = join(import.meta.dirname, "../..");
const bad = (text: string) => expect.objectContaining({ code: "bad-settings", message: expect.stringContaining(text) });

it("keeps everything in .data of the repository, wherever the site is started", () => {
  for (const cwd of [root, import.meta.dirname])
    expect(readEnv({}, cwd)).toEqual({
      root,
      data: join(root, ".data"),
      databaseUrl: `pglite:${join(root, ".data/db")}`,
      tokenFile: join(root, ".data/maintainer-token"),
      leaseSeconds: 120,
      heartbeatSeconds: 15,
      retrySeconds: 10,
      trustProxy: false,
      repository: null,
      branches: ["main"],
      webhookSecret: null,
      alerts: null,
      github: null,
      origin: null,
    });
});

it("reads what is set; empty is unset", () => {
  const set = { TICKETMARK_DATA: "/srv/t", TICKETMARK_LEASE_SECONDS: "2.5", POSTGRES_URL: "" };
  expect(readEnv(set, root)).toMatchObject({ data: "/srv/t", databaseUrl: "pglite:/srv/t/db", leaseSeconds: 2.5 });
  expect(readEnv({ POSTGRES_URL: "pglite:memory" }, root).databaseUrl).toBe("pglite:memory");
  expect(readEnv({ POSTGRES_URL: "pglite:here" }, import.meta.dirname).databaseUrl).toBe(
    `pglite:${join(root, "here")}`,
  );
});

it("keeps the token of another database in another file", () => {
  const fileOf = (POSTGRES_URL: string) => readEnv({ POSTGRES_URL }, root).tokenFile;
  expect(fileOf("")).toBe(join(root, ".data/maintainer-token"));
  expect(fileOf("pglite:/tmp/otherdb")).toBe(join(root, ".data/maintainer-token-c03db394"));
  expect(fileOf("pglite:memory")).not.toBe(fileOf("pglite:/tmp/otherdb"));
});

it("names each variable that is wrong, in one line, and no password", () => {
  const wrong = { POSTGRES_URL: "mysql://me:secret@host/x", TICKETMARK_RETRY_SECONDS: "soon" };
  expect(() => readEnv(wrong, root)).toThrow(bad("POSTGRES_URL: expected pglite:DIR or postgres://"));
  expect(() => readEnv(wrong, root)).toThrow(bad("TICKETMARK_RETRY_SECONDS"));
  expect(() => readEnv(wrong, root)).not.toThrow(/secret|\n/);
  expect(() => readEnv({}, "/")).toThrow(bad("drizzle/"));
});

it("takes an address as it is and a path from the root; branches are a list", () => {
  const repositoryOf = (TICKETMARK_REPOSITORY: string) => readEnv({ TICKETMARK_REPOSITORY }, root).repository;
  expect(repositoryOf(".")).toBe(root);
  expect(repositoryOf("/srv/x.git")).toBe("/srv/x.git");
  for (const address of ["https://example.org/a/b.git", "git@example.org:a/b.git"])
    expect(repositoryOf(address)).toBe(address);
  expect(() => repositoryOf("https://me:secret@example.org/a")).toThrow(bad("without user or password"));
  expect(readEnv({ TICKETMARK_BRANCHES: "main, next" }, root).branches).toEqual(["main", "next"]);
  expect(() => readEnv({ TICKETMARK_BRANCHES: "--upload-pack=x" }, root)).toThrow(bad("TICKETMARK_BRANCHES"));
  expect(() => readEnv({ TICKETMARK_WEBHOOK_SECRET: "short" }, root)).toThrow(bad("at least 16 characters"));
});
