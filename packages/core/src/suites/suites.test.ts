import { expect, test } from "vitest";
import { plan } from "../plan.ts";
import { groupDigest, parseSpec, specDigest } from "../spec.ts";
import { suites } from "./index.ts";
import { specsOf } from "./suite.ts";

const classes = ["n01440764", "n01443537"].map((name) => ({ name, train: 1_300, test: 50 }));

test("every suite's specs are valid, and no two are the same", () => {
  for (const suite of suites.list) {
    const digests = specsOf(suite, suite.takesClasses && classes).map((input) => specDigest(parseSpec(input)));
    expect(digests.length).toBeGreaterThan(0);
    expect(new Set(digests).size).toBe(digests.length);
  }
});

test("quickstart: every comparison of the reference table, three seeds for Scratch and RST; others once", () => {
  const count = new Map<string, number>();
  for (const input of suites.get("quickstart").specs()) {
    const { method, sparsity, seed } = parseSpec(input);
    const key = `${method.id} ${sparsity}`;
    expect(seed).toBe(count.get(key) ?? 0);
    count.set(key, seed + 1);
  }
  expect(Object.fromEntries(count)).toEqual({
    "dense 0": 1,
    ...Object.fromEntries(
      [0.9, 0.98].flatMap((s) => [
        [`random ${s}`, 3],
        [`rst ${s}`, 3],
        [`rst-iter ${s}`, 1],
        [`l1 ${s}`, 1],
        [`lth ${s}`, 1],
        [`lth-iter ${s}`, 1],
      ]),
    ),
    ...Object.fromEntries(
      ["snip", "grasp", "synflow", "early-bird", "set", "rigl", "gmp"].map((id) => [`${id} 0.98`, 1]),
    ),
  });
});

test("mnist-reference: five seeds of each row of the reference table, of as many iterations as it says", async () => {
  const rows = new Map<string, { seeds: number[]; iterations: number }>();
  for (const input of suites.get("mnist-reference").specs()) {
    const spec = parseSpec(input);
    expect(spec).toMatchObject({ dataset: "mnist", model: "lenet-300-100", protocol: "paper" });
    const kind = spec.recipe.epochs === 7 ? "-long" : spec.method.control ? `-${spec.method.control}` : "";
    const key = `${spec.method.id}${kind} ${spec.sparsity}`;
    const { methodIterations, finalIterations } = await plan(spec);
    const row = rows.get(key) ?? { seeds: [], iterations: methodIterations + finalIterations };
    rows.set(key, { ...row, seeds: [...row.seeds, spec.seed] });
  }
  const seeds = [0, 1, 2, 3, 4];
  expect(Object.fromEntries(rows)).toEqual({
    "dense 0": { seeds, iterations: 5_000 },
    ...Object.fromEntries(
      [0.9, 0.98].flatMap((s) => [
        [`random ${s}`, { seeds, iterations: 5_000 }],
        [`random-long ${s}`, { seeds, iterations: 7_000 }],
        [`rst ${s}`, { seeds, iterations: 7_000 }],
        [`rst-no-penalty ${s}`, { seeds, iterations: 7_000 }],
        [`rst-iter ${s}`, { seeds, iterations: 11_000 }],
        [`lth ${s}`, { seeds, iterations: 10_000 }],
        [`lth-iter ${s}`, { seeds, iterations: 20_000 }],
      ]),
    ),
  });
});

test("each figure of a reference is of a row that its suite runs, and each row has its figure", () => {
  for (const suite of suites.list) {
    if (!suite.reference) continue;
    const groups = new Map<string, number>();
    for (const input of suite.specs()) {
      const digest = groupDigest(parseSpec(input));
      groups.set(digest, (groups.get(digest) ?? 0) + 1);
    }
    const rows = suite.reference.rows();
    expect(new Set(rows.map(({ spec }) => groupDigest(parseSpec(spec))))).toEqual(new Set(groups.keys()));
    expect(rows).toHaveLength(groups.size);
    for (const count of groups.values()) expect(count).toBe(suite.reference.seeds);
    for (const { mean, sd } of rows) expect(mean > 90 && mean < 100 && sd > 0 && sd < 1).toBe(true);
    const names = rows.map(({ name }) => name);
    for (const pair of suite.reference.orderings) expect(names).toEqual(expect.arrayContaining([...pair]));
  }
});

test("resnet20-mnist32: extrusion of 1,000 iterations, then three epochs of 469", async () => {
  const specs = suites.get("resnet20-mnist32").specs().map(parseSpec);
  expect(specs).toHaveLength(9);
  const { methodIterations, finalIterations } = await plan(specs.find(({ method }) => method.id === "rst")!);
  expect([methodIterations, finalIterations]).toEqual([1_000, 3 * 469]);
});

test("dlth: the authors' costs of RST and RST-Iter; for each a control of as many iterations", async () => {
  const specs = suites.get("dlth-cifar100").specs().map(parseSpec);
  expect(specs).toHaveLength(3 * (1 + 10 * 5));
  const costs: [id: string, iterations: number][] = [];
  const compared = ["rst", "rst-iter", "scratch-equal-iterations", "random"];
  for (const spec of specs) {
    if (!compared.includes(spec.method.id) || spec.sparsity !== 0.7 || spec.seed !== 0) continue;
    const { methodIterations, finalIterations } = await plan(spec);
    costs.push([spec.method.id, methodIterations]);
    expect(finalIterations).toBe(200 * 391);
  }
  expect(costs).toEqual([
    ["rst", 89_996],
    ["rst-iter", 100_000],
    ["random", 0],
    ["scratch-equal-iterations", 89_996],
    ["scratch-equal-iterations", 100_000],
  ]);
});

test("a suite of class folders wants their list, and another none", () => {
  const { specs: _, ...mnist } = suites.get("mnist-reference");
  const suite = { ...mnist, takesClasses: true as const, specs: (list: unknown) => [{ list }] as never };
  expect(specsOf(suite, classes)).toEqual([{ list: classes }]);
  expect(() => specsOf(suite)).toThrow(
    /expected the list of its classes, as `ticketmark data classes DIR` prints it; got none/,
  );
  expect(() => specsOf(suites.get("mnist-reference"), classes)).toThrow(/expected no classes/);
});

test("dlth-ablations change one thing at a time, and their iterations are what they say", async () => {
  const specs = suites.get("dlth-ablations").specs().map(parseSpec);
  const first = specs.filter(({ sparsity, seed }) => sparsity === 0.9 && seed === 0);
  const iterations: number[] = [];
  for (const spec of first.filter(({ method }) => method.id === "rst" && !method.control))
    iterations.push((await plan(spec)).methodIterations);
  // float32 sums pass their limit a raise or so late
  expect(iterations.map((n) => Math.round(n / 1_000))).toEqual([90, 90, 90, 90, 90, 90, 9, 45, 180]);
});

test("dlth-ablations: each control beside the ticket whose parts it leaves to chance", () => {
  const specs = suites.get("dlth-ablations").specs().map(parseSpec);
  const controls = ["shuffled-mask", "redrawn-weights"];
  for (const [id, expected] of [
    ["rst", [...controls, "no-penalty"]],
    ["lth-iter", controls],
  ] as const) {
    const controlled = specs.filter(({ method }) => method.id === id && method.control);
    expect(controlled).toHaveLength(expected.length * 2 * 3);
    expect([...new Set(controlled.map(({ method }) => method.control))]).toEqual(expected);
    const digests = new Set(specs.map(specDigest));
    for (const { method, ...spec } of controlled) {
      const { control: _, ...ticket } = method;
      expect(digests).toContain(specDigest(parseSpec({ ...spec, method: ticket })));
    }
  }
});
