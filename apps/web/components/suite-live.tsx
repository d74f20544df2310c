"use client";
/** Has the server draw a suite's page again when anything in its JSON has changed. */
import { useRouter } from "next/navigation";
import { useRef } from "react";
import { fetchJson, usePoll } from "./use-poll.ts";

export function SuiteLive({ suite }: { suite: string }) {
  const router = useRouter();
  const last = useRef<string | null>(null);
  usePoll(async (signal) => {
    const now = JSON.stringify(await fetchJson<unknown>(`/api/v1/suites/${suite}`, signal));
    if (last.current !== null && now !== last.current) router.refresh();
    last.current = now;
  });
  return null;
}
