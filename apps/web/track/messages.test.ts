import { FINDING_ORDER, type Finding } from "@ticketmark/core";
import { describe, expect, it } from "vitest";
import { byWeight, changesOf, describeFinding, formatLevels, titleOf } from "./messages.ts";
import { behaviour, slower } from "./test-findings.ts";

const [commit, parent] = ["c".repeat(40), "b".repeat(40)];

describe("a finding", () => {
  it("is told with what, where, how much and how certain", () => {
    expect(describeFinding(slower())).toBe(
      "iteration time of lenet-300-100, mnist, rst 98 %, rose by 10.2 % (9.8 … 10.7 %), 0.812 → 0.895 ms, 8 rounds, p 0.0078",
    );
    const faster = slower({ kind: "improvement", change: -0.25, interval: [-0.3, -0.01], p: 0.0001 });
    expect(describeFinding(faster)).toMatch(/fell by 25\.0 % \(1\.0 … 30\.0 %\), .*, p < 0\.001$/);
  });

  it("of a share is told in points, never as a percentage of a percentage", () => {
    const worse = slower({ metric: "accuracy", before: 0.98, after: 0.9555, change: -0.025, interval: null, p: null });
    expect(describeFinding({ ...worse, rounds: 1, name: "toy" })).toBe(
      "accuracy of toy fell by 2.5 percentage points, 98.00 → 95.55 %, 1 round",
    );
    expect(describeFinding({ ...worse, interval: [-0.03, -0.02] })).toContain("2.5 percentage points (2.0 … 2.9)");
  });

  it("from nothing has no percentage", () => {
    const grown = slower({ metric: "peak-memory", before: 0, after: 2048, change: null, interval: null });
    expect(describeFinding(grown)).toMatch(/^peak memory of .*, went from 0 B to 2 KiB, 8 rounds/);
  });

  it("of behaviour names where the trace first differs, if that is known", () => {
    const where = 'from block 3 (iteration 300 of "final training", seed 0)';
    expect(describeFinding(behaviour())).toBe(`other bits of lenet-300-100, mnist, rst 98 %: ${where}`);
    expect(describeFinding(behaviour({ first: null }))).toBe("other bits of lenet-300-100, mnist, rst 98 %");
    expect(describeFinding(behaviour({ kind: "intended" }))).toMatch(/for which NUMERICS was raised: from block 3/);
  });

  it("of a metric that is no longer on the list is told all the same", () => {
    expect(describeFinding(slower({ metric: "old-metric" }))).toMatch(/^old-metric of .*, 0\.812 → 0\.895, 8 rounds/);
  });
});

it("levels have as many digits as tell them apart", () => {
  expect(formatLevels("final-loss", 0.123412, 0.123414)).toBe("0.123412 → 0.123414 nats");
  expect(formatLevels("package-size", 1_234_567, 1_234_568)).toBe("1,234,567 → 1,234,568 bytes");
  expect(formatLevels("peak-memory", 1 << 20, 3 << 19)).toBe("1 MiB → 1.5 MiB");
  expect(formatLevels("accuracy", 0.97651, 0.97652)).toMatch(/^97\.651\d* → 97\.652\d* %$/);
});

describe("a title", () => {
  it("names the commit where the change was located, two commits where it was not", () => {
    const alert = { commit, parent, firstParent: parent, findings: [slower()] };
    const rise = "iteration time of lenet-300-100, mnist, rst 98 %, rose by 10.2 % (9.8 … 10.7 %)";
    expect(titleOf(alert)).toBe(`ccccccc: ${rise}`);
    expect(titleOf({ ...alert, firstParent: "a".repeat(40) })).toBe(`between bbbbbbb and ccccccc: ${rise}`);
    expect(titleOf({ ...alert, firstParent: null })).toBe(`between bbbbbbb and ccccccc: ${rise}`);
  });

  it("tells the weightiest change and counts the others", () => {
    const findings = [slower(), slower({ change: 0.2, interval: null }), behaviour({ kind: "intended" })];
    expect(changesOf(findings)).toMatch(/rose by 20\.0 %, and 2 other changes$/);
  });
});

it("worse comes before better, large before small", () => {
  const kinds = FINDING_ORDER.toReversed().map((kind): Finding => slower({ kind }));
  expect(byWeight(kinds).map(({ kind }) => kind)).toEqual(FINDING_ORDER);
  expect(byWeight([slower({ change: 0.1 }), slower({ change: -0.3 })])[0]!.change).toBe(-0.3);
});
