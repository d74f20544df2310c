/**
 * ImageNet (ILSVRC 2012: Russakovsky et al., arXiv 1409.0575) and subsets of its classes, or any folders of JPEGs laid out
 * like it: train/CLASS/*.JPEG and val/CLASS/*.JPEG. Nobody may hand its images on, so people bring the folder; a spec names
 * the classes and how many images each has, which makes a spec with its counts the same everywhere. Labels follow the
 * spec's order. The 50,000 validation images are the test set here, as in every published table.
 *
 * Images are kept as squares of 256: shorter side 256, bilinear with antialiasing, the middle cut out. Evaluation takes
 * the middle 224, torchvision's Resize(256), CenterCrop(224). Training crops come out of the square, not of the whole photograph:
 * what lies outside it is never seen, and no crop is finer than 256 pixels a shorter side.
 *
 * Of ILSVRC's 1,281,167 training files one is a PNG by another name, n02105855_2933.JPEG (TensorFlow's
 * build_imagenet_data.py, _is_png), and is refused as such: whoever trains on its class converts that file, and has a data
 * digest of their own, as each converter writes other pixels. CMYK ones are converted here.
 */
import { Problem } from "../problem.ts";
import type { ClassFolder, Dataset, ReadFolder } from "./dataset.ts";
import { checkCount, type ImageSet, jpegsIn, loadImages, openWith } from "./image-files.ts";
import { squareOf } from "./resize.ts";

const SIDE = 256;
const ID = "imagenet";
const IMAGES = { archive: null, root: "" } as const;

/** A twentieth of what there is. */
const heldOut = (trainCount: number): number => Math.floor(trainCount / 20);
const TRAIN_COUNT = 1_281_167;

const sum = (classes: readonly ClassFolder[], set: "train" | "test") =>
  classes.reduce((total, one) => total + one[set], 0);

export const imagenet: Dataset = {
  id: ID,
  name: "ImageNet",
  source: { title: "ImageNet Large Scale Visual Recognition Challenge 2012", url: "https://www.image-net.org/" },
  summary:
    "Photographs of up to 1,000 kinds of things, 224 × 224 colour, from folders of your own; the spec names the classes.",
  shape: [3, 224, 224],
  stored: [3, SIDE, SIDE],
  classes: 1_000,
  trainCount: TRAIN_COUNT,
  testCount: 50_000,
  validationCount: heldOut(TRAIN_COUNT),
  // torchvision's, of ImageNet's training images
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  classNames: [],
  files: [],
  images: IMAGES,
  // pytorch/examples/imagenet: main.py's defaults
  recipe: {
    epochs: 90,
    batchSize: 256,
    learningRate: [
      { epoch: 0, value: 0.1 },
      { epoch: 30, value: 0.01 },
      { epoch: 60, value: 0.001 },
    ],
    momentum: 0.9,
    weightDecay: 1e-4,
    nesterov: false,
    labelSmoothing: 0,
    augmentation: "random-resized-crop",
  },
  async load() {
    throw new Problem("bad-spec", `classes: expected those of ${ID}`);
  },
  withClasses: (classes) => ({
    ...imagenet,
    summary: `Photographs of ${classes.length} kinds of things, 224 × 224 colour, from folders of your own.`,
    classes: classes.length,
    trainCount: sum(classes, "train"),
    testCount: sum(classes, "test"),
    validationCount: heldOut(sum(classes, "train")),
    classNames: classes.map(({ name }) => name),
    async load(_, open) {
      const opened = await openWith(open, ID)(ID, IMAGES);
      const sets = {
        train: await imagesOf(opened.folder, "train", classes, "train"),
        test: await imagesOf(opened.folder, "val", classes, "test"),
      };
      return loadImages(opened, sets, {
        imageBytes: 3 * SIDE * SIDE,
        recode: (picture) => squareOf(picture, SIDE),
        version: `square of ${SIDE}`,
      });
    },
  }),
};

async function imagesOf(
  folder: ReadFolder,
  part: "train" | "val",
  classes: readonly ClassFolder[],
  set: "train" | "test",
): Promise<ImageSet> {
  const lists: string[][] = [];
  for (const one of classes) {
    const names = await jpegsIn(folder, `${part}/${one.name}`);
    checkCount(part, one.name, one[set], names.length);
    lists.push(names.map((name) => `${part}/${one.name}/${name}`));
  }
  return { classes: lists };
}
