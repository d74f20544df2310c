import { expect, it } from "vitest";
import { firstOf, lastOf, storable } from "./storable.ts";

it("text of any program becomes text that can be stored, as long as it was", () => {
  expect(storable("größer 🙂\n")).toBe("größer 🙂\n");
  expect(storable("bad \0 byte, \ud83d half, \ude42 other half")).toBe(
    "bad \ufffd byte, \ufffd half, \ufffd other half",
  );
});

it("text is cut between characters, never within one", () => {
  expect([3, 2, 1].map((length) => firstOf("a🙂", length))).toEqual(["a🙂", "a", "a"]);
  expect([3, 2, 1].map((length) => lastOf("🙂b", length))).toEqual(["🙂b", "b", "b"]);
});
