/** The contract of a suite: a list of specs to run together, most wanted first. Specs may leave defaults out. */
import type { ClassFolder } from "../datasets/dataset.ts";
import { Problem } from "../problem.ts";
import type { SpecInput } from "../spec.ts";

export interface Suite {
  readonly id: string;
  readonly name: string;
  readonly summary: string;
  /** Its images lie in class folders, and whoever runs it says which. */
  readonly takesClasses?: true;
  /** Figures of the same measured elsewhere. */
  readonly reference?: Reference;
  /** Call `specsOf`, which checks the classes. */
  specs(classes?: readonly ClassFolder[]): readonly SpecInput[];
}

export interface Reference {
  readonly source: string;
  /** Behind each mean. */
  readonly seeds: number;
  rows(): readonly ReferenceRow[];
  /** Pairs of row names: the first is above the second. */
  readonly orderings: readonly (readonly [better: string, worse: string])[];
}

/** One row: test accuracies in percent. */
export interface ReferenceRow {
  readonly name: string;
  /** Of any seed. */
  readonly spec: SpecInput;
  readonly mean: number;
  /** Sample standard deviation over the seeds. */
  readonly sd: number;
  readonly beforeCut?: number;
  readonly afterCut?: number;
}

/** What a suite runs. Throws Problem "bad-request" where class folders are needed and not given, or given and not needed. */
export function specsOf(suite: Suite, classes?: readonly ClassFolder[]): readonly SpecInput[] {
  if (Boolean(suite.takesClasses) === Boolean(classes)) return suite.specs(classes);
  throw new Problem(
    "bad-request",
    classes
      ? `suite ${suite.id}: expected no classes, as its data sets have their own; got ${classes.length}`
      : `suite ${suite.id}: expected the list of its classes, as \`ticketmark data classes DIR\` prints it; got none`,
  );
}
