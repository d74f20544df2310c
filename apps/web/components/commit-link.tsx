/** A commit by its first digits, leading to its page; all of them for who hovers. */
import Link from "next/link";

interface Props {
  readonly hash: string;
  /** Shown behind it where it is known. */
  readonly subject?: string | null | undefined;
}

export function CommitLink({ hash, subject }: Props) {
  return (
    <Link href={`/regressions/commits/${hash}`} title={hash} className="group">
      <code className="font-mono text-xs text-accent underline decoration-current/35 underline-offset-[0.18em] group-hover:decoration-current">
        {hash.slice(0, 7)}
      </code>
      {subject && <span className="ml-2 group-hover:underline">{subject}</span>}
    </Link>
  );
}

/** Both in full, side by side. */
export function CompareLink({ base, head }: { base: string; head: string }) {
  return (
    <Link className="link" href={`/regressions/compare?base=${base.slice(0, 10)}&head=${head.slice(0, 10)}`}>
      compare the two commits
    </Link>
  );
}
