/** THE LIST of models. One more is one file and one line here. */
import { registry } from "../registry.ts";
import { lenet300100, mlpTiny } from "./mlp.ts";
import type { Model } from "./model.ts";
import { resnet8, resnet20, resnet32, resnet44, resnet56, resnet110 } from "./resnet.ts";

export const models = registry<Model>("model", [
  lenet300100,
  mlpTiny,
  resnet8,
  resnet20,
  resnet32,
  resnet44,
  resnet56,
  resnet110,
]);
