"use client";
/** Runs pinned specs in a worker of this page, and sets what comes out beside what is pinned. */
import type { Pin, Spec } from "@ticketmark/core";
import { type ReactNode, useEffect, useEffectEvent, useRef, useState } from "react";
import type { ReplayOrder, ReplayReport } from "../check/replay-worker.ts";
import { Digest } from "./digest.tsx";
import { formatDuration } from "./format.ts";

export interface PinnedRun {
  readonly pin: Pin;
  readonly spec: Spec;
  /** Says what it is. */
  readonly what: ReactNode;
}

type About = Extract<ReplayReport, { readonly index: number }>;

const ROWS = [
  ["ticket", "Ticket"],
  ["trained", "Trained net"],
  ["trace", "Trace of all losses"],
] as const;

/** Digests of a run that are not the pinned ones. */
const differing = ({ pin }: PinnedRun, about: About | undefined): number =>
  about?.state === "done" ? ROWS.filter(([name]) => about.digests[name] !== pin[name]).length : 0;

export function SameBits({ runs, atOnce }: { runs: readonly PinnedRun[]; atOnce: boolean }) {
  const worker = useRef<Worker>(null);
  const [state, setState] = useState<"waiting" | "running" | "over">("waiting");
  const [fault, setFault] = useState<string | null>(null);
  const [abouts, setAbouts] = useState<readonly (About | undefined)[]>([]);

  const fail = (message: string) => {
    setFault(message);
    setState("waiting");
  };
  const start = () => {
    worker.current?.terminate();
    setState("running");
    setFault(null);
    setAbouts([]);
    const fresh = new Worker(new URL("../check/replay-worker.ts", import.meta.url), { type: "module" });
    fresh.onerror = ({ message }) => fail(`The worker could not start. ${message ?? ""}`);
    fresh.onmessage = ({ data }: MessageEvent<ReplayReport>) => {
      if (data.state === "failed") fail(data.message);
      else if (data.state === "over") setState("over");
      else setAbouts((old) => runs.map((_, i) => (i === data.index ? data : old[i])));
    };
    const order: ReplayOrder = { kernels: "/engine/kernels.wasm", specs: runs.map(({ spec }) => spec) };
    fresh.postMessage(order);
    worker.current = fresh;
  };
  const startAtOnce = useEffectEvent(start);
  useEffect(() => {
    if (atOnce) startAtOnce();
    return () => worker.current?.terminate();
  }, [atOnce]);

  const wrong = runs.reduce((sum, run, i) => sum + differing(run, abouts[i]), 0);
  return (
    <>
      <div className="mt-5 flex flex-wrap items-center gap-x-5 gap-y-2">
        <button type="button" className="button button-main" disabled={state === "running"} onClick={start}>
          {state === "over" ? "Train them again" : "Train them here"}
        </button>
        <p role="status" className={wrong > 0 || fault ? "text-bad" : ""}>
          {fault ?? verdict(state, wrong, ROWS.length * runs.length)}
        </p>
      </div>
      <div className="mt-6 divide-y divide-rule border-y border-rule">
        {runs.map((run, i) => (
          <section key={run.pin.name} aria-label={run.pin.name} className="grid gap-x-10 gap-y-3 py-5 lg:grid-cols-2">
            <div className="min-w-0">{run.what}</div>
            <Comparison run={run} about={abouts[i]} />
          </section>
        ))}
      </div>
      {state === "over" && <Machine />}
    </>
  );
}

function verdict(state: "waiting" | "running" | "over", wrong: number, all: number): string {
  if (state === "waiting") return "";
  if (wrong > 0) return `${wrong} of ${all} digests differ from the pinned ones.`;
  if (state === "running") return "Training …";
  return `All ${all} digests are equal: your browser got the same bits.`;
}

function Comparison({ run, about }: { run: PinnedRun; about: About | undefined }) {
  const { pin } = run;
  const digests = about?.state === "done" ? about.digests : null;
  return (
    <div className="min-w-0">
      <table className="data table-fixed">
        <caption className="sr-only">Digests, pinned and computed here</caption>
        <thead>
          <tr>
            <th scope="col">sha256</th>
            <th scope="col">pinned</th>
            <th scope="col">here</th>
          </tr>
        </thead>
        <tbody>
          {ROWS.map(([name, title]) => (
            <tr key={name}>
              <th scope="row" className="font-normal!">
                {title}
              </th>
              <td>
                <Digest digest={pin[name]} />
              </td>
              <td className="whitespace-nowrap" data-digest={name}>
                {digests ? <Found digest={digests[name]} pinned={pin[name]} /> : "–"}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="note mt-1.5 tabular-nums">{about ? progressText(about) : "Not run yet"}</p>
    </div>
  );
}

function Found({ digest, pinned }: { digest: string | null; pinned: string }) {
  const same = digest === pinned;
  return (
    <>
      {digest ? <Digest digest={digest} /> : "none, it diverged"}{" "}
      <span className={same ? "text-accent" : "font-semibold text-bad"}>
        {same ? "=" : "≠"}
        <span className="sr-only">{same ? " equal" : " different"}</span>
      </span>
    </>
  );
}

const progressText = (about: About): string =>
  about.state === "done"
    ? `Trained in ${formatDuration(about.seconds)}`
    : `Iteration ${about.iteration} of ${about.iterations}`;

/** What a page is told about its machine without asking around. It stays in the page. */
function Machine() {
  return (
    <p className="note mt-4 max-w-prose">
      This browser calls itself “{navigator.userAgent}”. The page is{" "}
      {crossOriginIsolated ? "cross-origin isolated, so it may use shared memory" : "not cross-origin isolated"}. Which
      processor it runs on, browsers do not tell: the bits do not depend on it.
    </p>
  );
}
