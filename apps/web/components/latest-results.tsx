/** What came in last, whatever the filter says. */
import Link from "next/link";
import type { LatestResult } from "../db/pages.ts";
import { formatPercent, formatSparsity, formatTime } from "./format.ts";
import { MethodName } from "./method-name.tsx";
import { datasetName, modelName } from "./registry-names.ts";

export function LatestResults({ latest }: { latest: readonly LatestResult[] }) {
  return (
    <aside aria-labelledby="latest">
      <h3 id="latest" className="note mb-1 font-semibold text-ink">
        Latest results
      </h3>
      <ol className="text-[0.8125rem] tabular-nums">
        {latest.map((result) => (
          <li key={result.id} className="border-t border-rule py-1.5">
            <Link href={`/results/${result.id}`} className="group block">
              <span className="flex justify-between gap-2">
                <span className="group-hover:underline">
                  <MethodName method={result.method} />
                  {result.sparsity > 0 && ` ${formatSparsity(result.sparsity)} %`}
                </span>
                {result.accuracy === null ? (
                  <span className="text-bad">{result.outcome}</span>
                ) : (
                  <strong className="font-semibold">{formatPercent(result.accuracy)}</strong>
                )}
              </span>
              <span className="note block">
                {modelName(result.model)} on {datasetName(result.dataset)}
              </span>
              <span className="note flex justify-between gap-2">
                <span>
                  seed {result.seed}, {result.runner}
                </span>
                <time dateTime={result.receivedAt.toISOString()}>{formatTime(result.receivedAt)}</time>
              </span>
            </Link>
          </li>
        ))}
      </ol>
    </aside>
  );
}
