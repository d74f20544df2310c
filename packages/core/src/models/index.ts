/** THE LIST of models. One more is one file and one line here. */
import { registry } from "../registry.ts";
import { conv2, conv4, conv6 } from "./conv.ts";
import { lenet300100, mlpTiny } from "./mlp.ts";
import type { Model } from "./model.ts";
import { resnet8, resnet20, resnet32, resnet44, resnet56, resnet110 } from "./resnet.ts";
import { resnet18, resnet18Imagenet } from "./resnet18.ts";
import { vgg11, vgg16, vgg19 } from "./vgg.ts";

export const models = registry<Model>("model", [
  lenet300100,
  mlpTiny,
  resnet8,
  resnet20,
  resnet32,
  resnet44,
  resnet56,
  resnet110,
  vgg11,
  vgg16,
  vgg19,
  conv2,
  conv4,
  conv6,
  resnet18,
  resnet18Imagenet,
]);
