/**
 * What git knows of the tracked repository, told to a site that asked for it (a serverless one has no git): heads of
 * branches, the policy file at each, and the commits that the site does not know, parents before children. A post takes
 * so many of them, and so many bytes; branches come last, when all that leads to their heads is there, and only those
 * that this runner may look at: of the others it says nothing.
 */
import {
  MAX_JSON_BYTES,
  MAX_POLICY_BYTES,
  MAX_SCANNED,
  POLICY_FILE,
  Problem,
  repositoryName,
  type Scan,
} from "@ticketmark/core";
import type { Commits, WantedScan } from "./commits.ts";
import { isSystemError } from "./files.ts";
import { type Mirror, pullNamed } from "./mirror.ts";
import type { Commit } from "./mirror-log.ts";
import { Unreachable } from "./retry.ts";
import type { Supervisor } from "./supervisor.ts";

/** Of a history that the site knows nothing of, only the newest commits. */
const MOST_AT_FIRST = 2_000;
/** What the site takes of an octopus merge, and as a date: JavaScript's last. */
const MOST_PARENTS = 16;
const LAST_DATE = 8.64e15;
/** Of a post, without what is around its list. */
const MOST_BYTES = MAX_JSON_BYTES - 16_000;
/** Beside its branch's name and head. */
const MOST_POLICY_BYTES = MOST_BYTES - 1_000;
/** What the site takes of a post. */
const MOST_BRANCHES = 20;

/** Branches that are named to who follows one that is not there. */
const MOST_NAMED = 10;

type Told = Scan["commits"][number];

/** Looks and tells. What fails is said, and is done again when the site asks the next time. */
export async function scan(wanted: WantedScan, commits: Commits, supervisor: Supervisor): Promise<void> {
  const { client, status, stop } = supervisor;
  try {
    for (const body of await lookAt(wanted, commits, supervisor)) await client.scan(body, stop);
  } catch (error) {
    if (stop.aborted) return;
    if (!(error instanceof Problem || error instanceof Unreachable || isSystemError(error))) throw error;
    status.say(`The site's question for new commits could not be answered: ${error.message}`);
  }
}

async function lookAt(wanted: WantedScan, commits: Commits, supervisor: Supervisor): Promise<Scan[]> {
  const { status, stop } = supervisor;
  const { mirror } = commits;
  const own = commits.tracks()?.repository;
  if (!own || repositoryName(wanted.repository) !== repositoryName(own))
    throw new Problem("bad-request", `expected to be asked for ${own}; the site follows ${wanted.repository}`);
  await mirror.fetch({ signal: stop });
  const looked = wanted.branches.filter((name) => commits.branches.includes(name));
  const heads = await mirror.heads(looked);
  const some = (names: readonly string[]) => names.join(" or ");
  if (looked.length === 0)
    throw new Problem("forbidden", `it asks for branch ${some(wanted.branches)}; expected ${some(commits.branches)}`);
  if (heads.size === 0) {
    const there = await mirror.latestBranches(MOST_NAMED);
    const instead =
      there.length === 0 ? "" : `; there is ${there.join(", ")}: TICKETMARK_BRANCHES names what it follows`;
    status.say(`The site follows branch ${some(looked)}: there is none${instead}`);
  }
  const pulls = await fetchPulls(wanted.branches, mirror, supervisor);
  const told = await unknownCommits(mirror, [...heads.keys(), ...pulls], wanted.known);
  const branches = await branchesAt(mirror, heads, looked, status);
  return [
    ...batches(told, MAX_SCANNED).map((part) => ({ repository: own, branches: [], commits: part })),
    ...batches(branches, MOST_BRANCHES).map((part) => ({ repository: own, branches: part, commits: [] })),
  ];
}

/**
 * Approved pull requests: of them only the commits are told, which the branches need not reach. To read them is not to run
 * them, so runners that take none do this too. Returns the names of those that are here now.
 */
async function fetchPulls(names: readonly string[], mirror: Mirror, { status, stop }: Supervisor): Promise<string[]> {
  const fetched: string[] = [];
  for (const name of names) {
    const pull = pullNamed(name);
    if (pull === null) continue;
    try {
      await mirror.fetch({ pull, signal: stop });
      fetched.push(name);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      status.say(`Pull request ${pull} is left out: ${error.message}`);
    }
  }
  return fetched;
}

async function branchesAt(
  mirror: Mirror,
  heads: ReadonlyMap<string, string>,
  names: readonly string[],
  { say }: Supervisor["status"],
): Promise<Scan["branches"]> {
  const branches: Scan["branches"] = [];
  for (const name of names) {
    const head = heads.get(name) ?? null;
    let policy: string | null = null;
    try {
      policy = head && (await policyAt(mirror, head));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      say(`${POLICY_FILE} of ${name} is left out: ${error.message}`);
    }
    branches.push({ name, head, policy });
  }
  return branches;
}

/** The text as it stands; null where there is none. Throws Problem for one that the site could not take. */
async function policyAt(mirror: Mirror, head: string): Promise<string | null> {
  const bytes = await mirror.show(head, POLICY_FILE, MAX_POLICY_BYTES);
  if (bytes === null) return null;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Problem("bad-file", "expected UTF-8", { cause });
  }
  if (sizeOf(text) > MOST_POLICY_BYTES)
    throw new Problem("too-large", `expected at most ${MOST_POLICY_BYTES} bytes as JSON`);
  return text;
}

/** Heads that are not here tell nothing: after a force push, of a history that is new to the site the newest will do. */
async function unknownCommits(mirror: Mirror, names: readonly string[], known: readonly string[]): Promise<Told[]> {
  const here = await mirror.present(known);
  if (here.length === 0) return (await mirror.log(names, { limit: MOST_AT_FIRST, newest: true })).map(toldOf);
  const told: Told[] = [];
  const reached = new Set(here); // and of those told, the ones without a child among them
  for (;;) {
    const page = await mirror.log(names, { since: [...reached] });
    if (page.length === 0) return told;
    for (const { hash, parents } of page) {
      for (const parent of parents) reached.delete(parent);
      reached.add(hash);
    }
    told.push(...page.map(toldOf));
  }
}

const toldOf = ({ parents, committedAt, ...commit }: Commit): Told => ({
  ...commit,
  parents: parents.slice(0, MOST_PARENTS),
  committedAt: Math.min(committedAt, LAST_DATE),
});

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value)) + 1;

/** Cuts the list so that each part is short enough for a post: of `most` members at most. */
function batches<T>(list: readonly T[], most: number): T[][] {
  const parts: T[][] = [];
  let bytes = 0;
  for (const one of list) {
    const size = sizeOf(one);
    const last = parts.at(-1);
    if (last && last.length < most && bytes + size <= MOST_BYTES) last.push(one);
    else {
      parts.push([one]);
      bytes = 0;
    }
    bytes += size;
  }
  return parts;
}
