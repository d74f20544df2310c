import type { Spec } from "@ticketmark/core";
import { expect, test } from "vitest";
import { csvOf } from "./leaderboard-csv.ts";
import { filterGroups, filterHref, nextSort, parseFilter, sortGroups, toggle } from "./leaderboard-filter.ts";
import { linesOf, type Run, recipeText, tracksOf, variantOf } from "./leaderboard-groups.ts";

const recipe: Spec["recipe"] = {
  epochs: 5,
  batchSize: 60,
  learningRate: [
    { epoch: 0, value: 0.1 },
    { epoch: 3, value: 0.01 },
  ],
  momentum: 0.9,
  weightDecay: 1e-4,
  nesterov: false,
  labelSmoothing: 0,
};

let arrivals = 0;
function run(
  over: Partial<Run> & {
    method?: Spec["method"];
    sparsity?: number;
    seed?: number;
    epochs?: number;
    scope?: Spec["scope"];
  },
): Run {
  const { method = { id: "rst" }, sparsity = 0.9, seed = 0, epochs = 5, scope = "uniform", ...rest } = over;
  const spec: Spec = {
    dataset: "mnist",
    model: "lenet-300-100",
    method,
    sparsity,
    scope,
    recipe: { ...recipe, epochs },
    seed,
    protocol: "paper",
  };
  return {
    id: `run ${arrivals++}`,
    spec,
    groupDigest: JSON.stringify({ ...spec, seed: null }),
    specDigest: JSON.stringify(spec),
    keyId: "k",
    outcome: "completed",
    message: null,
    accuracy: 0.97,
    afterCut: 0.5,
    testImages: 10_000,
    realSparsity: 0.89,
    compression: 9,
    methodExamples: 100,
    finalExamples: 200,
    methodIterations: 10,
    finalIterations: 20,
    seconds: 4,
    level: "checked",
    refuted: false,
    runner: "desk",
    receivedAt: new Date(arrivals * 1000),
    ...rest,
  };
}

test("a method that prunes while it trains has no accuracy after a cut: its ticket is the dense net", () => {
  const [track] = tracksOf([run({ method: { id: "gmp" } }), run({ method: { id: "set" } })]);
  expect(track!.groups.map(({ spec, afterCut }) => [spec.method.id, afterCut?.mean]).sort()).toEqual([
    ["gmp", undefined],
    ["set", 0.5],
  ]);
});

test("runs of several seeds are one group; the first of a seed counts, repeats and failures are only listed", () => {
  const [track] = tracksOf([
    run({ seed: 1, accuracy: 0.96 }),
    run({ seed: 0, accuracy: 0.98, level: "signed" }),
    run({ seed: 1, accuracy: 0.99 }),
    run({ seed: 2, outcome: "diverged", accuracy: null }),
    run({ seed: 3, accuracy: 0.999, refuted: true }),
  ]);
  expect(track!.groups).toHaveLength(1);
  const group = track!.groups[0]!;
  expect(group.counted.map((r) => [r.spec.seed, r.accuracy])).toEqual([
    [0, 0.98],
    [1, 0.96],
  ]);
  expect(group.accuracy).toMatchObject({ n: 2, mean: 0.97 });
  expect(group.runs).toHaveLength(5);
  expect([group.diverged, group.failed, group.refuted]).toEqual([1, 0, 1]);
  expect(group.level).toBe("signed");
  expect(group.levels).toEqual([
    { level: "signed", count: 1 },
    { level: "checked", count: 1 },
  ]);
});

test("a group with nothing to count has no mean and no rank, and is still there", () => {
  const group = tracksOf([run({ outcome: "diverged", accuracy: null })])[0]!.groups[0]!;
  expect(group).toMatchObject({ accuracy: null, rank: null, level: null, diverged: 1 });
  expect(linesOf([group])).toEqual([]);
});

test("other recipes are other tracks, the fullest first; ranks stay inside a track and a sparsity", () => {
  const tracks = tracksOf([
    run({ epochs: 1, accuracy: 0.5 }),
    run({ accuracy: 0.97 }),
    run({ method: { id: "lth" }, accuracy: 0.98 }),
    run({ method: { id: "l1" }, accuracy: 0.9805 }),
    run({ sparsity: 0.98, accuracy: 0.9 }),
  ]);
  expect(tracks.map((t) => [t.recipe.epochs, t.runs])).toEqual([
    [5, 4],
    [1, 1],
  ]);
  const rankOf = Object.fromEntries(tracks[0]!.groups.map((g) => [`${g.spec.method.id} ${g.spec.sparsity}`, g.rank]));
  expect(rankOf).toEqual({
    "rst 0.9": { best: 3, worst: 3 },
    "lth 0.9": { best: 1, worst: 2 }, // 0.05 points apart, on 10,000 images: nobody can tell
    "l1 0.9": { best: 1, worst: 2 },
    "rst 0.98": { best: 1, worst: 1 },
  });
});

test("another scope is another track; dense runs stand in each of their protocol and recipe", () => {
  const dense = () => run({ method: { id: "dense" }, sparsity: 0 });
  const runs = [dense(), run({}), run({ method: { id: "lth" } }), run({ scope: "global" })];
  const tracks = tracksOf(runs);
  expect(tracks.map((t) => [t.scope, t.groups.map((g) => g.spec.method.id)])).toEqual([
    ["uniform", ["dense", "rst", "lth"]],
    ["global", ["dense", "rst"]],
  ]);
  expect(new Set(tracks.map((t) => t.key)).size).toBe(2);
  expect(tracksOf([dense()]).map((t) => t.runs)).toEqual([1]);
});

test("what differs between two groups of one method is said, and they are two lines", () => {
  const one = { id: "rst-iter", rounds: 3, pick: "random" };
  const two = { id: "rst-iter", rounds: 5, pick: "random", holdEarlier: true };
  expect(variantOf(one, [one, two])).toBe("holdEarlier default, rounds 3");
  expect(variantOf(two, [one, two])).toBe("holdEarlier true, rounds 5");
  expect(variantOf(one, [one])).toBe("");
  const { groups } = tracksOf([
    run({ method: one, sparsity: 0.98 }),
    run({ method: one, sparsity: 0.5 }),
    run({ method: two }),
  ])[0]!;
  expect(linesOf(groups).map((line) => line.groups.map((g) => g.spec.sparsity))).toEqual([[0.5, 0.98], [0.9]]);
  expect(groups.map((g) => [g.spec.sparsity, g.variant?.letter])).toEqual([
    [0.98, "a"],
    [0.5, "a"],
    [0.9, "b"],
  ]);
  expect(tracksOf([run({ method: one })])[0]!.groups[0]!.variant).toBeNull();
});

test("a recipe reads as a sentence", () => {
  expect(recipeText(recipe)).toBe(
    "5 epochs, batch 60, learning rate 0.1 → 0.01 (from epoch 3), momentum 0.9, weight decay 0.0001",
  );
});

test("the filter survives its address, and nonsense in an address is left out", () => {
  const filter = parseFilter({ dataset: "mnist", method: ["rst,lth", "rst"], sparsity: "0.98,0.9,2,x", sort: "-cost" });
  expect(filter).toEqual({
    dataset: "mnist",
    model: null,
    methods: ["lth", "rst"],
    sparsities: [0.9, 0.98],
    sort: { key: "cost", down: true },
  });
  const href = filterHref(filter);
  expect(href).toBe("/?dataset=mnist&method=lth,rst&sparsity=0.9,0.98&sort=-cost");
  expect(parseFilter(Object.fromEntries(new URLSearchParams(href.slice(2))))).toEqual(filter);
  expect(filterHref(parseFilter({ sort: "height" }))).toBe("/");
});

test("sorting: what has no value comes last both ways; a head's third press goes back", () => {
  const { groups } = tracksOf([
    run({ method: { id: "a" }, accuracy: 0.9 }),
    run({ method: { id: "b" }, accuracy: null, outcome: "failed" }),
    run({ method: { id: "c" }, accuracy: 0.95 }),
    run({ method: { id: "d" }, accuracy: 0.8, sparsity: 0.5 }),
  ])[0]!;
  const order = (sort: Parameters<typeof sortGroups>[1]) =>
    sortGroups(groups, sort)
      .map((g) => g.spec.method.id)
      .join("");
  expect(order(null)).toBe("dcab");
  expect(order({ key: "accuracy", down: true })).toBe("cadb");
  expect(order({ key: "accuracy", down: false })).toBe("dacb");
  const first = nextSort(null, "accuracy");
  expect(first).toEqual({ key: "accuracy", down: true });
  expect(nextSort(first, "accuracy")).toEqual({ key: "accuracy", down: false });
  expect(nextSort(nextSort(first, "accuracy"), "accuracy")).toBeNull();
});

test("filters narrow by method and sparsity; a toggle undoes itself", () => {
  const { groups } = tracksOf([run({}), run({ sparsity: 0.98 }), run({ method: { id: "lth" } })])[0]!;
  expect(filterGroups(groups, parseFilter({ method: "rst", sparsity: "0.9" }))).toHaveLength(1);
  expect(filterGroups(groups, parseFilter({}))).toHaveLength(3);
  expect(toggle(toggle(["a"], "b"), "b")).toEqual(["a"]);
});

test("CSV: a line a run, with what counts marked; commas and quotes stay inside their cell", () => {
  const tracks = tracksOf([
    run({ seed: 0, accuracy: 0.9701 }),
    run({ seed: 0, accuracy: 0.98 }),
    run({ seed: 1, outcome: "diverged", accuracy: null, message: 'loss "NaN", at once' }),
  ]);
  const [head, ...lines] = csvOf(tracks[0]!.groups).trimEnd().split("\r\n");
  expect(head).toMatch(/^result,dataset,model,method,/);
  expect(lines).toHaveLength(3);
  const counted = head!.split(",").indexOf("in_mean");
  expect(lines.slice(0, 2).map((line) => line.split(",")[counted])).toEqual(["true", "false"]);
  expect(lines[2]).toContain('"loss ""NaN"", at once"');
  expect(csvOf([])).toMatch(/^result,.*\r\n$/);
});

test("a cell that a spreadsheet would run as a formula is defused", () => {
  const { groups } = tracksOf([run({ runner: "=1+1" })])[0]!;
  expect(csvOf(groups)).toContain("'=1+1");
});
