/**
 * Early-Bird at high sparsities: two masks of sparsity s ≥ 50 % differ in at most 2(1 − s) of their entries, so the published
 * threshold of 0.1, a tenth of what masks of 50 % can differ in, would be met by any masks from 95 % on. Here it is that tenth.
 */
export const earlyBirdAt = (sparsity: number) => ({
  id: "early-bird",
  threshold: Number((0.1 * 2 * (1 - sparsity)).toFixed(6)), // as a person would write it
});
