/** What stands where a page will, while the server makes it. */
export function Loading() {
  return (
    <div role="status" className="motion-safe:animate-pulse">
      <p className="note">Loading …</p>
      <div className="mt-4 h-8 w-2/3 rounded-[3px] bg-shade" />
      <div className="mt-6 h-64 rounded-[3px] bg-shade" />
    </div>
  );
}
