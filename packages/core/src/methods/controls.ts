/**
 * Controls: what a ticket would be worth without one of its parts. A method says that its ticket's mask, its weights or
 * its penalty matter; the same run with that part replaced by chance, or left out, is what it must beat.
 *
 *   shuffled-mask     each layer's mask in a random order: as many weights in each layer, but others
 *   redrawn-weights   new initial weights under the same mask, batch norm's state too
 *
 * Frankle et al. 2021, "Pruning Neural Networks at Initialization: Why Are We Missing the Mark?",
 * https://arxiv.org/abs/2009.08576; also Su et al. 2020, "Sanity-Checking Pruning Methods", https://arxiv.org/abs/2009.11094.
 */
import { z } from "zod";
import { countKept, pick } from "../mask.ts";
import type { DenseNetwork, Ticket } from "./method.ts";

const TICKET_CONTROLS = ["shuffled-mask", "redrawn-weights"] as const;
export type TicketControl = (typeof TICKET_CONTROLS)[number];

export const controlSchema = z
  .enum(TICKET_CONTROLS)
  .optional()
  .describe("what of the ticket is left to chance: its mask within each layer, or its weights; left out: nothing");

/** The ticket as the control has it. New weights have not trained yet, so they start the recipe from its beginning. */
export function controlled(net: DenseNetwork, ticket: Ticket, control: TicketControl | undefined): Ticket {
  const rng = net.rng.stream("control");
  switch (control) {
    case undefined:
      return ticket;
    case "shuffled-mask": {
      const quotas = Object.entries(ticket.mask).map(([layer, kept]) => ({
        layers: [layer],
        size: kept.length,
        prune: kept.length - countKept(kept),
      }));
      return { ...ticket, mask: pick(quotas, ticket.weights, "random", rng) };
    }
    case "redrawn-weights":
      return { ...ticket, weights: net.redraw(rng), from: 0 };
  }
}
