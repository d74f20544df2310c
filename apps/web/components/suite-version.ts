/** What a suite's page shows of its status, in a line: while that stays the same, so does the page. Client-safe. */
import type { SuiteStatus } from "@ticketmark/core";

/** How far a running job is, in percent. */
export const percentDone = ({ state, progress }: SuiteStatus["specs"][number]): string =>
  state === "running" && progress ? String(Math.floor((100 * progress.iteration) / progress.iterations)) : "";

export const suiteVersion = ({ specs }: Pick<SuiteStatus, "specs">): string =>
  specs.map((spec) => [spec.state, spec.resultId ?? "", percentDone(spec)].join(" ")).join();
