/**
 * Fully connected nets: linear layers with ReLU between, biases everywhere, the classifier not prunable (the DLTH rule).
 */
import type { Architecture, Layer, Shape } from "../layers.ts";
import { uniformByFanIn } from "./initialise.ts";
import type { Model } from "./model.ts";

function mlp(input: Shape, hidden: readonly number[], classes: number): Architecture {
  const layers: Layer[] = [{ kind: "flatten" }];
  let inputs = input[0] * input[1] * input[2];
  for (const [i, outputs] of [...hidden, classes].entries()) {
    const prunable = i < hidden.length;
    layers.push({ kind: "linear", name: `fc${i + 1}`, inputs, outputs, bias: true, prunable });
    if (prunable) layers.push({ kind: "relu" });
    inputs = outputs;
  }
  return { input, classes, layers };
}

export const lenet300100: Model = {
  id: "lenet-300-100",
  name: "LeNet-300-100",
  paper: {
    title: "Gradient-Based Learning Applied to Document Recognition (LeCun, Bottou, Bengio, Haffner, 1998)",
    url: "http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf",
  },
  summary: "Fully connected, hidden layers of 300 and 100: 266,610 parameters on MNIST, 265,200 of them prunable.",
  architecture: (input, classes) => mlp(input, [300, 100], classes),
  initialise: uniformByFanIn,
};

export const mlpTiny: Model = {
  id: "mlp-tiny",
  name: "MLP (tiny)",
  paper: lenet300100.paper,
  summary: "For tests: fully connected, two hidden layers of 16.",
  architecture: (input, classes) => mlp(input, [16, 16], classes),
  initialise: uniformByFanIn,
};
