"use client";
/** Has the server draw a suite's page again when what it shows has changed. */
import type { SuiteStatus } from "@ticketmark/core";
import { useRouter } from "next/navigation";
import { useRef } from "react";
import { suiteVersion } from "./suite-version.ts";
import { fetchJson, usePoll } from "./use-poll.ts";

/** `version`: of what the server has drawn. */
export function SuiteLive({ suite, version }: { suite: string; version: string }) {
  const router = useRouter();
  const asked = useRef(version);
  usePoll(async (signal) => {
    const now = suiteVersion(await fetchJson<SuiteStatus>(`/api/v1/suites/${suite}`, signal));
    if (now === asked.current) return;
    asked.current = now;
    router.refresh();
  });
  return null;
}
