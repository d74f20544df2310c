"use client";
/** Has the server draw the page again when the rows it rests on have changed; what is open or typed stays. */
import { useRouter } from "next/navigation";
import { useRef } from "react";
import { rowVersion, type VersionedRow } from "./row-version.ts";
import { fetchJson, usePoll } from "./use-poll.ts";

/** `url`: a list or one row of the public JSON; `version`: that of the rows the server has drawn. */
export function RefreshOnChange({ url, version }: { url: string; version: string }) {
  const router = useRouter();
  const asked = useRef(version);
  usePoll(async (signal) => {
    const found = await fetchJson<VersionedRow & { results?: VersionedRow[]; jobs?: VersionedRow[] }>(url, signal);
    const now = rowVersion(found.results ?? found.jobs ?? [found]);
    if (now === asked.current) return;
    asked.current = now;
    router.refresh();
  });
  return null;
}
