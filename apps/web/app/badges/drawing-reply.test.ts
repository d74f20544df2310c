/** Badges, drawings and frames of a series as other sites get them, and its CSV and JSON. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { groupDigest, parseSpec, seriesId, specDigest, type Testbed, testbedDigest } from "@ticketmark/core";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { db } from "../../db/client.ts";
import { addCommits } from "../../db/commits.ts";
import { addJob } from "../../db/jobs.ts";
import { addResult } from "../../db/results.ts";
import { alerts, branches, commits } from "../../db/schema.ts";
import { addRunner, clear, someDigest, someJob, takeJob } from "../../db/test-databases.ts";
import { call, expectProblem, spec as input, prepareApi } from "../../test-api.ts";
import * as oneSeries from "../api/v1/series/[id]/route.ts";
import * as allSeries from "../api/v1/series/route.ts";
import * as embeds from "../embed/series/[id]/route.ts";
import * as csv from "../regressions/series/[id]/series.csv/route.ts";
import * as openAlerts from "./regressions.svg/route.ts";
import * as badges from "./series/[id]/route.ts";

beforeAll(() => {
  const data = mkdtempSync(join(tmpdir(), "ticketmark-series-"));
  Object.assign(process.env, { POSTGRES_URL: "pglite:memory", TICKETMARK_DATA: data });
});
prepareApi();

const SUBJECT = `</text><script>alert(1)</script>`;
const spec = parseSpec(input);
const testbed: Testbed = {
  ...{ cpu: `<b>"cpu"`, cores: 2, memoryBytes: 2 ** 33, os: "linux", arch: "x64", node: "v20", engine: "cpu" },
  ...{ compiler: "gcc", threads: null, key: "0".repeat(64) },
};
const id = seriesId(groupDigest(spec), testbedDigest(testbed), "iteration-time");
const hash = (i: number) => i.toString(16).padStart(40, "0");

/** Two commits, 2 ms and 3 ms. */
beforeEach(async () => {
  const at = await db();
  for (const table of [alerts, branches, commits]) await at.delete(table);
  const told = { subject: SUBJECT, author: "somebody", committedAt: 0 };
  await addCommits(at, [
    { ...told, hash: hash(0), parents: [] },
    { ...told, hash: hash(1), parents: [hash(0)] },
  ]);
  await at.insert(branches).values({ name: "main", head: hash(1) });
  const runner = await addRunner(at, "desk");
  for (const i of [0, 1]) {
    await addJob(at, someJob({ spec }));
    const result = { outcome: "completed", numerics: 1, trace: { head: "same", blocks: 1 }, message: null } as never;
    await addResult(at, {
      ...(await takeJob(at, runner)),
      ...{ spec, result, specDigest: specDigest(spec), groupDigest: groupDigest(spec), keyId: someDigest() },
      ...{ resultDigest: someDigest(), envelope: new Uint8Array([1]), envelopeDigest: someDigest(), files: [] },
      point: { commit: hash(i), testbed, values: { "iteration-time": 2 + i }, tracked: true },
    });
  }
});

it("a badge says the newest value and its change, to any page, for a minute", async () => {
  const badge = await call(badges, "GET", { id: `${id}.svg` });
  expect(badge.text).toContain("<title>iteration time: 3 ms +50.0 %, not confirmed</title>");
  expect(Object.fromEntries(badge.headers)).toMatchObject({
    "content-type": "image/svg+xml; charset=utf-8",
    "cache-control": "public, max-age=60",
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
  });
  expect(badge.headers.get("set-cookie")).toBeNull();
  const again = await call(badges, "GET", {
    id: `${id}.svg`,
    headers: { "if-none-match": badge.headers.get("etag")! },
  });
  expect([again.status, again.text]).toEqual([304, ""]);
});

it("counts open alerts on a badge", async () => {
  expect((await call(openAlerts, "GET")).text).toContain("regressions: none");
  await (await db()).insert(alerts).values({ commit: hash(1), parent: hash(0), findings: [] });
  expect((await call(openAlerts, "GET")).text).toContain("regressions: 1 open");
  await (await db()).delete(alerts);
  await clear(await db());
  expect((await call(openAlerts, "GET")).text).toContain("regressions: nothing measured yet");
});

it("a frame may stand on any page, and nothing in it runs, submits or comes from what was told", async () => {
  const frame = await call(embeds, "GET", { id, headers: { cookie: "theme=dark; session=x" } });
  expect(frame.headers.get("content-type")).toBe("text/html; charset=utf-8");
  const csp = frame.headers.get("content-security-policy")!;
  expect(csp).toContain("frame-ancestors *");
  expect(csp).toContain("default-src 'none'");
  expect(csp).toContain("form-action 'none'");
  expect(csp).not.toContain("script-src");
  expect(frame.text).not.toMatch(/<script|<form|<button|<b>/);
  expect(frame.text).toContain(`href="/regressions/series/${id}"`);
});

it("a drawing is a file of its own, with a size; a part of it by commits", async () => {
  const drawing = await call(embeds, "GET", { id: `${id}.svg` });
  expect(drawing.text).toMatch(/^<svg [^>]*width="1080" height="440"><style>/);
  expect(drawing.text).not.toContain("<script");
  expect(drawing.text).toContain(hash(0).slice(0, 7));
  expect(drawing.headers.get("content-type")).toContain("image/svg+xml");
});

it("what there is not is said as an image, as text, as a problem", async () => {
  const badge = await call(badges, "GET", { id: "nothing.svg" });
  expect([badge.status, badge.text.slice(0, 4)]).toEqual([404, "<svg"]);
  const frame = await call(embeds, "GET", { id: "<script>" });
  expect([frame.status, frame.headers.get("content-type")]).toEqual([404, "text/plain; charset=utf-8"]);
  expectProblem(await call(oneSeries, "GET", { id: "nothing" }), 404, "not-found", "there is none");
  expectProblem(await call(csv, "GET", { id: "nothing" }), 404, "not-found");
});

it("is public as JSON and CSV", async () => {
  const { series } = JSON.parse((await call(allSeries, "GET")).text);
  expect(series).toMatchObject([{ id, commits: 2, latest: { commit: hash(1), value: 3, before: 2, change: 0.5 } }]);
  const one = JSON.parse((await call(oneSeries, "GET", { id })).text);
  expect(one.points.map(({ value }: { value: number }) => value)).toEqual([2, 3]);
  expect(one.onTestbed).toEqual(testbed);
  const { text } = await call(csv, "GET", { id });
  expect(text).toBe(`commit,iteration-time\r\n${hash(0)},2\r\n${hash(1)},3\r\n`);
});
