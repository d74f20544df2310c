/**
 * A scope says where how many weights go, for one sparsity over all prunable weights. Methods then say which.
 *
 *   uniform      the same share of each layer, min(ceil(s·n), n − 1): the DLTH rule, and the default for comparison
 *   global       ceil(s·n) of all layers together: the method's scores decide where
 */
import type { Parameter } from "./layers.ts";
import { type Quota, roundShare, uniformQuotas } from "./mask.ts";

export const SCOPES = ["uniform", "global"] as const;
export type Scope = (typeof SCOPES)[number];

/**
 * @param prunable the prunable parameters, in the model's order
 * @param sparsity 0 ≤ s < 1; round c of N asks for 1 − (1 − s)^(c/N)
 * @param round from 1
 */
export function quotasOf(
  scope: Scope,
  prunable: readonly Parameter[],
  sparsity: number,
  round = 1,
  rounds = 1,
): readonly Quota[] {
  const share = roundShare(sparsity, round, rounds);
  switch (scope) {
    case "uniform":
      return uniformQuotas(Object.fromEntries(prunable.map(({ name, size }) => [name, size])), sparsity, round, rounds);
    case "global": {
      const size = prunable.reduce((sum, parameter) => sum + parameter.size, 0);
      return [{ layers: prunable.map(({ name }) => name), size, prune: Math.ceil(share * size) }];
    }
  }
}
