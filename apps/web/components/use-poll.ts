"use client";
/**
 * Fetches public JSON again and again while the page is visible. The server answers 304 as long as nothing changed (the
 * browser keeps ETag and body), so an idle page costs a few bytes.
 */
import { useEffect, useEffectEvent, useState } from "react";

const EVERY_MS = 2_000;
/** After a failure: the site may be restarting. */
const LATER_MS = 6_000;

/** True while the last attempt failed. `load` is called first after EVERY_MS: the page came with fresh data. */
export function usePoll(load: (signal: AbortSignal) => Promise<void>, active = true): boolean {
  const [failing, setFailing] = useState(false);
  const turn = useEffectEvent(async (signal: AbortSignal): Promise<number> => {
    try {
      await load(signal);
      setFailing(false);
      return EVERY_MS;
    } catch {
      if (!signal.aborted) setFailing(true);
      return LATER_MS;
    }
  });
  useEffect(() => {
    if (!active) return;
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const next = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        if (document.hidden) return; // goes on when it is seen again
        const wait = await turn(controller.signal);
        if (!controller.signal.aborted) next(wait);
      }, ms);
    };
    const seen = () => {
      if (!document.hidden) next(0);
    };
    next(EVERY_MS);
    document.addEventListener("visibilitychange", seen);
    return () => {
      controller.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [active]);
  return failing;
}

/** Throws on anything but a 200 (or the browser's own 304). */
export async function fetchJson<T>(url: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(url, { signal, cache: "no-cache" });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json() as Promise<T>;
}
