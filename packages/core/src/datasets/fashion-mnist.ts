/**
 * Fashion-MNIST: articles of clothing in MNIST's shape. Xiao, Rasul, Vollgraf, arXiv 1708.07747. Sizes and sha256 of the
 * archives: tensorflow_datasets' url_checksums/fashion_mnist.txt; class names: torchvision's datasets/mnist.py. The bucket
 * has no https under this name: the sha256 is what makes the bytes the right ones.
 */
import { digitLike, gzipped } from "./digit-like.ts";

const FOLDERS = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"];

export const fashionMnist = digitLike({
  id: "fashion-mnist",
  name: "FashionMNIST",
  source: {
    title: "Fashion-MNIST, a dataset of Zalando’s article images",
    url: "https://github.com/zalandoresearch/fashion-mnist",
  },
  summary: "Articles of clothing, 28 × 28 grey: 60,000 training and 10,000 test images.",
  mean: 0.286,
  std: 0.353,
  classNames: [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
  ],
  trainImages: gzipped(
    FOLDERS,
    "train-images-idx3-ubyte",
    26_421_880,
    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
  ),
  trainLabels: gzipped(
    FOLDERS,
    "train-labels-idx1-ubyte",
    29_515,
    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
  ),
  testImages: gzipped(
    FOLDERS,
    "t10k-images-idx3-ubyte",
    4_422_102,
    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
  ),
  testLabels: gzipped(
    FOLDERS,
    "t10k-labels-idx1-ubyte",
    5_148,
    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
  ),
});
