/** A site that follows no repository, or shares no secret with GitHub, says so where somebody tells of commits. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newKeyPair } from "@ticketmark/core";
import { beforeAll, expect, it } from "vitest";
import * as enrolmentTokens from "./app/api/v1/enrolment-tokens/route.ts";
import * as scans from "./app/api/v1/scans/route.ts";
import * as tries from "./app/api/v1/tries/route.ts";
import * as webhook from "./app/api/v1/webhooks/github/route.ts";
import { ask, asMaintainer, call, enrol, expectProblem, prepareApi } from "./test-api.ts";

beforeAll(() => {
  const data = mkdtempSync(join(tmpdir(), "ticketmark-no-repository-"));
  Object.assign(process.env, { POSTGRES_URL: "pglite:memory", TICKETMARK_DATA: data });
});
prepareApi();

it("takes no commits and starts no tries", async () => {
  const made = await call(enrolmentTokens, "POST", { body: { trusted: true }, headers: asMaintainer });
  const { bearer } = JSON.parse((await enrol(JSON.parse(made.text).token, newKeyPair())).text);
  const headers = { authorization: `Bearer ${bearer}` };
  const body = { repository: "https://example.org/r", branches: [], commits: [] };
  expectProblem(await call(scans, "POST", { body, headers }), 404, "not-found", "TICKETMARK_REPOSITORY");
  expectProblem(await call(webhook, "POST", { body: {} }), 404, "not-found", "TICKETMARK_REPOSITORY");
  const wish = { commit: "0".repeat(40) };
  expectProblem(
    await call(tries, "POST", { body: wish, headers: asMaintainer }),
    404,
    "not-found",
    "TICKETMARK_REPOSITORY",
  );
  expect((await ask()).scan).toBeNull();
});
