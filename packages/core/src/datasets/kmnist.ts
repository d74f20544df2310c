/**
 * Kuzushiji-MNIST: cursive Japanese characters in MNIST's shape. Clanuwat et al., arXiv 1812.01718. Sizes and sha256 of the
 * archives: tensorflow_datasets' url_checksums/kmnist.txt; class names: torchvision's datasets/mnist.py. Mean and standard
 * deviation: as computed in google-research's code for the same files (.19176, .34834).
 */
import { digitLike, gzipped } from "./digit-like.ts";

const FOLDERS = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"];

export const kmnist = digitLike({
  id: "kmnist",
  name: "KMNIST",
  source: { title: "Kuzushiji-MNIST", url: "https://github.com/rois-codh/kmnist" },
  summary: "Cursive Japanese characters, 28 × 28 grey: 60,000 training and 10,000 test images.",
  mean: 0.1918,
  std: 0.3483,
  classNames: ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
  trainImages: gzipped(
    FOLDERS,
    "train-images-idx3-ubyte",
    18_165_135,
    "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
  ),
  trainLabels: gzipped(
    FOLDERS,
    "train-labels-idx1-ubyte",
    29_497,
    "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
  ),
  testImages: gzipped(
    FOLDERS,
    "t10k-images-idx3-ubyte",
    3_041_136,
    "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
  ),
  testLabels: gzipped(
    FOLDERS,
    "t10k-labels-idx1-ubyte",
    5_120,
    "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
  ),
});
