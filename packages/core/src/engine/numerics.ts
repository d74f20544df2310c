/**
 * Raised with any intended change of bits on the cpu engine or in what feeds it (generator, batches, initialisation,
 * schedules). Stated in every result; a replay demands equal NUMERICS. Pinned digests live in pins.ts and numerics.test.ts
 * and change only with it.
 */
export const NUMERICS = 1;
