import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { shellWord } from "./shell-word.ts";

it("is read back by a shell as it was, and quoted only where it must be", () => {
  expect(shellWord("https://example.org:8443/a/b.git")).toBe("https://example.org:8443/a/b.git");
  const words = ["/srv/a folder/it's", "$(echo no)", "`x`\\", "a\n;b", "~", "*", "#", '"', ""];
  const printed = execFileSync("sh", ["-c", `printf '%s|' ${words.map(shellWord).join(" ")}`], { encoding: "utf8" });
  expect(printed).toBe(words.map((word) => `${word}|`).join(""));
});
