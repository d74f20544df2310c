/** What doctor makes of the runs that it times. */
import { expect, test } from "vitest";
import { cutText, judge } from "./doctor.ts";

const done = { ok: true, detail: "4 iterations of LeNet-300-100 in 0.10 s" };
const failed = { ok: false, detail: "ResNet-8: out of memory" };
const cut = { ok: true, detail: cutText("ResNet-8", 12) };

test("an engine on which one net fails is not fine, and says which; one that was cut is", () => {
  expect(judge("a GPU", [done, failed])).toEqual({ ok: false, detail: `a GPU; ${done.detail}; ${failed.detail}` });
  expect(judge("a GPU", [done, cut])).toEqual({ ok: true, detail: `a GPU; ${done.detail}; ${cut.detail}` });
  expect(judge("a GPU", [done, done]).ok).toBe(true);
});

test("a run that was cut says how many iterations it did, if it could", () => {
  expect(cutText("ResNet-8", 12)).toBe("iteration 12 of ResNet-8 when it was cut after 4 s, its start included");
  expect(cutText("ResNet-8", null)).toBe("ResNet-8: cut, as after 4 s it did not say how far it was");
});
