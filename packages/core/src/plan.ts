/**
 * What a spec will cost, counted by running its method against a network that trains nothing: no second formula to keep
 * in step. Feeds progress bars, the submit form and the job page.
 */
export interface PlannedPhase {
  readonly name: string;
  readonly part: "method" | "final";
  readonly iterations: number;
  readonly batchSize: number;
  /** Share of the prunable weights under a mask while it runs. */
  readonly sparsity: number;
}
