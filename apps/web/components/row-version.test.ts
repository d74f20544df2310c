import { expect, test } from "vitest";
import { rowVersion } from "./row-version.ts";

test("a new row and a finished check are changes; another order is none", () => {
  const first = { id: "a", level: "signed", check: null };
  const before = rowVersion([first, { id: "b", level: "checked", check: { ok: true } }]);
  expect(rowVersion([{ id: "b", level: "checked", check: { ok: true } }, first])).toBe(before);
  expect(
    rowVersion([
      { ...first, level: "checked", check: { ok: true } },
      { id: "b", level: "checked", check: {} },
    ]),
  ).not.toBe(before);
  expect(rowVersion([first])).not.toBe(before);
});
