import { Problem } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { connection } from "next/server";
import { CommitLink } from "../../../components/commit-link.tsx";
import { Digest } from "../../../components/digest.tsx";
import { Empty } from "../../../components/empty.tsx";
import { LinkPending } from "../../../components/link-pending.tsx";
import { PageSection } from "../../../components/page-section.tsx";
import {
  type ComparedTestbed,
  isChanged,
  sentenceOf,
  sizeOfGroup,
  testbedText,
} from "../../../components/regression-compare.ts";
import { RegressionGroups } from "../../../components/regression-groups.tsx";
import { db } from "../../../db/client.ts";
import { findCommit, listLine, trackedBranch } from "../../../db/regressions.ts";
import type { Commit } from "../../../db/schema.ts";
import { readComparison } from "../../../regression-json.ts";

export const metadata: Metadata = {
  title: "Compare two commits",
  description: "What two commits came to on the same testbeds, metric by metric.",
};

type Asked = Readonly<Record<string, string | string[] | undefined>>;

/** Commits of the line that the fields offer. */
const OFFERED = 100;

const textOf = (value: string | string[] | undefined): string => (typeof value === "string" ? value.trim() : "");

export default async function ComparePage({ searchParams }: { searchParams: Promise<Asked> }) {
  await connection();
  const asked = await searchParams;
  const [base, head, all] = [textOf(asked.base), textOf(asked.head), asked.show === "all"];
  const database = await db();
  const branch = await trackedBranch(database);
  const line = branch ? await listLine(database, branch.head, OFFERED) : [];
  const [baseFound, headFound] = [await find(base), await find(head)];
  return (
    <>
      <p className="note">
        <Link className="link" href="/regressions">
          Regressions
        </Link>
      </p>
      <h1 className="title mt-1">Compare two commits</h1>
      <form className="mt-4 grid max-w-3xl items-start gap-x-4 gap-y-3 sm:grid-cols-[1fr_1fr_auto]">
        <CommitField name="base" label="Before" value={base} fault={faultOf(baseFound)} />
        <CommitField name="head" label="After" value={head} fault={faultOf(headFound)} />
        <button type="submit" className="button button-main sm:mt-[1.6rem]">
          Compare
        </button>
        <datalist id="line">
          {line.map(({ hash, subject }) => (
            <option key={hash} value={hash.slice(0, 10)}>
              {subject}
            </option>
          ))}
        </datalist>
      </form>
      {isCommit(baseFound) && isCommit(headFound) ? (
        <Comparison base={baseFound} head={headFound} all={all} />
      ) : (
        !base &&
        !head && (
          <p className="mt-4 max-w-prose text-soft">
            Name two commits by seven digits or more; the fields offer the newest of the followed line. Only runs of one
            testbed are held against each other.
          </p>
        )
      )}
    </>
  );
}

type Found = Commit | Problem | null;
const isCommit = (found: Found): found is Commit => found !== null && !(found instanceof Problem);
const faultOf = (found: Found): string | null => (found instanceof Problem ? found.message : null);

async function find(name: string): Promise<Found> {
  if (name === "") return null;
  return findCommit(await db(), name).catch((fault) => {
    if (fault instanceof Problem) return fault;
    throw fault;
  });
}

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly fault: string | null;
}

function CommitField({ name, label, value, fault }: FieldProps) {
  return (
    <div>
      <label htmlFor={name} className="mb-1 block text-[0.8125rem] font-medium">
        {label}
      </label>
      <input
        id={name}
        name={name}
        list="line"
        required
        defaultValue={value}
        placeholder="1a2b3c4"
        autoComplete="off"
        spellCheck={false}
        className="field font-mono text-sm"
        aria-invalid={fault ? true : undefined}
        aria-describedby={fault ? `${name}-fault` : undefined}
      />
      {fault && (
        <p id={`${name}-fault`} className="mt-1 text-[0.8125rem] text-bad">
          {fault}
        </p>
      )}
    </div>
  );
}

async function Comparison({ base, head, all }: { base: Commit; head: Commit; all: boolean }) {
  const { testbeds } = await readComparison(await db(), base, head);
  const compared = testbeds.filter(({ groups }) => groups.length > 0);
  const changed = compared.map((one) => ({ ...one, groups: one.groups.filter(isChanged) }));
  const names = { base: base.hash.slice(0, 10), head: head.hash.slice(0, 10) };
  const query = `base=${names.base}&head=${names.head}`;
  return (
    <>
      <p className="mt-5 text-sm">
        <CommitLink hash={base.hash} subject={base.subject} /> <span className="text-soft">→</span>{" "}
        <CommitLink hash={head.hash} subject={head.subject} />
      </p>
      {compared.length === 0 ? (
        <Empty title="Nothing to compare">
          <p>No testbed ran a group at both commits. Their pages say what was run, and where.</p>
        </Empty>
      ) : (
        <>
          <div className="mt-3 max-w-[46em] space-y-2 border-l-2 border-accent py-0.5 pl-4 text-lg">
            {compared.map((one) => (
              <p key={one.digest}>
                {compared.length > 1 && <span className="note block">{testbedText(one.testbed)}</span>}
                {sentenceOf(one)}
              </p>
            ))}
          </div>
          <nav aria-label="What is shown" className="mt-4 flex gap-1.5">
            {(["changed", "all"] as const).map((show) => (
              <Link
                key={show}
                className="chip"
                aria-current={(show === "all") === all ? "true" : undefined}
                href={`/regressions/compare?${query}${show === "all" ? "&show=all" : ""}`}
                scroll={false}
              >
                {show === "all" ? "Everything" : "What changed"}
                <LinkPending />
              </Link>
            ))}
          </nav>
        </>
      )}
      {(all ? compared : changed).map((one) => (
        <PageSection key={one.digest} title={testbedText(one.testbed)}>
          <p className="note mb-1">
            Testbed <Digest digest={one.digest} />
          </p>
          {one.groups.length === 0 ? (
            <p className="text-soft">Nothing changed by more than noise, and the bits are the same.</p>
          ) : (
            <RegressionGroups
              groups={one.groups.toSorted((a, b) => sizeOfGroup(b) - sizeOfGroup(a))}
              before={names.base.slice(0, 7)}
              after={names.head.slice(0, 7)}
              named={false}
              order="size"
              changedOnly={!all}
            />
          )}
        </PageSection>
      ))}
      <NotCompared testbeds={testbeds} />
      {compared.length > 0 && <HowToRead />}
      <p className="note mt-6">
        JSON:{" "}
        <a className="link" href={`/api/v1/compare?${query}`}>
          comparison
        </a>
      </p>
    </>
  );
}

/** Two testbeds are never mixed: what one side alone ran on one is named. */
function NotCompared({ testbeds }: { testbeds: readonly ComparedTestbed[] }) {
  const left = testbeds.filter(({ onlyBase, onlyHead }) => onlyBase.length + onlyHead.length > 0);
  if (left.length === 0) return null;
  return (
    <PageSection title="Not compared">
      <p className="note mb-2 max-w-prose">
        Run at one of the two commits only: numbers of different testbeds are not held against each other.
      </p>
      {left.map(({ digest, testbed, onlyBase, onlyHead }) => (
        <div key={digest} className="mb-3 text-sm">
          <p className="font-medium">{testbedText(testbed)}</p>
          {onlyBase.length > 0 && <p className="text-soft">Before only: {onlyBase.join("; ")}</p>}
          {onlyHead.length > 0 && <p className="text-soft">After only: {onlyHead.join("; ")}</p>}
        </div>
      ))}
    </PageSection>
  );
}

function HowToRead() {
  return (
    <section aria-label="How to read this" className="note mt-9 max-w-prose space-y-2 border-t border-rule pt-4">
      <p>
        What is exact (accuracy, loss, package size) changes by code alone. What is measured counts as changed where it
        goes beyond the spread of its last 30 points, or, run as often as a confirmation asks, beyond the spread of the
        runs themselves (Welch’s test at 1 %).
      </p>
      <p>
        It matters from the policy’s floor on. Small, medium and large are up to 3, up to 10 and more times what counts
        at all. Nothing here was confirmed by running the two commits in turns: alerts are.
      </p>
    </section>
  );
}
