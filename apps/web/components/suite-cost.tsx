/** What queueing the rest of a suite would take, by core's own plans, and what its runners need for it. */
import { datasets, type Suite, type SuiteStatus } from "@ticketmark/core";
import { costOfSpecs } from "../suite.ts";
import { formatCompact, formatCount } from "./format.ts";

export async function SuiteCost({ suite, specs }: { suite: Suite; specs: SuiteStatus["specs"] }) {
  const { iterations, images } = await costOfSpecs(suite, new Set(specs.map(({ specDigest }) => specDigest)));
  const ids = new Set(specs.map(({ dataset }) => dataset));
  const fetched = datasets.list.filter(
    ({ id, files }) => ids.has(id) && files.some(({ source }) => "archive" in source),
  );
  return (
    <p className="note mt-1">
      In all {formatCount(iterations)} iterations, {formatCompact(images)} images.
      {fetched.length > 0 &&
        ` A runner that has no ${fetched.map(({ name }) => name).join(" or ")} downloads it first.`}
    </p>
  );
}
