/** What doctor makes of the runs that it times. */
import { expect, test } from "vitest";
import { judge } from "./doctor.ts";

const done = { ok: true, detail: "4 iterations of LeNet-300-100 in 0.10 s" };
const failed = { ok: false, detail: "ResNet-8: out of memory" };
const cut = { ok: true, detail: "an epoch of ResNet-8 was cut: it takes more than 4 s" };

test("an engine on which one net fails is not fine, and says which; one that was cut is", () => {
  expect(judge("a GPU", [done, failed])).toEqual({ ok: false, detail: `a GPU; ${done.detail}; ${failed.detail}` });
  expect(judge("a GPU", [done, cut])).toEqual({ ok: true, detail: `a GPU; ${done.detail}; ${cut.detail}` });
  expect(judge("a GPU", [done, done]).ok).toBe(true);
});
