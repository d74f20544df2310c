import { type Dataset, datasets, suites } from "@ticketmark/core";
import type { Metadata } from "next";
import { connection } from "next/server";
import type { ReactNode } from "react";
import { CodeBlock } from "../../components/code-block.tsx";
import { DataFiles } from "../../components/data-files.tsx";
import { formatCount, imageText } from "../../components/format.ts";
import { recipeText } from "../../components/leaderboard-groups.ts";
import { EntryChips, RegistryEntry } from "../../components/registry-entry.tsx";
import { datasetName } from "../../components/registry-names.ts";
import { siteAddress } from "../../components/site-address.ts";
import { Facts } from "../../components/spec-list.tsx";

export const metadata: Metadata = {
  title: "Data sets",
  description: "Each data set, where its files come from, and how nets are trained on it.",
};

export default async function DatasetsPage() {
  await connection();
  const site = await siteAddress();
  return (
    <>
      <h1 className="title">Data sets</h1>
      <p className="mt-1.5 max-w-prose text-soft">
        Runners bring the files themselves when a job wants them, from the addresses below, and check every byte. A
        result states the digest of the pixels it was trained on.
      </p>
      <EntryChips title="Data sets" ids={datasets.ids} named={datasetName} />
      <div className="mt-6 divide-y divide-rule border-t border-rule">
        {datasets.list.map((dataset) => (
          <RegistryEntry
            key={dataset.id}
            member={dataset}
            source={dataset.source}
            query="dataset"
            runs={!dataset.withClasses}
          >
            <div className="space-y-4">
              <Facts rows={factsOf(dataset)} />
              {dataset.withClasses ? <OwnFolders dataset={dataset} site={site} /> : <DataFiles dataset={dataset} />}
            </div>
          </RegistryEntry>
        ))}
      </div>
    </>
  );
}

const SHOWN_CLASSES = 10;

function factsOf(dataset: Dataset): [string, ReactNode][] {
  const { shape, stored, classes, classNames, trainCount, validationCount, testCount, mean, std, recipe } = dataset;
  const most = dataset.withClasses ? "up to " : "";
  const names = classNames.slice(0, SHOWN_CLASSES).join(", ") + (classes > SHOWN_CLASSES ? ", …" : "");
  return [
    ["Images", imageText(shape) + (stored ? `, a part of ${imageText(stored)}` : "")],
    ["Classes", most + formatCount(classes) + (classNames.length > 0 ? `: ${names}` : "")],
    ["To train on", `${most}${formatCount(trainCount)}; protocol validation holds ${formatCount(validationCount)} out`],
    ["To test on", most + formatCount(testCount)],
    ["Mean", `${mean.join(", ")} (pixels from 0 to 1)`],
    ["Deviation", std.join(", ")],
    ["Final training", recipeText(recipe)],
  ];
}

/** For a data set that nobody may hand on, and whose specs name the classes. */
function OwnFolders({ dataset: { id }, site }: { dataset: Dataset; site: string }) {
  const taking = suites.list.filter(({ takesClasses }) => takesClasses);
  return (
    <div className="space-y-2 text-sm">
      <p>
        Nobody may hand its images on: bring folders <code className="font-mono">train/CLASS</code> and{" "}
        <code className="font-mono">val/CLASS</code> of JPEGs to the runner, as <code className="font-mono">{id}</code>{" "}
        in its data folder (<code className="font-mono">ticketmark data</code> names it). A spec lists the classes and
        how many images each has, which this prints:
      </p>
      <CodeBlock code="npx ticketmark data classes DIR > classes.json" what="the command" />
      {taking.length > 0 ? (
        <>
          <p>The suite {taking.map((suite) => suite.name).join(", ")} takes that list:</p>
          <CodeBlock
            code={`npx ticketmark suite queue ${taking[0]!.id} --server ${site} --classes classes.json`}
            what="the command"
          />
          <p className="note">
            Any other spec: <code className="font-mono">POST /api/v1/jobs</code> with the list under{" "}
            <code className="font-mono">classes</code>.
          </p>
        </>
      ) : (
        <p>
          To queue a spec, send it to <code className="font-mono">POST /api/v1/jobs</code> with that list under{" "}
          <code className="font-mono">classes</code>; <code className="font-mono">ticketmark run</code> takes it as it
          is.
        </p>
      )}
    </div>
  );
}
