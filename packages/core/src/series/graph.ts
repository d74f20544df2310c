/**
 * The commit graph as far as it is known: the line that a branch took, what lies between two commits of it, and where two
 * lines meet. Commits whose parents are unknown end a line.
 */

/** Parents of a commit in git's order; undefined = the commit or its parents are not known. */
export type ParentsOf = (commit: string) => readonly string[] | undefined;

/** From `head` back along first parents, `head` first, at most `most` commits. What a branch was, one commit after the other. */
export function lineOf(head: string, parentsOf: ParentsOf, most: number): string[] {
  const line: string[] = [];
  const seen = new Set<string>();
  for (let commit: string | undefined = head; commit !== undefined && line.length < most; ) {
    if (seen.has(commit)) break; // no real graph has a circle; what came from outside may
    seen.add(commit);
    line.push(commit);
    commit = parentsOf(commit)?.[0];
  }
  return line;
}

/** `commit` and everything it was made from, at most `most` commits, nearest first. */
export function ancestorsOf(commit: string, parentsOf: ParentsOf, most: number): Set<string> {
  const found = new Set([commit]);
  for (const next of found) {
    if (found.size >= most) break;
    for (const parent of parentsOf(next) ?? []) found.add(parent);
  }
  return found;
}

/** The newest commit of `line` (newest first) that `commit` was made from or is: where it left the line. Null where none is known. */
export function mergeBase(line: readonly string[], commit: string, parentsOf: ParentsOf, most: number): string | null {
  const ancestors = ancestorsOf(commit, parentsOf, most);
  return line.find((one) => ancestors.has(one)) ?? null;
}
