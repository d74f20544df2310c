/** The contract of a suite: a list of specs to run together, most wanted first. Specs may leave defaults out. */
import type { SpecInput } from "../spec.ts";

export interface Suite {
  readonly id: string;
  readonly name: string;
  readonly summary: string;
  specs(): readonly SpecInput[];
}
