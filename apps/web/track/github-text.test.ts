import { describe, expect, it } from "vitest";
import type { AlertView } from "../db/alerts.ts";
import { checkOfAlert, code } from "./github-text.ts";
import { behaviour, slower } from "./test-findings.ts";

const [commit, parent] = ["c".repeat(40), "b".repeat(40)];
const alert = (more: Partial<AlertView>): AlertView => ({
  ...{ id: "a", seq: 1, commit, parent, firstParent: parent, state: "open", findings: [slower()] },
  ...{ subject: null, author: null, committedAt: null, openedAt: new Date(0), updatedAt: new Date(0) },
  ...more,
});

describe("what came from outside", () => {
  it("stands in a code span that it cannot leave", () => {
    expect(code("@octo #1 <img src=x> [a](b)")).toBe("`@octo #1 <img src=x> [a](b)`");
    expect(code("`a` ``b``")).toBe("``` `a` ``b`` ```");
    expect(code("a | b \\| c")).toBe("`a ¦ b \\¦ c`");
    expect(code("one\r\n\n# two\u2028three\u202efour\0")).toBe("`one # two three four`");
    expect(code(" \n")).toBe("");
  });

  it("is cut, and no character in half", () => {
    const long = code("🎟".repeat(1_000));
    expect(long.length).toBeLessThanOrEqual(502);
    expect(long).toMatch(/^`(?:🎟)+…`$/u);
  });
});

describe("a check", () => {
  it("is as bad as the worst finding", () => {
    const of = (...findings: AlertView["findings"]) => checkOfAlert(alert({ findings }), null).conclusion;
    const [better, meant] = [slower({ kind: "improvement" }), behaviour({ kind: "intended" })];
    expect(of(better, slower())).toBe("failure");
    expect(of(meant, behaviour())).toBe("failure");
    expect(of(better, meant)).toBe("neutral");
    expect(of(better)).toBe("success");
  });

  it("is no more certain of the commit than the alert is", () => {
    const { summary } = checkOfAlert(alert({ subject: "Faster `loops`" }), "https://site.test/x");
    expect(summary.split("\n\n")).toEqual([
      "`` Faster `loops` ``",
      "Commit `ccccccc` held against its parent `bbbbbbb`.",
      expect.stringMatching(/^\| \| what was found \|\n\|---\|---\|\n\| worse \| `iteration time of .*` \|$/),
      "[Evidence](<https://site.test/x>)",
    ]);
    expect(checkOfAlert(alert({ firstParent: null }), null).summary).toContain("somewhere between them");
  });

  it("fits GitHub's bounds, however much was found", () => {
    const findings = Array.from({ length: 400 }, (_, i) => slower({ name: `${"|`".repeat(300)}${i}` }));
    const { title, summary } = checkOfAlert(alert({ findings, subject: "s".repeat(200) }), null);
    expect(summary.length).toBeLessThan(65_535);
    expect(summary).toContain("\n\nAnd 350 more.");
    expect(title.length).toBeLessThanOrEqual(200);
  });
});
