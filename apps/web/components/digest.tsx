/** Twelve digits, all of them for who selects or hovers. */
export function Digest({ digest }: { digest: string }) {
  return (
    <code title={digest} className="font-mono text-xs after:content-['…']">
      {digest.slice(0, 12)}
      <span className="sr-only">{digest.slice(12)}</span>
    </code>
  );
}
