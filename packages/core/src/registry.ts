/**
 * A registry is the list of everything of one kind: methods, models, data sets, suites. Each member is one file and one
 * line in the list; the spec's schema, the submit form, the CLI's help and the property tests follow from it. Who uses core
 * as a library may `add` members of their own: they are known to that process alone.
 */
import { Problem, type ProblemCode } from "./problem.ts";

export interface Registry<T extends { readonly id: string }> {
  readonly list: readonly T[];
  readonly ids: readonly [T["id"], ...T["id"][]];
  /** Throws Problem `code` when there is no such member; the message names those there are. */
  get(id: string): T;
  /** One more, at the end. Throws Problem "conflict" where its id is taken, "bad-request" where it is none. */
  add(member: T): void;
}

export function registry<T extends { readonly id: string }>(
  kind: string,
  first: readonly [T, ...T[]],
  code: ProblemCode = "bad-spec",
): Registry<T> {
  const list = [...first];
  const byId = new Map<string, T>(list.map((member) => [member.id, member]));
  if (byId.size !== list.length) throw new Error(`two ${kind}s with one id`);
  const ids = list.map((member) => member.id) as [T["id"], ...T["id"][]];
  return {
    list,
    ids,
    get(id) {
      const member = byId.get(id);
      if (!member) throw new Problem(code, `${kind}: expected one of ${ids.join(", ")}; got ${JSON.stringify(id)}`);
      return member;
    },
    add(member) {
      if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(member.id) || member.id.length > 100)
        throw new Problem(
          "bad-request",
          `${kind}: expected an id such as my-own-${kind[0]}2; got ${JSON.stringify(member.id)}`,
        );
      if (byId.has(member.id))
        throw new Problem("conflict", `${kind}: expected a new id; ${member.id} is there already`);
      byId.set(member.id, member);
      list.push(member);
      ids.push(member.id);
    },
  };
}
