"use client";
/** Has the server draw the page again when the `version` in a public JSON is another than the one it has drawn. */
import { useRouter } from "next/navigation";
import { useRef } from "react";
import { fetchJson, usePoll } from "./use-poll.ts";

export function RefreshOnVersion({ url, version }: { url: string; version: string }) {
  const router = useRouter();
  const asked = useRef(version);
  usePoll(async (signal) => {
    const now = (await fetchJson<{ version: string }>(url, signal)).version;
    if (now === asked.current) return;
    asked.current = now;
    router.refresh();
  });
  return null;
}
