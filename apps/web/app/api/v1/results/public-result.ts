/** How a result looks in the public JSON: what was claimed, what it rests on, what was checked. */
import type { ListedResult } from "../../../../db/results.ts";

export const publicResult = ({ seq: _, accuracy, sparsity, cost, seconds, ...row }: ListedResult) => ({
  ...row,
  /** Counts of test images, and mean losses; `accuracy.last` is the one that ranks. */
  metrics: { accuracy, sparsity, cost, seconds },
  links: {
    self: `/api/v1/results/${row.id}`,
    envelope: `/api/v1/results/${row.id}/envelope`,
    result: `/api/v1/files/${row.resultDigest}`,
    ticket: row.ticketDigest && `/api/v1/files/${row.ticketDigest}`,
    trained: row.trainedDigest && `/api/v1/files/${row.trainedDigest}`,
  },
});
