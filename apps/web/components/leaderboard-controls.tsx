/** The filters, each a link: the address is the state, and nothing here needs a script. */
import Link from "next/link";
import type { ReactNode } from "react";
import type { Pair } from "../db/leaderboard.ts";
import { formatSparsity } from "./format.ts";
import { type Filter, filterHref, toggle } from "./leaderboard-filter.ts";
import { LinkPending } from "./link-pending.tsx";
import { MethodName } from "./method-name.tsx";
import { datasetName, modelName } from "./registry-names.ts";

interface Props {
  /** With data set and model filled in. */
  readonly filter: Filter;
  readonly pairs: readonly Pair[];
  readonly methods: readonly string[];
  readonly sparsities: readonly number[];
}

export function LeaderboardControls({ filter, pairs, methods, sparsities }: Props) {
  return (
    <nav aria-label="Filters" className="grid gap-2 border-y border-rule py-3">
      {pairs.length > 1 && (
        <Row label="Data set, model">
          {pairs.map(({ dataset, model }) => (
            <Chip
              key={`${dataset} ${model}`}
              on={filter.dataset === dataset && filter.model === model}
              href={filterHref({ ...filter, dataset, model, methods: [], sparsities: [] })}
            >
              {datasetName(dataset)} · {modelName(model)}
            </Chip>
          ))}
        </Row>
      )}
      <Row label="Method">
        <Chip on={filter.methods.length === 0} href={filterHref({ ...filter, methods: [] })}>
          all
        </Chip>
        {methods.map((method) => (
          <Chip
            key={method}
            on={filter.methods.includes(method)}
            href={filterHref({ ...filter, methods: toggle(filter.methods, method).sort() })}
          >
            <MethodName method={method} />
          </Chip>
        ))}
      </Row>
      <Row label="Sparsity">
        <Chip on={filter.sparsities.length === 0} href={filterHref({ ...filter, sparsities: [] })}>
          all
        </Chip>
        {sparsities.map((sparsity) => (
          <Chip
            key={sparsity}
            on={filter.sparsities.includes(sparsity)}
            href={filterHref({ ...filter, sparsities: toggle(filter.sparsities, sparsity).sort((a, b) => a - b) })}
          >
            {sparsity === 0 ? "dense" : `${formatSparsity(sparsity)} %`}
          </Chip>
        ))}
      </Row>
    </nav>
  );
}

function Row({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-x-4 gap-y-1 sm:flex-row sm:items-center">
      <span className="note w-28 shrink-0">{label}</span>
      <div className="flex flex-wrap gap-1.5">{children}</div>
    </div>
  );
}

function Chip({ on, href, children }: { on: boolean; href: string; children: ReactNode }) {
  return (
    <Link href={href} className="chip" aria-current={on ? "true" : undefined} scroll={false}>
      {children}
      <LinkPending />
    </Link>
  );
}
