/**
 * Tiny ImageNet: 200 of ImageNet's classes at 64 × 64, made for Stanford's course CS231n. 500 training images a class in
 * train/CLASS/images; the test set is the archive's val, 50 a class in one folder with a list of their classes, as its own
 * test images have no labels. Labels follow the classes' ids in ascending order, as torchvision's ImageFolder numbers them.
 *
 * Its authors publish no checksum: the sha256 and the size are those that several independent projects pin. Mean and deviation are
 * taken over all training pixels; the often seen .2302, .2265, .2262 is the mean of the images' own deviations.
 */
import { Problem } from "../problem.ts";
import { cifarRecipe } from "./cifar.ts";
import type { Dataset, ReadFolder } from "./dataset.ts";
import { checkCount, type ImageSet, jpegsIn, loadImages, openWith } from "./image-files.ts";
import type { Picture } from "./jpeg.ts";
import { planesOf } from "./resize.ts";

const ID = "tiny-imagenet";
const SIDE = 64;
const TRAIN_PER_CLASS = 500;
const TEST_PER_CLASS = 50;
const MAX_LIST_BYTES = 4 * 1024 * 1024;

const IMAGES = {
  archive: {
    name: "tiny-imagenet-200.zip",
    urls: ["https://cs231n.stanford.edu/tiny-imagenet-200.zip", "http://cs231n.stanford.edu/tiny-imagenet-200.zip"],
    bytes: 248_100_043,
    sha256: "6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
    format: "zip",
  },
  root: "tiny-imagenet-200",
} as const;

/** The archive's wnids.txt, sorted. */
const CLASS_NAMES = (
  "01443537 01629819 01641577 01644900 01698640 01742172 01768244 01770393 01774384 01774750 01784675 01855672 " +
  "01882714 01910747 01917289 01944390 01945685 01950731 01983481 01984695 02002724 02056570 02058221 02074367 " +
  "02085620 02094433 02099601 02099712 02106662 02113799 02123045 02123394 02124075 02125311 02129165 02132136 " +
  "02165456 02190166 02206856 02226429 02231487 02233338 02236044 02268443 02279972 02281406 02321529 02364673 " +
  "02395406 02403003 02410509 02415577 02423022 02437312 02480495 02481823 02486410 02504458 02509815 02666196 " +
  "02669723 02699494 02730930 02769748 02788148 02791270 02793495 02795169 02802426 02808440 02814533 02814860 " +
  "02815834 02823428 02837789 02841315 02843684 02883205 02892201 02906734 02909870 02917067 02927161 02948072 " +
  "02950826 02963159 02977058 02988304 02999410 03014705 03026506 03042490 03085013 03089624 03100240 03126707 " +
  "03160309 03179701 03201208 03250847 03255030 03355925 03388043 03393912 03400231 03404251 03424325 03444034 " +
  "03447447 03544143 03584254 03599486 03617480 03637318 03649909 03662601 03670208 03706229 03733131 03763968 " +
  "03770439 03796401 03804744 03814639 03837869 03838899 03854065 03891332 03902125 03930313 03937543 03970156 " +
  "03976657 03977966 03980874 03983396 03992509 04008634 04023962 04067472 04070727 04074963 04099969 04118538 " +
  "04133789 04146614 04149813 04179913 04251144 04254777 04259630 04265275 04275548 04285008 04311004 04328186 " +
  "04356056 04366367 04371430 04376876 04398044 04399382 04417672 04456115 04465501 04486054 04487081 04501370 " +
  "04507155 04532106 04532670 04540053 04560804 04562935 04596742 04597913 06596364 07579787 07583066 07614500 " +
  "07615774 07695742 07711569 07715103 07720875 07734744 07747607 07749582 07753592 07768694 07871810 07873807 " +
  "07875152 07920052 09193705 09246464 09256479 09332890 09428293 12267677"
)
  .split(" ")
  .map((number) => `n${number}`);

export const tinyImagenet: Dataset = {
  id: ID,
  name: "Tiny ImageNet",
  source: { title: "Tiny ImageNet Visual Recognition Challenge", url: "https://cs231n.stanford.edu/" },
  summary: "Photographs of 200 kinds of things, 64 × 64 colour: 100,000 training and 10,000 test images.",
  shape: [3, SIDE, SIDE],
  classes: CLASS_NAMES.length,
  trainCount: CLASS_NAMES.length * TRAIN_PER_CLASS,
  testCount: CLASS_NAMES.length * TEST_PER_CLASS,
  validationCount: 5_000,
  mean: [0.4802, 0.4481, 0.3975],
  std: [0.277, 0.2691, 0.2821],
  classNames: CLASS_NAMES,
  files: [],
  images: IMAGES,
  // CIFAR's, as no other is agreed on
  recipe: cifarRecipe,
  async load(_, open) {
    const opened = await openWith(open, ID)(ID, IMAGES);
    const sets = {
      train: await trainImages(opened.folder, CLASS_NAMES, TRAIN_PER_CLASS),
      test: await testImages(opened.folder, CLASS_NAMES, TEST_PER_CLASS),
    };
    return loadImages(opened, sets, { imageBytes: 3 * SIDE * SIDE, recode: planes, version: `${SIDE} as it is` });
  },
};

/** Throws Problem "bad-file" unless the picture has the one size. */
export function planes(picture: Picture, path: string): Uint8Array {
  const { width, height } = picture;
  if (width === SIDE && height === SIDE) return planesOf(picture);
  throw new Problem("bad-file", `${path}: expected ${SIDE} × ${SIDE} pixels; got ${width} × ${height}`);
}

/** Throws Problem "bad-file" unless each class has so many. */
export async function trainImages(folder: ReadFolder, names: readonly string[], perClass: number): Promise<ImageSet> {
  const classes: string[][] = [];
  for (const name of names) {
    const files = await jpegsIn(folder, `train/${name}/images`);
    checkCount("train", name, perClass, files.length);
    classes.push(files.map((file) => `train/${name}/images/${file}`));
  }
  return { classes };
}

/** A line of the list: file, class, and a box that is not used, between tabs. Throws Problem "bad-file". */
export async function testImages(folder: ReadFolder, names: readonly string[], perClass: number): Promise<ImageSet> {
  const list = "val/val_annotations.txt";
  const text = new TextDecoder().decode(await folder.read(list, MAX_LIST_BYTES));
  const classes = new Map(names.map((name): [string, string[]] => [name, []]));
  const seen = new Set<string>();
  for (const [i, line] of text.trimEnd().split(/\r?\n/).entries()) {
    const [file = "", name = ""] = line.split("\t");
    const files = classes.get(name);
    if (!files || !/^\w+\.JPEG$/.test(file) || seen.has(file)) {
      const got = JSON.stringify(line.slice(0, 80));
      throw new Problem("bad-file", `${list}: expected a new image and its class in line ${i + 1}; got ${got}`);
    }
    seen.add(file);
    files.push(`val/images/${file}`);
  }
  for (const [name, files] of classes) checkCount("val", name, perClass, files.length);
  return { classes: [...classes.values()] };
}
