import { Problem, readMask } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { notFound } from "next/navigation";
import { connection } from "next/server";
import type { ReactNode } from "react";
import { CodeBlock } from "../../../components/code-block.tsx";
import { CommitLink } from "../../../components/commit-link.tsx";
import { CurvesChart } from "../../../components/curves-chart.tsx";
import { CurvesTable } from "../../../components/curves-table.tsx";
import { formatDuration, formatPercent, formatSparsity } from "../../../components/format.ts";
import { MethodMark } from "../../../components/method-mark.tsx";
import { PhasesTable } from "../../../components/phases-table.tsx";
import { RefreshOnChange } from "../../../components/refresh-on-change.tsx";
import { datasetName, methodName, modelName } from "../../../components/registry-names.ts";
import { PURPOSES } from "../../../components/regression-values.ts";
import { CostFacts, EnvironmentFacts } from "../../../components/result-cost.tsx";
import { ResultProvenance } from "../../../components/result-provenance.tsx";
import { ResultVerdict } from "../../../components/result-verdict.tsx";
import { rowVersion } from "../../../components/row-version.ts";
import { siteAddress } from "../../../components/site-address.ts";
import { SpecList } from "../../../components/spec-list.tsx";
import { LayerBars, MaskPictures } from "../../../components/ticket-picture.tsx";
import { db } from "../../../db/client.ts";
import { groupOf, provenanceOf, type WholeResult } from "../../../db/pages.ts";
import { placeOfResult } from "../../../db/regressions.ts";
import { findEnvelope, findResult } from "../../../db/results.ts";
import { getFile } from "../../../file-store.ts";
import { isId } from "../../../id.ts";

interface Props {
  readonly params: Promise<{ readonly id: string }>;
}

const titleOf = ({ spec }: WholeResult): string =>
  `${methodName(spec.method.id)}${spec.sparsity > 0 ? ` at ${formatSparsity(spec.sparsity)} %` : ""}, seed ${spec.seed}`;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const result = await load((await params).id);
  const { accuracy } = result.result;
  const said = accuracy ? `${formatPercent(accuracy.last.correct / accuracy.last.total)} %` : result.outcome;
  return { title: `${titleOf(result)}: ${said}` };
}

async function load(id: string): Promise<WholeResult> {
  if (!isId(id)) notFound();
  return findResult(await db(), id).catch((fault) => {
    if (fault instanceof Problem && fault.code === "not-found") notFound();
    throw fault;
  });
}

export default async function ResultPage({ params }: Props) {
  await connection();
  const result = await load((await params).id);
  const database = await db();
  const digests = [result.resultDigest, result.ticketDigest, result.trainedDigest].filter((digest) => digest !== null);
  const [{ envelope }, provenance, group, site, place] = await Promise.all([
    findEnvelope(database, result.id),
    provenanceOf(database, { runnerId: result.runner.id, digests }),
    groupOf(database, result.groupDigest),
    siteAddress(),
    placeOfResult(database, result.id),
  ]);
  const { spec } = result;
  return (
    <>
      <p className="note">
        {place.tracked ? (
          <Link className="link" href="/regressions">
            Regressions
          </Link>
        ) : (
          <Link className="link" href={`/?dataset=${spec.dataset}&model=${spec.model}`}>
            Leaderboard
          </Link>
        )}
      </p>
      <h1 className="title mt-1 flex flex-wrap items-baseline gap-x-3">
        <span>
          <MethodMark method={spec.method.id} /> {titleOf(result)}
        </span>
        <span className="font-sans text-base text-soft">
          {modelName(spec.model)} on {datasetName(spec.dataset)}
        </span>
      </h1>
      <ResultVerdict result={result} />
      {!result.check && <RefreshOnChange url={`/api/v1/results/${result.id}`} version={rowVersion([result])} />}
      {place.tracked ? <Tracked place={place} /> : <Seeds group={group} current={result.id} />}

      <Section title="Learning curves">
        <div className="grid gap-x-10 gap-y-4 lg:grid-cols-[minmax(0,1fr)_21rem]">
          <div>
            <CurvesChart result={result.result} />
            <CurvesTable result={result.result} />
          </div>
          <div>
            <PhasesTable phases={result.result.phases} last="Time" text={(phase) => formatDuration(phase.seconds)} />
          </div>
        </div>
      </Section>

      {result.ticketDigest && (
        <Section title="The ticket">
          <div className="grid gap-x-12 gap-y-6 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.15fr)]">
            <div>
              <LayerBars spec={spec} layers={result.result.layers} />
            </div>
            {place.tracked ? (
              <p className="note max-w-prose">
                Its ticket and trained net were verified when they came in, and not kept: of runs for the series the
                digests stay. The same spec at the same commit makes them again.
              </p>
            ) : (
              <Ticket result={result} digest={result.ticketDigest} />
            )}
          </div>
        </Section>
      )}

      <div className="grid gap-x-12 lg:grid-cols-2">
        <Section title="Spec">
          <SpecList spec={spec} />
        </Section>
        <Section title="Signature and bytes">
          <ResultProvenance result={result} site={site} envelope={envelope} commitKnown={place.known} {...provenance} />
        </Section>
        <Section title="Cost">
          <CostFacts result={result.result} />
        </Section>
        <Section title="Environment">
          <EnvironmentFacts environment={result.result.environment} />
        </Section>
      </div>

      <Section title="Run it again">
        <p className="mb-2 max-w-prose text-sm text-soft">
          The same spec on the cpu engine gives the same bits, on any machine (
          <Link className="link" href="/engine">
            see it in this browser
          </Link>
          ):{" "}
          <a
            className="link"
            href={`/results/${result.id}/spec.json`}
            download={`spec-${result.specDigest.slice(0, 12)}.json`}
          >
            download the spec
          </a>{" "}
          into a clone of the code, and
        </p>
        <CodeBlock
          what="the command"
          code={`${place.tracked ? `git checkout ${place.commit}\n` : ""}npx ticketmark run spec-${result.specDigest.slice(0, 12)}.json`}
        />
        <p className="note mt-2">
          Or{" "}
          <Link className="link" href={`/submit?from=${result.id}`}>
            submit a variation of it
          </Link>
          .
        </p>
        <details className="mt-3">
          <summary className="note">The spec as JSON</summary>
          <div className="mt-2">
            <CodeBlock what="the spec" code={JSON.stringify(spec, null, 2)} />
          </div>
        </details>
      </Section>
    </>
  );
}

/** Why a run for the series alone was made; it stands on no leaderboard. */
function Tracked({
  place: { commit, purpose, investigationId },
}: {
  place: Awaited<ReturnType<typeof placeOfResult>>;
}) {
  const words = purpose ? PURPOSES[purpose] : "on its own";
  return (
    <p className="mt-3 text-sm text-soft">
      Run for the series across commits alone, so the leaderboard leaves it out: commit{" "}
      {commit ? <CommitLink hash={commit} /> : "unknown"},{" "}
      {investigationId ? (
        <Link className="link" href={`/regressions/tries/${investigationId}`}>
          {words}
        </Link>
      ) : (
        words
      )}
      .
    </p>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  const id = title.toLowerCase().replaceAll(" ", "-");
  return (
    <section aria-labelledby={id} className="mt-9 min-w-0">
      <h2 id={id} className="heading mb-2">
        {title}
      </h2>
      {children}
    </section>
  );
}

function Seeds({ group, current }: { group: Awaited<ReturnType<typeof groupOf>>; current: string }) {
  if (group.length < 2) return null;
  return (
    <nav aria-label="The same spec with other seeds" className="mt-3 flex flex-wrap items-center gap-1.5">
      <span className="note mr-1">Same spec, all runs</span>
      {group.map(({ id, seed, outcome, accuracy }) => (
        <Link
          key={id}
          href={`/results/${id}`}
          aria-current={id === current ? "true" : undefined}
          className="chip tabular-nums"
        >
          seed {seed} <span className="text-soft">{accuracy === null ? outcome : formatPercent(accuracy)}</span>
        </Link>
      ))}
    </nav>
  );
}

/** The file was verified when it came in; should it be gone from the store, the page says so and stands. */
async function Ticket({ result, digest }: { result: WholeResult; digest: string }) {
  const bytes = await getFile(digest).catch((fault) => {
    if (fault instanceof Problem) return null;
    throw fault;
  });
  if (!bytes) return <p className="text-bad">The ticket’s file is not in the store.</p>;
  const mask = readMask(bytes); // the weights are left where they are: a large net has 80 MB of them
  const kept = Object.values(mask).some((layer) => layer.includes(0));
  if (!kept) return <p className="note">Every weight is kept: there is no mask to draw.</p>;
  return <MaskPictures spec={result.spec} mask={mask} />;
}
