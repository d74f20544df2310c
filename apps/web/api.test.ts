/** The API's edges: who may, what is refused at the door, and the public JSON. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyIdOf, newKeyPair, suiteStatusSchema } from "@ticketmark/core";
import { beforeAll, describe, expect, it } from "vitest";
import * as nowhere from "./app/api/[...path]/route.ts";
import * as enrolmentTokens from "./app/api/v1/enrolment-tokens/route.ts";
import * as cancel from "./app/api/v1/jobs/[id]/cancel/route.ts";
import * as job from "./app/api/v1/jobs/[id]/route.ts";
import * as jobs from "./app/api/v1/jobs/route.ts";
import * as envelopes from "./app/api/v1/results/[id]/envelope/route.ts";
import * as result from "./app/api/v1/results/[id]/route.ts";
import * as results from "./app/api/v1/results/route.ts";
import * as distrust from "./app/api/v1/runners/[id]/distrust/route.ts";
import * as drain from "./app/api/v1/runners/[id]/drain/route.ts";
import * as resume from "./app/api/v1/runners/[id]/resume/route.ts";
import * as revoke from "./app/api/v1/runners/[id]/revoke/route.ts";
import * as trust from "./app/api/v1/runners/[id]/trust/route.ts";
import * as runners from "./app/api/v1/runners/route.ts";
import * as suites from "./app/api/v1/suites/[id]/route.ts";
import { db } from "./db/client.ts";
import { addSession } from "./db/tokens.ts";
import { hashSecret, newSecret } from "./secret.ts";
import {
  asMaintainer,
  asRunner,
  call,
  enrol,
  enrolmentToken,
  expectProblem,
  maintainer,
  prepareApi,
  queue,
  spec,
} from "./test-api.ts";

beforeAll(() => {
  const data = mkdtempSync(join(tmpdir(), "ticketmark-api-"));
  Object.assign(process.env, { POSTGRES_URL: "pglite:memory", TICKETMARK_DATA: data });
});
prepareApi();

describe("enrolment", () => {
  it("takes a token once, and the same runner again", async () => {
    const token = await enrolmentToken();
    const other = newKeyPair();
    const first = await enrol(token, other);
    expect(first.status).toBe(201);
    expect(JSON.parse(first.text)).toMatchObject({ keyId: keyIdOf(other.publicKey) });
    const again = JSON.parse((await enrol(token, other)).text);
    expect(again.runnerId).toBe(JSON.parse(first.text).runnerId);
    expectProblem(await enrol(token, newKeyPair()), 401, "unauthorized", "another runner");
  });

  it("wants a token that was made and a proof by the key", async () => {
    expectProblem(await enrol(newSecret()), 401, "unauthorized");
    expectProblem(await enrol(await enrolmentToken(), newKeyPair(), newKeyPair()), 400, "bad-signature");
  });

  it("looks at the token before it checks a signature", async () => {
    expectProblem(await enrol(newSecret(), newKeyPair(), newKeyPair()), 401, "unauthorized");
  });

  it("refuses JSON that is nested without end", async () => {
    const body = "[".repeat(200_000) + "]".repeat(200_000);
    expectProblem(await call(runners, "POST", { body }), 400, "bad-request", "nested");
  });
});

describe("maintainers", () => {
  const sessionHeaders = async () => {
    const session = newSecret();
    await addSession(await db(), hashSecret(session), hashSecret(maintainer));
    return { cookie: `theme=dark; ticketmark-session=${session}`, host: "site.test" };
  };

  it("queue jobs from this site's pages, not from another site's", async () => {
    const headers = await sessionHeaders();
    const post = (more: Record<string, string>) =>
      call(jobs, "POST", { body: { spec }, headers: { ...headers, ...more } });
    expect((await post({ "sec-fetch-site": "same-origin" })).status).toBe(201);
    expect((await post({ origin: "http://site.test" })).status).toBe(201);
    expectProblem(await post({ "sec-fetch-site": "cross-site" }), 403, "forbidden");
    expectProblem(await post({ "sec-fetch-site": "same-site" }), 403, "forbidden");
    expectProblem(await post({ origin: "http://evil.test" }), 403, "forbidden");
    expectProblem(await post({}), 403, "forbidden");
  });

  it("are nobody without a token, and a runner is none", async () => {
    for (const [routes, params] of [
      [jobs, {}],
      [suites, { id: "quickstart" }],
      [enrolmentTokens, {}],
      [drain, { id: crypto.randomUUID() }],
      [trust, { id: crypto.randomUUID() }],
      [distrust, { id: crypto.randomUUID() }],
      [resume, { id: crypto.randomUUID() }],
      [revoke, { id: crypto.randomUUID() }],
      [cancel, { id: await queue() }],
    ] as const) {
      expectProblem(await call(routes, "POST", { body: {}, ...params }), 401, "unauthorized");
      expectProblem(await call(routes, "POST", { body: {}, ...params, headers: asRunner() }), 401, "unauthorized");
    }
  });

  it("hear every fault of a spec", async () => {
    const bad = { ...spec, sparsity: 2, seed: -1 };
    const reply = await call(jobs, "POST", { body: { spec: bad }, headers: asMaintainer });
    expectProblem(reply, 400, "bad-spec", "sparsity");
    expect(reply.text).toContain("seed");
  });

  it("queue a suite once", async () => {
    const post = () => call(suites, "POST", { id: "quickstart", headers: asMaintainer });
    const first = JSON.parse((await post()).text);
    expect(first).toMatchObject({ suite: "quickstart", existing: 0 });
    expect(first.queued).toBeGreaterThan(10);
    expect(JSON.parse((await post()).text)).toEqual({
      suite: "quickstart",
      queued: 0,
      requeued: 0,
      existing: first.queued,
    });
    expectProblem(await call(suites, "POST", { id: "none", headers: asMaintainer }), 404, "not-found");
    const body = {
      classes: [
        { name: "a", train: 1, test: 1 },
        { name: "b", train: 1, test: 1 },
      ],
    };
    expectProblem(
      await call(suites, "POST", { id: "quickstart", body, headers: asMaintainer }),
      400,
      "bad-request",
      "classes",
    );
  });

  it("queue again what of a suite was cancelled; anyone sees where it stands", async () => {
    const status = async () =>
      suiteStatusSchema.parse(JSON.parse((await call(suites, "GET", { id: "quickstart" })).text));
    const before = await status();
    expect(new Set(before.specs.map(({ state }) => state))).toEqual(new Set(["missing"]));
    await call(suites, "POST", { id: "quickstart", headers: asMaintainer });
    const [first, ...others] = (await status()).specs;
    await call(cancel, "POST", { id: first!.jobId!, body: {}, headers: asMaintainer });
    expect((await status()).specs.map(({ state }) => state)).toEqual(["cancelled", ...others.map(() => "queued")]);
    const again = JSON.parse((await call(suites, "POST", { id: "quickstart", headers: asMaintainer })).text);
    expect(again).toMatchObject({ queued: 0, requeued: 1, existing: others.length });
    expect((await status()).specs[0]).toMatchObject({ state: "queued", jobId: first!.jobId });
    expectProblem(await call(suites, "GET", { id: "none" }), 404, "not-found");
  });
});

describe("public JSON", () => {
  it("comes in pages with opaque cursors", async () => {
    const ids = [await queue(), await queue(), await queue()].reverse();
    const page = async (query: string) => JSON.parse((await call(jobs, "GET", { path: `/jobs?${query}` })).text);
    const first = await page("limit=2");
    const second = await page(`limit=2&after=${first.next}`);
    expect([...first.jobs, ...second.jobs].map(({ id }) => id)).toEqual(ids);
    expect(second.next).toBeNull();
    expect((await page("state=done")).jobs).toEqual([]);
    for (const query of ["limit=0", "limit=201", "limit=x", "after=%00", "after=1", "state=none"])
      expectProblem(await call(jobs, "GET", { path: `/jobs?${query}` }), 400, "bad-request");
  });

  it("lists jobs with the number of their classes, and has the classes where one job is asked for", async () => {
    const classes = ["a", "b"].map((name) => ({ name, train: 300, test: 1 }));
    const id = await queue({ dataset: "imagenet", classes, model: "resnet-18-imagenet", method: "dense" });
    const listed = JSON.parse((await call(jobs, "GET")).text).jobs[0];
    expect(listed).toMatchObject({ id, classCount: 2, spec: { dataset: "imagenet" } });
    expect(listed.spec).not.toHaveProperty("classes");
    const whole = JSON.parse((await call(job, "GET", { id })).text);
    expect(whole).toMatchObject({ classCount: 2, spec: { ...listed.spec, classes } });
    const other = await queue();
    expect(JSON.parse((await call(job, "GET", { id: other })).text).classCount).toBeNull();
  });

  it("answers 304 to who has it, and anything else anew", async () => {
    const first = await call(jobs, "GET", { path: "/jobs" });
    const etag = first.headers.get("etag")!;
    const ask = (tag: string) => call(jobs, "GET", { path: "/jobs", headers: { "if-none-match": tag } });
    expect(await ask(etag)).toMatchObject({ status: 304, text: "" });
    expect((await ask(`"x", W/${etag}`)).status).toBe(304);
    expect((await ask('"x"')).status).toBe(200);
    await queue();
    expect((await ask(etag)).status).toBe(200);
    expect(first.headers.get("access-control-allow-origin")).toBe("*");
  });

  it("says what is not there and what cannot be done", async () => {
    for (const routes of [job, result, envelopes]) {
      expectProblem(await call(routes, "GET", { id: "7" }), 404, "not-found");
      expectProblem(await call(routes, "GET", { id: crypto.randomUUID() }), 404, "not-found");
    }
    expectProblem(await call(results, "DELETE"), 405, "method-not-allowed", "GET");
    expectProblem(await call(nowhere, "POST", { path: "/none" }), 404, "not-found", "/api/v1/none");
  });
});

describe("guessers", () => {
  // Last: what is counted against them lasts a minute.
  it("stops answering wrong tokens after twenty, whatever address they claim; right ones still work", async () => {
    const from = (n: number) => ({ "x-forwarded-for": `203.0.113.${n}` });
    const guess = (n: number) =>
      call(enrolmentTokens, "POST", { headers: { authorization: `Bearer ${newSecret()}`, ...from(n) } });
    for (let n = 0; n < 20; n++) await guess(n);
    expectProblem(await guess(21), 429, "too-many-requests");
    expect((await call(enrolmentTokens, "POST", { headers: { ...asMaintainer, ...from(21) } })).status).toBe(201);
    expect((await call(enrolmentTokens, "POST", { headers: asMaintainer })).status).toBe(201);
    const token = await enrolmentToken();
    expectProblem(await enrol(token, newKeyPair(), newKeyPair()), 429, "too-many-requests");
    expect((await enrol(token)).status).toBe(201);
  });
});
