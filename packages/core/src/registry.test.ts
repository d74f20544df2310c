import { expect, test } from "vitest";
import { registry } from "./registry.ts";

test("a registry knows its members by id, in their order", () => {
  const letters = registry("letter", [{ id: "b" }, { id: "a" }]);
  expect(letters.ids).toEqual(["b", "a"]);
  expect(letters.get("a")).toBe(letters.list[1]);
});

test("an unknown id is a problem that names those there are; two equal ids are a bug", () => {
  const letters = registry("letter", [{ id: "a" }, { id: "b" }], "not-found");
  expect(() => letters.get("toString")).toThrow(
    expect.objectContaining({ code: "not-found", message: 'letter: expected one of a, b; got "toString"' }),
  );
  expect(() => registry("letter", [{ id: "a" }, { id: "a" }])).toThrow("two letters with one id");
});

test("a member of one's own is added at the end; a taken id or none at all is refused, and nothing is lost", () => {
  const letters = registry("letter", [{ id: "b" }]);
  letters.add({ id: "a-2" });
  expect([letters.ids, letters.get("a-2")]).toEqual([["b", "a-2"], letters.list[1]]);
  expect(() => letters.add({ id: "b" })).toThrow(expect.objectContaining({ code: "conflict" }));
  expect(() => letters.add({ id: "No Id" })).toThrow(expect.objectContaining({ code: "bad-request" }));
  expect(letters.ids).toEqual(["b", "a-2"]);
});
