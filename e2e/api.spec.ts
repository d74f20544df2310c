/** The public JSON: shapes, pages, ETags, problems; and one folder, one site. */
import { createHash } from "node:crypto";
import { freePort } from "./site.ts";
import { expect, test, toySpec } from "./test.ts";

const DIGEST = /^[0-9a-f]{64}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test.beforeAll(async ({ site, runner }) => {
  expect(runner.alive()).toBe(true);
  const ids = [await site.queue(toySpec(201)), await site.queue(toySpec(202))];
  for (const id of ids) await site.untilState(id, "done");
});

test("results come newest first, in pages, with metrics, level, digests and key", async ({ site }) => {
  const all = await site.get("/results");
  expect(all.results.length).toBeGreaterThanOrEqual(2);
  expect(all.results[0]).toMatchObject({
    id: expect.stringMatching(UUID),
    jobId: expect.stringMatching(UUID),
    spec: { dataset: "toy", model: "lenet-300-100", seed: 202 },
    outcome: "completed",
    level: expect.stringMatching(/^(signed|checked)$/),
    metrics: { accuracy: { last: { total: 200 } } },
    resultDigest: expect.stringMatching(DIGEST),
    ticketDigest: expect.stringMatching(DIGEST),
    trainedDigest: expect.stringMatching(DIGEST),
    keyId: expect.stringMatching(DIGEST),
  });
  const first = await site.get("/results?limit=1");
  expect(first.results).toHaveLength(1);
  const second = await site.get(`/results?limit=1&after=${encodeURIComponent(first.next)}`);
  expect([first.results[0].id, second.results[0].id]).toEqual(all.results.slice(0, 2).map((r: { id: string }) => r.id));
});

test("a result's files and envelope are the bytes that its digests name", async ({ site }) => {
  const [{ id, resultDigest, ticketDigest, envelopeDigest }] = (await site.get("/results?limit=1")).results;
  const whole = await site.get(`/results/${id}`);
  expect(whole.id).toBe(id);
  const digestOfReply = async (path: string) => {
    const response = await fetch(`${site.origin}/api/v1${path}`);
    expect(response.status).toBe(200);
    return createHash("sha256")
      .update(new Uint8Array(await response.arrayBuffer()))
      .digest("hex");
  };
  expect(await digestOfReply(`/files/${resultDigest}`)).toBe(resultDigest);
  expect(await digestOfReply(`/files/${ticketDigest}`)).toBe(ticketDigest);
  expect(await digestOfReply(`/results/${id}/envelope`)).toBe(envelopeDigest);
});

test("an ETag saves the body the second time", async ({ site }) => {
  for (const path of ["/results", "/jobs"]) {
    const url = `${site.origin}/api/v1${path}`;
    const first = await fetch(url);
    const etag = first.headers.get("etag");
    expect(etag).toBeTruthy();
    const second = await fetch(url, { headers: { "if-none-match": etag! } });
    expect(second.status).toBe(304);
    expect(await second.text()).toBe("");
    expect((await fetch(url, { headers: { "if-none-match": '"another"' } })).status).toBe(200);
  }
});

test("what is wrong is answered with problem JSON", async ({ site }) => {
  const cases: [path: string, init: RequestInit, status: number, title: string][] = [
    ["/results/00000000-0000-4000-8000-000000000000", {}, 404, "not-found"],
    ["/nothing", {}, 404, "not-found"],
    ["/results?limit=0", {}, 400, "bad-request"],
    ["/results?after=%00", {}, 400, "bad-request"],
    ["/results", { method: "DELETE" }, 405, "method-not-allowed"],
    ["/jobs", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" }, 401, "unauthorized"],
    ["/claim", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" }, 401, "unauthorized"],
  ];
  for (const [path, init, status, title] of cases) {
    const response = await fetch(`${site.origin}/api/v1${path}`, init);
    expect([path, response.status]).toEqual([path, status]);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    expect(await response.json()).toMatchObject({ status, title, detail: expect.stringMatching(/./) });
  }
});

test("a second site on the same folder is refused, with a clear line, and the first goes on", async ({ site }) => {
  const second = site.spawn(await freePort());
  await expect.poll(second.alive, { timeout: 30_000 }).toBe(false);
  expect(second.child.exitCode).not.toBe(0);
  expect(second.output()).toContain(site.data);
  expect(second.output()).toMatch(/in use/i);
  await site.untilState(await site.queue(toySpec(203)), "done");
});
