/** What programs without a maintainer's token are told. */
import { expect, test } from "vitest";
import { requireMaintainer } from "./session.ts";

const asked = (headers: Record<string, string>) =>
  requireMaintainer(new Request("http://site/api/v1/jobs", { headers }));

test("without a token the next step is named; what cannot be a token is called one that nobody has", async () => {
  await expect(asked({})).rejects.toMatchObject({
    code: "unauthorized",
    message: expect.stringMatching(/TICKETMARK_TOKEN/),
  });
  await expect(asked({ authorization: "Bearer WRONG" })).rejects.toMatchObject({
    code: "unauthorized",
    message: "token: expected a maintainer's token; there is none like this one",
  });
});
