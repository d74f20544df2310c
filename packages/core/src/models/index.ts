/** THE LIST of models. One more is one file and one line here. */
import { registry } from "../registry.ts";
import { conv2, conv4, conv6 } from "./conv.ts";
import { lenet5 } from "./lenet5.ts";
import { lenet300100, mlpTiny } from "./mlp.ts";
import { mobilenetV2, mobilenetV2Imagenet } from "./mobilenet-v2.ts";
import type { Model } from "./model.ts";
import { resnet8, resnet20, resnet32, resnet44, resnet56, resnet110 } from "./resnet.ts";
import { resnet18, resnet18Imagenet, resnet34, resnet34Imagenet, resnet50, resnet50Imagenet } from "./resnet-b.ts";
import { vgg11, vgg16, vgg19 } from "./vgg.ts";
import { wrn16x8, wrn22x2, wrn28x10, wrn40x2 } from "./wide-resnet.ts";

export const models = registry<Model>("model", [
  lenet300100,
  mlpTiny,
  lenet5,
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
  resnet34,
  resnet34Imagenet,
  resnet50,
  resnet50Imagenet,
  wrn16x8,
  wrn22x2,
  wrn28x10,
  wrn40x2,
  mobilenetV2,
  mobilenetV2Imagenet,
]);
