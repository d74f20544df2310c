/**
 * CIFAR-10 and CIFAR-100: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. The binary version: a
 * record is the label (CIFAR-100: the coarse one, then the fine one) and 3 × 32 × 32 bytes, red, green, blue plane, row by
 * row. https://www.cs.toronto.edu/~kriz/cifar.html. Fine labels are used.
 *
 * Sizes and sha256 of the archives: tensorflow_datasets' url_checksums/cifar10.txt and cifar100.txt; sha256 of the members:
 * ankane/torchvision-ruby, lib/torchvision/datasets/cifar10.rb and cifar100.rb; class names: batches.meta.txt and
 * fine_label_names.txt of the archives, as tensorflow_datasets has them.
 */
import { Problem } from "../problem.ts";
import type { Recipe } from "../training/recipe.ts";
import type { Archive, DataFile, Dataset, Examples, ReadFile } from "./dataset.ts";
import { digestOfExamples, readChecked } from "./files.ts";

const PIXELS = 3 * 32 * 32;
const SOURCE = { title: "The CIFAR-10 and CIFAR-100 datasets", url: "https://www.cs.toronto.edu/~kriz/cifar.html" };

/** How DLTH trains on CIFAR (its README's commands): the same for both. */
export const cifarRecipe: Recipe = {
  epochs: 200,
  batchSize: 128,
  learningRate: [
    { epoch: 0, value: 0.1 },
    { epoch: 100, value: 0.01 },
    { epoch: 150, value: 0.001 },
  ],
  momentum: 0.9,
  weightDecay: 5e-4,
  nesterov: false,
  labelSmoothing: 0,
  augmentation: "crop-flip",
};

const archive = (name: string, bytes: number, sha256: string): Archive => ({
  name,
  urls: [`https://www.cs.toronto.edu/~kriz/${name}`],
  bytes,
  sha256,
  format: "tar.gz",
});

const CIFAR_10 = archive(
  "cifar-10-binary.tar.gz",
  170_052_171,
  "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
);
const CIFAR_100 = archive(
  "cifar-100-binary.tar.gz",
  168_513_733,
  "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
);

/** The examples of a set's files, one after the other; the last label byte of a record is used. Throws Problem "bad-file". */
export function decodeCifar(
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
  labelBytes: number,
  classes: number,
): Examples & { readonly images: Uint8Array } {
  const size = labelBytes + PIXELS;
  const total = files.reduce((sum, { bytes }) => sum + Math.floor(bytes.length / size), 0);
  const images = new Uint8Array(total * PIXELS);
  const labels = new Uint8Array(total);
  let count = 0;
  for (const { name, bytes } of files) {
    if (bytes.length % size !== 0)
      throw new Problem("bad-file", `${name}: expected records of ${size} bytes; got ${bytes.length} bytes`);
    for (let at = 0; at < bytes.length; at += size) {
      const label = bytes[at + labelBytes - 1]!;
      if (label >= classes)
        throw new Problem(
          "bad-file",
          `${name}: expected labels 0 … ${classes - 1}; got ${label} at record ${at / size}`,
        );
      labels[count] = label;
      images.set(bytes.subarray(at + labelBytes, at + size), count * PIXELS);
      count++;
    }
  }
  return { images, labels, count };
}

interface Cifar extends Pick<Dataset, "id" | "name" | "summary" | "mean" | "std" | "classNames"> {
  readonly labelBytes: number;
  readonly archive: Archive;
  readonly folder: string;
  /** Name and sha256 of the files; images are shared out evenly. */
  readonly train: readonly (readonly [name: string, sha256: string])[];
  readonly test: readonly [name: string, sha256: string];
}

function cifar({ labelBytes, archive, folder, train, test, ...parts }: Cifar): Dataset {
  const trainCount = 50_000;
  const testCount = 10_000;
  const file = ([name, sha256]: readonly [string, string], count: number): DataFile => ({
    name,
    bytes: count * (labelBytes + PIXELS),
    sha256,
    source: { archive, member: `${folder}/${name}` },
  });
  const trainFiles = train.map((one) => file(one, trainCount / train.length));
  const testFiles = [file(test, testCount)];
  const examples = async (files: readonly DataFile[], read: ReadFile) =>
    decodeCifar(
      await Promise.all(files.map(async (one) => ({ name: one.name, bytes: await readChecked(one, read) }))),
      labelBytes,
      parts.classNames.length,
    );
  return {
    ...parts,
    source: SOURCE,
    shape: [3, 32, 32],
    classes: parts.classNames.length,
    trainCount,
    testCount,
    validationCount: 5_000,
    files: [...trainFiles, ...testFiles],
    recipe: cifarRecipe,
    async load(read) {
      const [trained, tested] = [await examples(trainFiles, read), await examples(testFiles, read)];
      return { train: trained, test: tested, digest: await digestOfExamples(trained, tested) };
    },
  };
}

/**
 * Mean and deviation are those of its own training pixels. DLTH's code takes ImageNet's here (data_loader_cifar10.py), so
 * its nets see slightly other numbers; one affine map a channel lies between them.
 */
export const cifar10 = cifar({
  id: "cifar-10",
  name: "CIFAR-10",
  summary: "Photographs of animals and vehicles, 32 × 32 colour: 50,000 training and 10,000 test images.",
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.247, 0.2435, 0.2616],
  classNames: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
  labelBytes: 1,
  archive: CIFAR_10,
  folder: "cifar-10-batches-bin",
  train: [
    ["data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"],
    ["data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"],
    ["data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"],
    ["data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"],
    ["data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"],
  ],
  test: ["test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"],
});

/** Mean and deviation are DLTH's (data_loader_cifar100.py), its own to within .0002. */
export const cifar100 = cifar({
  id: "cifar-100",
  name: "CIFAR-100",
  summary: "Photographs of 100 kinds of things, 32 × 32 colour: 50,000 training and 10,000 test images.",
  mean: [0.5071, 0.4867, 0.4408],
  std: [0.2675, 0.2565, 0.2761],
  classNames: (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle " +
    "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant " +
    "flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man " +
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree " +
    "plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper " +
    "snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train " +
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm"
  ).split(" "),
  labelBytes: 2,
  archive: CIFAR_100,
  folder: "cifar-100-binary",
  train: [["train.bin", "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"]],
  test: ["test.bin", "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"],
});
