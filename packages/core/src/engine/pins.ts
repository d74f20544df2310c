/**
 * Short runs with the digests they must have, with every build, on any number of threads, on Node and in a browser: what
 * NUMERICS promises, small enough for a page to show (the site's /engine). They change only with NUMERICS.
 *
 * Made anew: `npx vitest run packages/core/src/engine/pins.test.ts` prints what there is beside what is pinned.
 */
import type { SpecInput } from "../spec.ts";

export interface Pin {
  readonly numerics: number;
  readonly name: string;
  readonly spec: SpecInput;
  /** sha256 (hex) of the ticket's file and of the trained net's, and the trace's head. */
  readonly ticket: string;
  readonly trained: string;
  readonly trace: string;
}

/** As short as extrusion can be and still pass through all of it: 20 strengths, then 20 iterations. */
const extrusion = { interval: 1, granularity: 0.05, settle: 20, learningRate: 0.01 };

export const PINS: readonly Pin[] = [
  {
    numerics: 1,
    name: "Fully connected: penalised while dense, then 90 % sparse",
    spec: { dataset: "toy", model: "lenet-300-100", method: { id: "rst", ...extrusion }, sparsity: 0.9, seed: 41 },
    ticket: "8af3ee59e65ef91d5e9203925c0c2c9b2091660b5f1e22dfa129e3d9978028f6",
    trained: "0a27b80eabe6bbebbbabbabe32996adca669a3c3205583246f154de561bdabb4",
    trace: "da920473b2ae7480e87b8ffe4500a6eadbb85dbcbf745f273be91609e71b62d1",
  },
  {
    numerics: 1,
    name: "Convolutions and pools: dense, 68 % pruned, then 90 %; Nesterov momentum, short last batches",
    spec: {
      ...{ dataset: "toy", model: "conv-2", method: { id: "lth-iter", rounds: 2 }, sparsity: 0.9, seed: 42 },
      recipe: { epochs: 1, batchSize: 17, nesterov: true, labelSmoothing: 0.1 },
    },
    ticket: "06c7256cc558ccc1a2f7cdf921ac8a35ae445f7e339ec9109fe758dcf3990bf9",
    trained: "d37f6173e95827f2fbabe9aeab34958c52b8a62b5b04543fbd9e2d3729bd62f7",
    trace: "9cdfbe21baa8357e729051b1ace1c6eedc617eb80defb78250ea9918ab80daae",
  },
  {
    numerics: 1,
    name: "Residual with batch norm: penalised while dense, then 95 % sparse",
    spec: {
      ...{ dataset: "toy", model: "resnet-8", method: { id: "rst", ...extrusion }, sparsity: 0.95, seed: 43 },
      recipe: { epochs: 2 },
    },
    ticket: "681ca1b7e34209e95ccc29482479bbfd502d9b96825e70bf73d48f73c963a7d7",
    trained: "fef2950b08b73bc084b62edc8b58c43cf21082caf9f315432ff48044d997dd59",
    trace: "421161985fa595e84d961b873cd6457cfbf9c2de5373ef9a3ec8857c5bc8240c",
  },
];
