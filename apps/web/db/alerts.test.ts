import { Problem } from "@ticketmark/core";
import { asc, sql } from "drizzle-orm";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { behaviour, slower } from "../track/test-findings.ts";
import { alertCounts, changeAlert, findAlert, listAlerts, openAlert } from "./alerts.ts";
import type { Db } from "./client.ts";
import { commits, deliveries } from "./schema.ts";
import { testServers } from "./test-databases.ts";

const hash = (digit: string) => digit.repeat(40);
const [commit, parent, before] = [hash("c"), hash("b"), hash("a")];

beforeAll(() => {
  Object.assign(process.env, {
    TICKETMARK_REPOSITORY: "https://github.com/octo/ticketmark",
    TICKETMARK_ALERT_URL: "http://127.0.0.1:9/hook",
    TICKETMARK_GITHUB_TOKEN: "token",
    TICKETMARK_ORIGIN: "https://site.test/",
  });
});

describe.each(await testServers())("on $name", (server) => {
  let db: Db;
  beforeAll(async () => {
    const database = await server.empty();
    await database.migrate();
    db = database.db;
  });
  beforeEach(async () => {
    await db.execute(sql`truncate alerts, alert_events, deliveries, commits cascade`);
    await db.insert(commits).values({
      ...{ hash: commit, parents: [parent], subject: "Faster | <loops>", author: "A" },
      committedAt: new Date(0),
    });
  });

  const open = (...findings: Parameters<typeof openAlert>[1]["findings"][number][]) =>
    openAlert(db, { commit, parent, findings });
  const outbox = () =>
    db
      .select({ target: deliveries.target, subject: deliveries.subject, body: deliveries.body })
      .from(deliveries)
      .orderBy(asc(deliveries.target), asc(deliveries.subject));
  const told = async () => (await outbox()).map(({ target, subject }) => `${target} ${subject}`);

  it("opens one alert a commit, with what the graph knows of it, and tells each place once", async () => {
    const { id, isNew } = await open(slower());
    expect(isNew).toBe(true);
    const alert = await findAlert(db, id);
    expect(alert).toMatchObject({ commit, parent, firstParent: parent, state: "open", subject: "Faster | <loops>" });
    expect(alert).toMatchObject({ findings: [slower()], events: [] });
    const [check, webhook] = await outbox();
    expect(check).toMatchObject({ target: "github-check", subject: `alert/${id}/1`, body: { sha: commit } });
    expect(webhook).toMatchObject({ target: "webhook", subject: `alert/${id}/1` });
    const url = `https://site.test/regressions/alerts/${id}`;
    expect(webhook!.body).toMatchObject({ type: "alert", url, alert: { id, located: true, findings: [slower()] } });
    expect((webhook!.body as { text: string }).text).toMatch(/^ccccccc: iteration time of .* rose by 10\.2 % .*\.$/);
  });

  it("takes the next finding of the commit in; the same series again replaces its line", async () => {
    const { id } = await open(slower());
    expect(await open(behaviour())).toEqual({ id, isNew: false });
    await open(slower({ change: 0.12, rounds: 12 }));
    const { findings } = await findAlert(db, id);
    expect(findings).toEqual([slower({ change: 0.12, rounds: 12 }), behaviour()]);
    await open(slower({ testbed: "3".repeat(64) }));
    expect((await findAlert(db, id)).findings).toHaveLength(3);
    const revisions = [1, 2, 3, 4].map((n) => `webhook alert/${id}/${n}`);
    expect(await told()).toEqual([`github-check alert/${id}/4`, ...revisions]); // GitHub shows the last state alone
  });

  it("says nothing twice", async () => {
    const { id } = await open(slower(), behaviour());
    const first = await findAlert(db, id);
    await open(behaviour());
    await open(slower(), behaviour());
    expect(await findAlert(db, id)).toEqual(first);
    expect(await told()).toHaveLength(2);
  });

  it("needs nobody where nothing got worse, until something does", async () => {
    const better = slower({ kind: "improvement", change: -0.1, metric: "peak-memory" });
    const { id } = await open(better);
    expect(await findAlert(db, id)).toMatchObject({ state: "resolved", events: [{ reason: "nothing got worse" }] });
    await open(behaviour({ kind: "intended" }));
    expect((await findAlert(db, id)).state).toBe("intended");
    await open(slower());
    const alert = await findAlert(db, id);
    expect(alert.state).toBe("open");
    expect(alert.events.map(({ state, by }) => [state, by])).toEqual([
      ["resolved", "this site"],
      ["intended", "this site"],
      ["open", "this site"],
    ]);
  });

  it("calls other bits intended where NUMERICS was raised with them", async () => {
    const { id } = await open(behaviour({ kind: "intended" }));
    const events = [{ state: "intended", reason: "NUMERICS was raised with it", by: "this site" }];
    expect(await findAlert(db, id)).toMatchObject({ state: "intended", events });
  });

  it("reopens nothing that a person closed", async () => {
    const { id } = await open(slower());
    await changeAlert(db, id, { state: "resolved", reason: "fixed in the next one", by: "ada" });
    await open(behaviour());
    const { state, events, findings } = await findAlert(db, id);
    expect({ state, events: events.length, findings: findings.length }).toEqual({
      state: "resolved",
      events: 1,
      findings: 2,
    });
  });

  it("is held against the nearest commit that every finding holds for", async () => {
    const { id } = await openAlert(db, { commit, parent: before, findings: [slower()] });
    await open(behaviour());
    expect((await findAlert(db, id)).parent).toBe(before);
    await open(slower(), behaviour()); // both were located
    expect((await findAlert(db, id)).parent).toBe(parent);
    await openAlert(db, { commit, parent: before, findings: [slower({ metric: "peak-memory" })] });
    expect((await findAlert(db, id)).parent).toBe(before);
  });

  it("leaves neither alert nor message where the transaction fails", async () => {
    const broken = slower({ name: "\0" }); // which Postgres cannot store
    await expect(open(broken)).rejects.toThrow();
    expect([await told(), (await listAlerts(db, { limit: 1 })).alerts]).toEqual([[], []]);
  });

  it("keeps what people decided, each time", async () => {
    const { id } = await open(slower());
    await changeAlert(db, id, { state: "acknowledged", reason: "looking", by: "ada" });
    await changeAlert(db, id, { state: "intended", reason: "safer loops", by: "bob" });
    const again = changeAlert(db, id, { state: "intended", reason: "once more", by: "bob" });
    await expect(again).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("intended already"),
    });
    const nobody = changeAlert(db, crypto.randomUUID(), { state: "open", reason: "?", by: "bob" });
    await expect(nobody).rejects.toBeInstanceOf(Problem);
    await expect(nobody).rejects.toMatchObject({ code: "not-found" });
    const { state, events } = await findAlert(db, id);
    expect(state).toBe("intended");
    expect(events.map(({ reason, by }) => [reason, by])).toEqual([
      ["looking", "ada"],
      ["safer loops", "bob"],
    ]);
    expect(await told()).toHaveLength(2); // a person's word is no message
  });

  it("lists newest first, page by page and by state, and counts", async () => {
    for (const digit of ["1", "2", "3"]) await openAlert(db, { commit: hash(digit), parent, findings: [slower()] });
    const first = await listAlerts(db, { limit: 2 });
    expect(first.alerts.map((alert) => [alert.commit[0], alert.subject])).toEqual([
      ["3", null],
      ["2", null],
    ]);
    const last = await listAlerts(db, { limit: 2, after: first.next! });
    expect([last.alerts.map((alert) => alert.commit[0]), last.next]).toEqual([["1"], null]);
    await changeAlert(db, first.alerts[0]!.id, { state: "acknowledged", reason: "looking", by: "ada" });
    await changeAlert(db, first.alerts[1]!.id, { state: "resolved", reason: "done", by: "ada" });
    expect((await listAlerts(db, { state: "open", limit: 9 })).alerts).toHaveLength(1);
    expect(await alertCounts(db)).toEqual({ open: 1, acknowledged: 1, resolved: 1, intended: 0 });
  });
});
