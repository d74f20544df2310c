/**
 * Dynamic sparse training: a random mask over the initial weights, which moves while they are trained. From time to time
 * each layer drops its smallest weights and grows as many others, which start at 0: SET at random, RigL where the loss would
 * fall fastest.
 *
 *   m ← random at sparsity s;   train W₀ ⊙ m by the recipe, and before iterations t = ΔT, 2ΔT, … ≤ T, in each layer:
 *     n ← ⌈rate/2 · (1 + cos(πt/T)) · kept⌉
 *     m ← m without its n smallest |W|
 *     m ← m and n of all that it now prunes:   SET: drawn at random;   RigL: the largest |∂L/∂W| of the iteration's batch
 *     W ← 0 where it grew
 *   ticket = (m at first, W₀) and these changes; T: SET the recipe's iterations, RigL a share of them
 *
 * SET: Mocanu et al., https://arxiv.org/abs/1707.04780. RigL: Evci et al., https://arxiv.org/abs/1911.11134. Rates, cosine,
 * and SET by magnitude: as varun19299/rigl-reproducibility runs both (`sparselearning/core.py`, `conf/masking`). As there,
 * what was just dropped may grow at once: it is 0 then, and keeps its momentum (google-research/rigl keeps its value too).
 * Departures: the first mask is the spec's scope's, the very one that `random` draws (SET: Erdős–Rényi; RigL: by choice). SET
 * drops by |W|, not by sign. SET grows exactly n, in that code n on average. The iteration of a change updates the weights too; in
 * that code a change takes the update's place. Rate is that of the iteration itself, there of the one before. In a layer of a sparsity below 20 %
 * that code may lower the rate to its sparsity; here, as in google-research/rigl, it does not, but a layer that has nothing
 * pruned is left alone. Gradients are of the loss alone, with nothing dropped out.
 */
import { z } from "zod";
import { countKept, leaving, type Mask, pick, type Quota } from "../mask.ts";
import { Problem } from "../problem.ts";
import type { DenseNetwork, Method, Remask, Ticket } from "./method.ts";

const rateSchema = z.number().positive().max(1);

const setSettings = z.strictObject({
  every: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe("iterations between two changes of the mask; left out: one epoch"),
  rate: rateSchema
    .default(0.5)
    .describe("share of a layer's kept weights that a change replaces, falling to 0 by a cosine"),
});

const riglSettings = z.strictObject({
  every: z.number().int().min(1).max(1_000_000).default(100).describe("iterations between two changes of the mask"),
  rate: rateSchema
    .default(0.3)
    .describe("share of a layer's kept weights that a change replaces, falling to 0 by a cosine"),
  untilShare: z
    .number()
    .positive()
    .max(1)
    .default(0.75)
    .describe("share of the recipe's iterations in which the mask changes"),
});

type Changes = Pick<Remask, "every" | "until"> & { readonly rate: number; readonly growth: "random" | "gradient" };

function dynamicTicket(net: DenseNetwork, sparsity: number, { every, until, rate, growth }: Changes): Ticket {
  if (every >= until)
    throw new Problem(
      "bad-spec",
      `method.every: expected fewer than the ${until} iterations in which the mask may change; got ${every}`,
    );
  return {
    mask: pick(net.quotas(sparsity), net.initial, "random", net.rng.stream("pick")),
    weights: net.initial,
    remask: {
      every,
      until,
      async next({ iteration, mask, weights, gradients }) {
        const share = rate * cosineDecay(iteration / until);
        const rng = net.rng.stream("grow").stream(`iteration ${iteration}`);
        const dropped = (kept: number, size: number) => (kept === size ? 0 : Math.ceil(share * kept));
        const left = layerQuotas(mask, (kept, size) => size - kept + dropped(kept, size));
        const survivors = pick(left, weights, "smallest", rng, { mask, by: "index" });
        // what grows is picked as what is pruned is: with survivors as the earlier ones, up to as many as there were
        const picked = { mask: leaving(survivors), by: "index" } as const;
        const full = layerQuotas(mask, (kept) => kept);
        const grown =
          growth === "random"
            ? pick(full, weights, "random", rng, picked)
            : pick(full, await gradients(), "largest", rng, picked);
        return { mask: leaving(grown), survivors };
      },
    },
  };
}

const layerQuotas = (mask: Mask, prune: (kept: number, size: number) => number): Quota[] =>
  Object.entries(mask).map(([layer, kept]) => ({
    layers: [layer],
    size: kept.length,
    prune: prune(countKept(kept), kept.length),
  }));

/** (1 + cos πx)/2 for 0 ≤ x ≤ 1: exactly 1 at 0 and 0 at 1. Own arithmetic, as `Math.cos` differs between engines. */
export function cosineDecay(x: number): number {
  const s = sine(1.5707963267948966 * Math.min(x, 1 - x));
  return x < 0.5 ? 1 - s * s : s * s;
}

/** sin y for 0 ≤ y ≤ π/4, to the last bits: y − y³/3! + y⁵/5! − …, the last term first. */
function sine(y: number): number {
  let series = 0;
  for (let n = 18; n >= 2; n -= 2) series = (1 - series) * ((y * y) / (n * (n + 1)));
  return y * (1 - series);
}

export const set: Method<z.infer<typeof setSettings>> = {
  id: "set",
  name: "SET",
  paper: {
    title:
      "Scalable Training of Artificial Neural Networks with Adaptive Sparse Connectivity inspired by Network Science (Mocanu et al., Nature Communications 2018)",
    url: "https://arxiv.org/abs/1707.04780",
  },
  summary: "Trains under a random mask that moves: the smallest weights are dropped, as many others drawn at random.",
  settings: setSettings,
  sparse: true,
  remasks: "moves",
  seedFixes: () => ["weights", "mask"],
  findTicket: async (net, sparsity, { every = net.epochIterations, rate }) =>
    dynamicTicket(net, sparsity, { every, until: net.iterations, rate, growth: "random" }),
};

export const rigl: Method<z.infer<typeof riglSettings>> = {
  id: "rigl",
  name: "RigL",
  paper: {
    title: "Rigging the Lottery: Making All Tickets Winners (Evci, Gale, Menick, Castro, Elsen, ICML 2020)",
    url: "https://arxiv.org/abs/1911.11134",
  },
  summary:
    "Trains under a random mask that moves: the smallest weights are dropped, those of the largest gradient grow.",
  settings: riglSettings,
  sparse: true,
  remasks: "moves",
  seedFixes: () => ["weights", "mask"],
  findTicket: async (net, sparsity, { every, rate, untilShare }) =>
    dynamicTicket(net, sparsity, {
      every,
      until: Math.floor(untilShare * net.iterations),
      rate,
      growth: "gradient",
    }),
};
