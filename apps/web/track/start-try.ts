/** A try: a commit that a maintainer picked, run beside the commit where it left the followed line. */
import { ancestorsOf, lineOf, mergeBase, Problem, type tryReplySchema, type trySchema } from "@ticketmark/core";
import type { z } from "zod";
import type { Db } from "../db/client.ts";
import { type Graph, graphOf, listBranches, MOST_COMMITS } from "../db/commits.ts";
import { addTry } from "../db/investigations.ts";
import { findApproved, findPull } from "../db/pulls.ts";
import { env } from "../env.ts";

/**
 * Only what may run is taken: an ancestor of an allow-listed branch, or the approved head of an open pull request. Throws
 * Problem "not-found" (no repository, no such pull request, a commit nobody told of), "forbidden" (may not run), "conflict" (no base).
 */
export async function startTry(
  db: Db,
  wish: z.infer<typeof trySchema>,
  createdBy: string,
): Promise<z.infer<typeof tryReplySchema>> {
  if (env().repository === null)
    throw new Problem("not-found", "this site follows no repository: TICKETMARK_REPOSITORY is not set");
  const { pull, head } = "pull" in wish ? await headOfPull(db, wish.pull) : await allowed(db, wish.commit);
  const base = await baseOf(db, head);
  const { id } = await addTry(db, { base, head, pull, createdBy });
  return { id, base, head };
}

interface Tried {
  readonly pull: number | null;
  readonly head: string;
}

async function headOfPull(db: Db, number: number): Promise<Tried> {
  const pull = await findPull(db, number);
  if (!pull) throw new Problem("not-found", `pull ${number}: there is none`);
  if (!pull.open) throw new Problem("conflict", `pull ${number}: expected an open one; it is closed`);
  if (pull.approvedHead !== pull.head) {
    const before = pull.approvedHead ? `: ${pull.approvedHead} was, and it has changed since` : "";
    throw new Problem("forbidden", `pull ${number}: its head ${pull.head} is not approved${before}`);
  }
  return { pull: number, head: pull.head };
}

async function allowed(db: Db, commit: string): Promise<Tried> {
  const graph = await graphOf(db);
  for (const { head } of await listBranches(db, env().branches))
    if (graph.has(commit) && ancestorsOf(head, parentsIn(graph), MOST_COMMITS).has(commit))
      return { pull: null, head: commit };
  const approved = await findApproved(db, commit);
  if (approved) return { pull: approved.number, head: commit };
  const from = `an ancestor of ${env().branches.join(", ")} or the approved head of an open pull request`;
  if (!graph.has(commit))
    throw new Problem("not-found", `commit ${commit}: not known here; expected ${from} (the next scan may tell of it)`);
  throw new Problem("forbidden", `commit ${commit}: expected ${from}; it is neither`);
}

/** Where the commit left the followed line; for a commit of the line, the one before it. */
async function baseOf(db: Db, head: string): Promise<string> {
  const { branches } = env();
  const [graph, [followed]] = [await graphOf(db), await listBranches(db, branches.slice(0, 1))];
  if (!followed) throw new Problem("conflict", `branch ${branches[0]}: no scan has told of it yet`);
  const parents = graph.get(head);
  if (!parents)
    throw new Problem(
      "conflict",
      `commit ${head}: its parents are not known here yet, so it has nothing to stand beside`,
    );
  const line = lineOf(followed.head, parentsIn(graph), MOST_COMMITS);
  const met = mergeBase(line, head, parentsIn(graph), MOST_COMMITS);
  const base = met === head ? parents[0] : met;
  if (base) return base;
  const why = met === head ? "it is the first commit" : `it has no ancestor on ${followed.name}`;
  throw new Problem("conflict", `commit ${head}: expected a commit to stand beside; ${why}`);
}

const parentsIn = (graph: Graph) => (commit: string) => graph.get(commit);
