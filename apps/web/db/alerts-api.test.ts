/** Alerts as the world reads them: the API and the feed, through the routes. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as alert from "../app/api/v1/alerts/[id]/route.ts";
import * as alerts from "../app/api/v1/alerts/route.ts";
import * as feed from "../app/regressions/feed.xml/route.ts";
import { asMaintainer, asRunner, call, expectProblem, prepareApi } from "../test-api.ts";
import { behaviour, slower } from "../track/test-findings.ts";
import { changeAlert, openAlert } from "./alerts.ts";
import { db } from "./client.ts";
import { commits } from "./schema.ts";

const hash = (digit: string) => digit.repeat(40);

beforeAll(() => {
  const data = mkdtempSync(join(tmpdir(), "ticketmark-alerts-api-"));
  Object.assign(process.env, { POSTGRES_URL: "pglite:memory", TICKETMARK_DATA: data });
});
prepareApi();
beforeEach(async () => {
  await (await db()).execute(sql`truncate alerts, alert_events, deliveries, commits cascade`);
});

const open = async (digit: string, findings = [slower()]) =>
  (await openAlert(await db(), { commit: hash(digit), parent: hash("b"), findings })).id;

describe("the API", () => {
  it("lists alerts newest first, page by page and by state", async () => {
    const ids = [await open("1"), await open("2"), await open("3", [behaviour({ kind: "intended" })])];
    const first = await call(alerts, "GET", { path: "/alerts?limit=2" });
    expect(first.headers.get("access-control-allow-origin")).toBe("*");
    const page = JSON.parse(first.text);
    expect(page.alerts.map(({ id }: { id: string }) => id)).toEqual([ids[2], ids[1]]);
    expect(page.alerts[0]).not.toHaveProperty("seq");
    const rest = JSON.parse((await call(alerts, "GET", { path: `/alerts?limit=2&after=${page.next}` })).text);
    expect([rest.alerts.length, rest.alerts[0].id, rest.next]).toEqual([1, ids[0], null]);
    const intended = JSON.parse((await call(alerts, "GET", { path: "/alerts?state=intended" })).text).alerts;
    expect(intended.map(({ id }: { id: string }) => id)).toEqual([ids[2]]);
    expectProblem(await call(alerts, "GET", { path: "/alerts?state=lost" }), 400, "bad-request", "state");
    expectProblem(await call(alerts, "POST", { headers: asMaintainer }), 405, "method-not-allowed");
  });

  it("shows one in numbers and words, with what became of it", async () => {
    const id = await open("1");
    await changeAlert(await db(), id, { state: "resolved", reason: "fixed", by: "ada" });
    const shown = JSON.parse((await call(alert, "GET", { id })).text);
    expect(shown).toMatchObject({
      ...{ id, state: "resolved", located: false, subject: null },
      title: expect.stringMatching(/^between bbbbbbb and 1111111: /),
      findings: [{ change: 0.1022, text: expect.stringMatching(/8 rounds, p 0\.0078$/) }],
      events: [{ state: "resolved", reason: "fixed", by: "ada" }],
    });
    expectProblem(await call(alert, "GET", { id: crypto.randomUUID() }), 404, "not-found");
    expectProblem(await call(alert, "GET", { id: "1" }), 404, "not-found");
  });

  it("lets a maintainer decide, with a reason, and nobody else", async () => {
    const id = await open("1");
    const post = (body: unknown, headers: Record<string, string> = asMaintainer) =>
      call(alert, "POST", { id, body, headers });
    const change = { state: "intended", reason: " safer loops " };
    expectProblem(await post(change, {}), 401, "unauthorized");
    expectProblem(await post(change, asRunner()), 401, "unauthorized");
    expectProblem(await post({ ...change, reason: " " }), 400, "bad-request", "reason");
    expectProblem(await post({ ...change, reason: "\0" }), 400, "bad-request");
    expectProblem(await post({ ...change, state: "gone" }), 400, "bad-request", "state");
    expectProblem(await post({ ...change, by: "ada" }), 400, "bad-request");
    expect((await post(change)).status).toBe(200);
    expectProblem(await post(change), 409, "conflict");
    const { events } = JSON.parse((await call(alert, "GET", { id })).text);
    expect(events).toMatchObject([{ state: "intended", reason: "safer loops", by: "first maintainer" }]);
  });
});

describe("the feed", () => {
  const read = (headers: Record<string, string> = {}) => call(feed, "GET", { headers });

  it("is there before there is an alert", async () => {
    const { text, headers } = await read();
    expect(headers.get("content-type")).toBe("application/atom+xml; charset=utf-8");
    expect(text).toContain("<updated>1970-01-01T00:00:00.000Z</updated>");
    expect(text).not.toContain("<entry>");
  });

  it("has the latest fifty, under ids that stay, and is sent again only when it changed", async () => {
    const ids: string[] = [];
    for (let n = 1; n <= 51; n++) {
      const confirmed = { commit: n.toString(16).padStart(40, "0"), parent: hash("b"), findings: [slower()] };
      ids.push((await openAlert(await db(), confirmed)).id);
    }
    const first = await read();
    const shown = [...first.text.matchAll(/<id>urn:uuid:(.*)<\/id>/g)].map(([, id]) => id);
    expect(shown).toEqual(ids.toReversed().slice(0, 50));
    const etag = first.headers.get("etag")!;
    expect((await read({ "if-none-match": etag })).status).toBe(304);
    await changeAlert(await db(), ids[50]!, { state: "resolved", reason: "fixed", by: "ada" });
    const second = await read({ "if-none-match": etag });
    expect(second.status).toBe(200);
    expect(second.text).toContain('<category term="resolved"/>');
    expect(wellFormed(second.text)).toBe(true);
  });

  it("holds nothing that breaks it, whatever a subject is", async () => {
    await (await db()).insert(commits).values({
      ...{ hash: hash("1"), parents: [hash("b")], author: "\u0001 <a href='x'>\"A\"</a> \ufffe" },
      ...{ subject: "]]> & </content><script>alert(1)</script> 🎟", committedAt: new Date(0) },
    });
    const id = await open("1", [slower({ name: "a & b <c>" })]);
    const { text } = await read({ "x-forwarded-host": 'evil"/><x a="', host: "evil<x>" });
    expect(text).toContain(`<id>urn:uuid:${id}</id>`);
    expect(text).toContain("]]&gt; &amp; &lt;/content&gt;&lt;script&gt;alert(1)&lt;/script&gt; 🎟");
    expect(text).toContain("by \ufffd &lt;a href='x'&gt;&quot;A&quot;&lt;/a&gt; \ufffd");
    expect(text).toContain("<title>1111111: iteration time of a &amp; b &lt;c&gt; rose by 10.2 %");
    expect(text).toContain('href="http://site.test/regressions/feed.xml"');
    expect(wellFormed(text)).toBe(true);
  });

  it("has links as the reader's proxy has them", async () => {
    const id = await open("1");
    const { text } = await read({ "x-forwarded-proto": "https", "x-forwarded-host": "public.test" });
    expect(text).toContain(`href="https://public.test/regressions/alerts/${id}"`);
  });
});

/** Every tag is closed by its own, and between them stands nothing but text and entities. */
function wellFormed(text: string): boolean {
  const open: string[] = [];
  const token =
    /<\?xml [^<>]*\?>|<(\/?)([a-z]+)((?: [a-z]+="[^"<>]*"| xmlns="[^"]*")*)(\/?)>|(?:[^<>&]|&(?:amp|lt|gt|quot);)+/gy;
  let end = 0;
  for (const [whole, closes, name, , empty] of text.matchAll(token)) {
    end += whole.length;
    if (name === undefined || empty) continue;
    if (!closes) open.push(name);
    else if (open.pop() !== name) return false;
  }
  return end === text.length && open.length === 0;
}
