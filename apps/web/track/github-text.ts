/**
 * What GitHub shows of alerts and tries, in its Markdown. Whatever came from outside (names, subjects, reasons) stands in
 * code spans: there neither links nor mentions nor HTML come to life.
 */
import type { FINDING_ORDER, Finding } from "@ticketmark/core";
import type { AlertView } from "../db/alerts.ts";
import type { Investigation } from "../db/schema.ts";
import { byWeight, changesOf, describeFinding, isLocated, shortCommit, titleOf } from "./messages.ts";

/** How our comment is found again: it begins with this. */
export const MARKER = "<!-- ticketmark -->";
/** Rows of a table; GitHub takes 65,535 characters. */
const MAX_ROWS = 50;
const MAX_TITLE = 200;
const MAX_CELL = 500;

/** A check run in the making. */
export interface CheckText {
  readonly sha: string;
  readonly conclusion: "success" | "neutral" | "failure";
  /** Plain text. */
  readonly title: string;
  /** Markdown. */
  readonly summary: string;
  /** Where more is shown; null = this site does not know its own address. */
  readonly url: string | null;
}

export interface CommentText {
  readonly pull: number;
  /** Markdown. */
  readonly text: string;
}

export function checkOfAlert(alert: AlertView, url: string | null): CheckText {
  const { commit, parent, subject, findings } = alert;
  const [before, after] = [code(shortCommit(parent)), code(shortCommit(commit))];
  const where = isLocated(alert)
    ? `Commit ${after} held against its parent ${before}.`
    : `Commit ${after} held against ${before}: the change came somewhere between them.`;
  return {
    sha: commit,
    conclusion: conclusionOf(findings),
    title: cut(titleOf(alert), MAX_TITLE),
    summary: paragraphs(subject === null ? null : code(subject), where, tableOf(findings), linkTo(url)),
    url,
  };
}

export function checkOfTry(investigation: Investigation, url: string | null): CheckText {
  const { head, findings } = investigation;
  return {
    sha: head,
    conclusion: isMeasured(investigation) ? conclusionOf(findings) : "neutral",
    title: cut(titleOfTry(investigation), MAX_TITLE),
    summary: bodyOfTry(investigation, url),
    url,
  };
}

export const commentOfTry = (investigation: Investigation, pull: number, url: string | null): CommentText => ({
  pull,
  text: paragraphs(MARKER, `**${titleMarkdown(investigation)}**`, bodyOfTry(investigation, url)),
});

/** It came to an end: no finding then means that nothing was found. */
const isMeasured = ({ state, findings }: Investigation): boolean => findings.length > 0 || state === "dismissed";

const titleOfTry = (investigation: Investigation): string =>
  !isMeasured(investigation)
    ? "Not measured to the end"
    : investigation.findings.length === 0
      ? "No change was found"
      : changesOf(investigation.findings);

const titleMarkdown = (investigation: Investigation): string =>
  investigation.findings.length === 0 ? titleOfTry(investigation) : code(titleOfTry(investigation));

function bodyOfTry({ base, head, findings, steps }: Investigation, url: string | null): string {
  const last = steps.at(-1);
  return paragraphs(
    `Commit ${code(shortCommit(head))} held against ${code(shortCommit(base))}, where it left the branch.`,
    findings.length === 0 ? last && code(last.text) : tableOf(findings),
    linkTo(url),
  );
}

function conclusionOf(findings: readonly Finding[]): CheckText["conclusion"] {
  const kinds = new Set(findings.map(({ kind }) => kind));
  if (kinds.has("regression") || kinds.has("behaviour")) return "failure";
  return kinds.has("intended") ? "neutral" : "success";
}

const KINDS: Record<(typeof FINDING_ORDER)[number], string> = {
  regression: "worse",
  behaviour: "other bits",
  improvement: "better",
  intended: "intended",
};

function tableOf(findings: readonly Finding[]): string {
  const rows = byWeight(findings)
    .slice(0, MAX_ROWS)
    .map((finding) => `| ${KINDS[finding.kind]} | ${code(describeFinding(finding))} |`);
  const more = findings.length > MAX_ROWS ? ["", `And ${findings.length - MAX_ROWS} more.`] : [];
  return ["| | what was found |", "|---|---|", ...rows, ...more].join("\n");
}

const linkTo = (url: string | null): string | null => (url === null ? null : `[Evidence](<${url}>)`);

const paragraphs = (...parts: readonly (string | null | undefined)[]): string =>
  parts.filter((part) => part != null).join("\n\n");

/** A code span on one line. A table would end its cell at a bar, in code too: it becomes a broken bar. */
export function code(text: string): string {
  const line = cut(text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ").trim(), MAX_CELL).replaceAll("|", "¦");
  if (line === "") return "";
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((ticks) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return longest === 0 ? `${fence}${line}${fence}` : `${fence} ${line} ${fence}`;
}

/** At most `most` code units, no character cut in half. */
const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…`;
