/** The rows of a leaderboard as CSV (RFC 4180), a line a run: for people who draw their own figures. */
import { canonicalJson } from "@ticketmark/core";
import type { Group, Run } from "./leaderboard-groups.ts";

type Cell = string | number | boolean | null;

const COLUMNS: readonly (readonly [string, (run: Run, group: Group) => Cell])[] = [
  ["result", (run) => run.id],
  ["dataset", (run) => run.spec.dataset],
  ["model", (run) => run.spec.model],
  ["method", (run) => run.spec.method.id],
  ["sparsity", (run) => run.spec.sparsity],
  ["scope", (run) => run.spec.scope],
  ["seed", (run) => run.spec.seed],
  ["protocol", (run) => run.spec.protocol],
  ["outcome", (run) => run.outcome],
  ["accuracy", (run) => run.accuracy],
  ["accuracy_after_cut", (run) => run.afterCut],
  ["in_mean", (run, group) => group.counted.includes(run)],
  ["real_sparsity", (run) => run.realSparsity],
  ["compression", (run) => run.compression],
  ["iterations_before_ticket", (run) => run.methodIterations],
  ["images_before_ticket", (run) => run.methodExamples],
  ["iterations_after_ticket", (run) => run.finalIterations],
  ["images_after_ticket", (run) => run.finalExamples],
  ["seconds", (run) => run.seconds],
  ["level", (run) => run.level],
  ["refuted", (run) => run.refuted],
  ["runner", (run) => run.runner],
  ["received_at", (run) => run.receivedAt.toISOString()],
  ["spec_digest", (run) => run.specDigest],
  ["group_digest", (run) => run.groupDigest],
  ["key_id", (run) => run.keyId],
  ["method_settings", (run) => canonicalJson(run.spec.method)],
  ["recipe", (run) => canonicalJson(run.spec.recipe)],
  ["message", (run) => run.message],
];

export function csvOf(groups: readonly Group[]): string {
  const lines = groups.flatMap((group) =>
    group.runs.map((run) => COLUMNS.map(([, value]) => cell(value(run, group))).join(",")),
  );
  return [COLUMNS.map(([name]) => name).join(","), ...lines].map((line) => `${line}\r\n`).join("");
}

/** Text that a spreadsheet would take for a formula gets an apostrophe in front: a runner may have any name. */
function cell(value: Cell): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
