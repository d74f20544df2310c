/** What to call groups of specs: "LeNet-300-100 on MNIST, RST at 98 %". */
import { namesOf, type Spec } from "@ticketmark/core";
import { datasetName, modelName } from "../components/registry-names.ts";

/** By group digest: the net and its images, and what tells the group from others of the same. */
export function groupNames(
  groups: readonly { readonly groupDigest: string; readonly spec: Spec }[],
): Map<string, string> {
  const one = new Map(groups.map((group) => [group.groupDigest, group]));
  const placeOf = ({ spec }: { readonly spec: Spec }) => `${modelName(spec.model)} on ${datasetName(spec.dataset)}`;
  const named = new Map<string, string>();
  for (const place of new Set([...one.values()].map(placeOf))) {
    const alike = [...one.values()].filter((group) => placeOf(group) === place);
    const names = namesOf(alike.map(({ spec }) => spec));
    for (const [i, { groupDigest }] of alike.entries()) named.set(groupDigest, `${place}, ${names[i]}`);
  }
  return named;
}
