/**
 * A registry is the list of everything of one kind: methods, models, data sets, suites. Each member is one file and one
 * line in the list; the spec's schema, the submit form, the CLI's help and the property tests follow from it.
 */
import { Problem, type ProblemCode } from "./problem.ts";

export interface Registry<T extends { readonly id: string }> {
  readonly list: readonly T[];
  readonly ids: readonly [T["id"], ...T["id"][]];
  /** Throws Problem `code` when there is no such member; the message names those there are. */
  get(id: string): T;
}

export function registry<T extends { readonly id: string }>(
  kind: string,
  list: readonly [T, ...T[]],
  code: ProblemCode = "bad-spec",
): Registry<T> {
  const byId = new Map<string, T>(list.map((member) => [member.id, member]));
  if (byId.size !== list.length) throw new Error(`two ${kind}s with one id`);
  const ids = list.map((member) => member.id) as unknown as Registry<T>["ids"];
  return {
    list,
    ids,
    get(id) {
      const member = byId.get(id);
      if (!member) throw new Problem(code, `${kind}: expected one of ${ids.join(", ")}; got ${JSON.stringify(id)}`);
      return member;
    },
  };
}
