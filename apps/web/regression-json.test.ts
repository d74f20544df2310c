import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, it } from "vitest";
import * as commit from "./app/api/v1/commits/[hash]/route.ts";
import * as compare from "./app/api/v1/compare/route.ts";
import * as regressions from "./app/api/v1/regressions/route.ts";
import { openAlert } from "./db/alerts.ts";
import { db } from "./db/client.ts";
import { addCommits } from "./db/commits.ts";
import { addTry } from "./db/investigations.ts";
import { alertEvents, alerts, commits, deliveries, investigations } from "./db/schema.ts";
import { call, expectProblem, prepareApi } from "./test-api.ts";
import { slower } from "./track/test-findings.ts";

beforeAll(() => {
  const data = mkdtempSync(join(tmpdir(), "ticketmark-regressions-"));
  Object.assign(process.env, {
    POSTGRES_URL: "pglite:memory",
    TICKETMARK_DATA: data,
    TICKETMARK_REPOSITORY: "https://example.org/r",
  });
});
prepareApi();

const hash = (i: number) => i.toString(16).padStart(2, "0").repeat(20);
beforeEach(async () => {
  const database = await db();
  for (const table of [deliveries, investigations, alertEvents, alerts, commits]) await database.delete(table);
  await addCommits(
    database,
    [1, 2].map((i) => ({
      ...{ hash: hash(i), parents: i === 1 ? [] : [hash(i - 1)], subject: `change ${i}`, author: "somebody" },
      committedAt: i * 1_000,
    })),
  );
});

const get = async (routes: Parameters<typeof call>[0], path: string, params: object = {}) =>
  call(routes, "GET", { path, ...params });

it("the overview's version changes with alerts and investigations, and else stays", async () => {
  const version = async () => JSON.parse((await get(regressions, "/regressions")).text).version as string;
  const empty = await version();
  expect(await version()).toBe(empty);
  await openAlert(await db(), { commit: hash(2), parent: hash(1), findings: [slower()] });
  const alerted = await version();
  await addTry(await db(), { base: hash(1), head: hash(2), pull: null, createdBy: "a maintainer" });
  const tried = await version();
  expect(new Set([empty, alerted, tried]).size).toBe(3);
  expect(JSON.parse((await get(regressions, "/regressions")).text)).toMatchObject({
    ...{ repository: { branch: "main", head: null }, alerts: { open: 1 } },
    investigations: [{ kind: "try", base: hash(1), head: hash(2) }],
  });
});

it("a commit is given by its first digits, with its relatives and its alert; what is none is refused", async () => {
  const { id } = await openAlert(await db(), { commit: hash(2), parent: hash(1), findings: [slower()] });
  const found = await call(commit, "GET", { hash: hash(2).slice(0, 8) } as never);
  expect(JSON.parse(found.text)).toMatchObject({
    ...{ hash: hash(2), subject: "change 2", parents: [hash(1)], children: [], testbeds: [], jobs: [] },
    alert: { id, state: "open" },
  });
  expectProblem(await call(commit, "GET", { hash: "0202" } as never), 400, "bad-request", "7 to 40 hex digits");
  expectProblem(await call(commit, "GET", { hash: hash(9) } as never), 404, "not-found");
});

it("compares two commits by name, and says what is missing of a question", async () => {
  const path = (base: string, head: string) => `/compare?base=${base}&head=${head}`;
  expect(JSON.parse((await get(compare, path(hash(1).slice(0, 7), hash(2)))).text)).toEqual({
    ...{ base: hash(1), head: hash(2), verdict: "No testbed ran the same at both commits.", testbeds: [] },
  });
  expectProblem(await get(compare, `/compare?base=${hash(1)}`), 400, "bad-request", "head");
  expectProblem(await get(compare, path(hash(1), "g".repeat(40))), 400, "bad-request", "hex");
  expectProblem(await get(compare, path("x".repeat(101), hash(1))), 400, "bad-request", "base");
});
