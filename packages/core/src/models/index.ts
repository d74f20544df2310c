/** THE LIST of models. One more is one file and one line here. */
import { registry } from "../registry.ts";
import { lenet300100, mlpTiny } from "./mlp.ts";
import type { Model } from "./model.ts";

export const models = registry<Model>("model", [lenet300100, mlpTiny]);
