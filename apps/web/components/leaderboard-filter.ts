/** What the leaderboard shows, as the query of its address: shareable, and every control is a plain link. */
import { LEVELS } from "@ticketmark/core";
import type { Group } from "./leaderboard-groups.ts";

const SORT_KEYS = ["accuracy", "after-cut", "sparsity", "compression", "cost", "trust", "seconds", "latest"] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Filter {
  /** Null = the pair with most results. */
  readonly dataset: string | null;
  readonly model: string | null;
  /** Empty = all. */
  readonly methods: readonly string[];
  readonly sparsities: readonly number[];
  /** Null = by sparsity, best first within one. */
  readonly sort: { readonly key: SortKey; readonly down: boolean } | null;
}

export type SearchParams = Readonly<Record<string, string | string[] | undefined>>;

/** Reads what it understands and leaves out the rest: an old or mistyped link still shows a page. */
export function parseFilter(params: SearchParams): Filter {
  const all = (name: string) =>
    [params[name] ?? []]
      .flat()
      .flatMap((value) => value.split(","))
      .filter(Boolean);
  const sort = all("sort")[0] ?? "";
  const key = SORT_KEYS.find((candidate) => candidate === sort.replace(/^-/, ""));
  return {
    dataset: all("dataset")[0] ?? null,
    model: all("model")[0] ?? null,
    methods: [...new Set(all("method"))].sort(),
    sparsities: [...new Set(all("sparsity").map(Number))].filter((s) => s >= 0 && s < 1).sort((a, b) => a - b),
    sort: key ? { key, down: sort.startsWith("-") } : null,
  };
}

export function filterHref(filter: Filter): string {
  const query = new URLSearchParams();
  if (filter.dataset) query.set("dataset", filter.dataset);
  if (filter.model) query.set("model", filter.model);
  if (filter.methods.length > 0) query.set("method", filter.methods.join(","));
  if (filter.sparsities.length > 0) query.set("sparsity", filter.sparsities.join(","));
  if (filter.sort) query.set("sort", `${filter.sort.down ? "-" : ""}${filter.sort.key}`);
  return query.size > 0 ? `/?${query.toString().replaceAll("%2C", ",")}` : "/";
}

/** With `member` in the list if it was not, without it if it was. */
export function toggle<T>(list: readonly T[], member: T): T[] {
  return list.includes(member) ? list.filter((other) => other !== member) : [...list, member];
}

/** The link of a column's head: first the way people mostly want it, then the other way, then back to the usual order. */
export function nextSort(current: Filter["sort"], key: SortKey): Filter["sort"] {
  const downFirst = key !== "sparsity" && key !== "cost" && key !== "seconds";
  if (current?.key !== key) return { key, down: downFirst };
  return current.down === downFirst ? { key, down: !downFirst } : null;
}

const VALUE: Record<SortKey, (group: Group) => number | null> = {
  accuracy: (group) => group.accuracy?.mean ?? null,
  "after-cut": (group) => group.afterCut?.mean ?? null,
  sparsity: (group) => group.spec.sparsity,
  compression: (group) => group.counted[0]?.compression ?? null,
  cost: (group) => (group.counted[0] ? group.counted[0].methodExamples + group.counted[0].finalExamples : null),
  trust: (group) => (group.level ? LEVELS.indexOf(group.level) : null),
  seconds: (group) => group.seconds,
  latest: (group) => group.latest.getTime(),
};

/** Groups without the value come last, whichever way; ties by sparsity, then accuracy. */
export function sortGroups(groups: readonly Group[], sort: Filter["sort"]): Group[] {
  const usual = (a: Group, b: Group) =>
    a.spec.sparsity - b.spec.sparsity || (b.accuracy?.mean ?? -1) - (a.accuracy?.mean ?? -1);
  if (!sort) return groups.toSorted(usual);
  const value = VALUE[sort.key];
  return groups.toSorted((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || usual(a, b);
    return (sort.down ? y - x : x - y) || usual(a, b);
  });
}

export function filterGroups(groups: readonly Group[], { methods, sparsities }: Filter): Group[] {
  return groups.filter(
    ({ spec }) =>
      (methods.length === 0 || methods.includes(spec.method.id)) &&
      (sparsities.length === 0 || sparsities.includes(spec.sparsity)),
  );
}
