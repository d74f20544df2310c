/** What groups of specs that stand together are called: "LeNet-300-100 on MNIST, RST at 98 %", and what else tells them apart. */
import { namesOf, type Spec } from "@ticketmark/core";
import { datasetName, modelName } from "./registry-names.ts";

/** By group digest. One spec a group is enough: names leave seeds out. */
export function groupNames(
  rows: readonly { readonly groupDigest: string; readonly spec: Spec }[],
): ReadonlyMap<string, string> {
  const groups = [...new Map(rows.map((row) => [row.groupDigest, row])).values()];
  const placeOf = ({ spec }: { readonly spec: Spec }) => `${modelName(spec.model)} on ${datasetName(spec.dataset)}`;
  const names = new Map<string, string>();
  for (const place of new Set(groups.map(placeOf))) {
    const alike = groups.filter((group) => placeOf(group) === place);
    const each = namesOf(alike.map(({ spec }) => spec));
    for (const [i, { groupDigest }] of alike.entries()) names.set(groupDigest, `${place}, ${each[i]}`);
  }
  return names;
}
