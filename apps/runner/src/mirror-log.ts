/** Commits as the site stores them: read from git's own output, every text cut and cleaned, since anybody may write it. */
import { Problem } from "@ticketmark/core";
import { checkCommit, type GitCall } from "./git.ts";

export interface Commit {
  /** 40 hex digits. */
  readonly hash: string;
  readonly parents: readonly string[];
  /** First line of the message, at most 200 UTF-16 units. */
  readonly subject: string;
  /** Name only, at most 100 UTF-16 units; "" where there is none. */
  readonly author: string;
  /** Milliseconds since 1970, as the committer's clock had it. */
  readonly committedAt: number;
}

export interface LogWanted {
  readonly since?: readonly string[];
  readonly limit?: number;
  /** The last ones, not the first. */
  readonly newest?: boolean;
}

const MOST = 2_000;
const MOST_KNOWN = 10_000;
const LONGEST = { subject: 200, author: 100 };
const FIELDS = 5;
/** UTF-16 units, as the site counts. git cuts by columns, of which a character has two at most; the rest is cut here. */
const FORMAT = `%H%x00%P%x00%<(${2 * LONGEST.author},trunc)%an%x00%ct%x00%<(${2 * LONGEST.subject},trunc)%s`;

type Read = (call: Pick<GitCall, "args" | "input" | "maxBytes" | "timeoutMs">) => Promise<Buffer>;

/**
 * What `heads` reach and `since` do not, parents before children, the first `limit` or the last. Hashes come first: only they can be
 * had in that order and bounded, and texts then only for those asked for.
 */
export async function readLog(
  read: Read,
  heads: readonly string[],
  { since = [], limit = MOST, newest = false }: LogWanted,
): Promise<Commit[]> {
  if (!(limit >= 1 && limit <= MOST) || since.length > MOST_KNOWN) {
    const came = `${limit} with ${since.length} known`;
    throw new Problem("bad-request", `log: expected 1 to ${MOST} commits, ${MOST_KNOWN} known at most; got ${came}`);
  }
  if (heads.length === 0) return [];
  const input = [...heads, ...since.map((hash) => `^${checkCommit(hash)}`), ""].join("\n");
  const bound = newest ? [`--max-count=${limit}`] : []; // which git counts from the newest
  const args = ["rev-list", "--topo-order", "--reverse", "--ignore-missing", ...bound, "--stdin"];
  const all = (await read({ args, input, maxBytes: 64 << 20 })).toString().split("\n").filter(Boolean);
  const wanted = all.slice(0, limit);
  if (wanted.length === 0) return [];
  const output = await read({
    args: ["-c", "log.showSignature=false", "log", "-z", "--no-walk=unsorted", "--stdin", `--format=tformat:${FORMAT}`],
    input: `${wanted.join("\n")}\n`,
    maxBytes: 16 << 20,
  });
  const fields = output.toString("utf8").split("\0");
  return wanted.map((hash, i) => {
    const [found, parents, author, seconds, subject] = fields.slice(i * FIELDS, (i + 1) * FIELDS);
    if (found !== hash || subject === undefined)
      throw new Problem("bad-file", `git log: expected commit ${hash}; got ${JSON.stringify(found?.slice(0, 80))}`);
    return {
      hash,
      parents: parents === "" ? [] : parents!.split(" "),
      subject: clean(subject, LONGEST.subject),
      author: clean(author!, LONGEST.author),
      committedAt: Math.min(Math.max(0, Number(seconds) * 1_000 || 0), Number.MAX_SAFE_INTEGER),
    };
  });
}

/** Without control and formatting characters (colours of terminals, reversed directions), in at most `most` UTF-16 units. */
const clean = (text: string, most: number): string =>
  text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim()
    .slice(0, most)
    .replace(/[\ud800-\udbff]$/, ""); // half a character
