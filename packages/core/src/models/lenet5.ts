/**
 * LeNet-5 as pruning papers use it: not the net of LeCun et al. 1998, but Caffe's (BVLC/caffe,
 * examples/mnist/lenet_train_test.prototxt), which SNIP's code has too (namhoonlee/snip-public, snip/network.py): convolutions
 * 5 × 5 of 20 and 50 channels without padding, each followed by a max-pool and no ReLU, then 500 features with ReLU. Prunable, by
 * the DLTH rule: every weight but the first convolution's and the classifier's. Initialised like the other LeNet (Caffe: Xavier).
 * With momentum 0.9 and a learning rate of 0.1 it diverges, in PyTorch too; 0.02 trains it.
 */
import { classifier, conv, maxPool, relu } from "./blocks.ts";
import { uniformByFanIn } from "./initialise.ts";
import { lenet300100 } from "./mlp.ts";
import type { Model } from "./model.ts";

const KERNEL = 5;
const FEATURES = 500;

export const lenet5: Model = {
  id: "lenet-5",
  name: "LeNet-5 (Caffe)",
  paper: lenet300100.paper,
  summary:
    "Two convolutions and two linear layers, Caffe's variant (20-50-500): 431,080 parameters on MNIST. A learning rate of 0.1 is too much for it.",
  architecture(input, classes) {
    const [channels, ...plane] = input;
    const after = (size: number): number => Math.floor((size - KERNEL + 1) / 2);
    const inputs = plane.reduce((product, size) => product * after(after(size)), 50);
    const options = { bias: true, padding: [0, 0] } as const;
    return {
      input,
      classes,
      layers: [
        conv("conv1", channels, 20, KERNEL, { ...options, prunable: false }),
        maxPool(2, 2),
        conv("conv2", 20, 50, KERNEL, options),
        maxPool(2, 2),
        { kind: "flatten" },
        { kind: "linear", name: "fc1", inputs, outputs: FEATURES, bias: true, prunable: true },
        relu(),
        classifier("fc2", FEATURES, classes),
      ],
    };
  },
  initialise: uniformByFanIn,
};
