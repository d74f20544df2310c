/** No pruning: the recipe alone, from the initial weights. The line every sparse method is compared with. */
import { z } from "zod";
import { denseMask } from "../mask.ts";
import type { Method } from "./method.ts";
import { DUAL_LOTTERY_TICKET_PAPER } from "./settings.ts";

const settings = z.strictObject({});

export const dense: Method<z.infer<typeof settings>> = {
  id: "dense",
  name: "Dense",
  paper: DUAL_LOTTERY_TICKET_PAPER,
  summary: "Keeps every weight: the network as it is, trained by the recipe.",
  settings,
  sparse: false,
  seedFixes: () => ["weights", "mask"],
  async findTicket(net) {
    return { mask: denseMask(net.initial, net.prunable), weights: net.initial };
  },
};
