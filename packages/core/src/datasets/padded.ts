/**
 * A data set with a frame of zeros around each image, so that nets made for 32 × 32 images run on 28 × 28 ones: the digits
 * in the middle, as LeNet-5 saw them. The frame is put on before normalisation, which keeps the constants of the images
 * without it (torchvision's Pad(2), ToTensor, Normalize).
 */
import type { Recipe } from "../training/recipe.ts";
import type { Dataset, Examples } from "./dataset.ts";
import { digestOfExamples } from "./files.ts";

const FRAME = 2;

/** Short enough for any machine: the protocol of the suite `resnet20-mnist32`. */
const recipe: Recipe = {
  epochs: 3,
  batchSize: 128,
  learningRate: [
    { epoch: 0, value: 0.1 },
    { epoch: 2, value: 0.01 },
  ],
  momentum: 0.9,
  weightDecay: 1e-4,
  nesterov: false,
  labelSmoothing: 0,
};

/** The same images, each side longer by 4. For data sets that fit into memory. */
export function padded(dataset: Dataset, id: string): Dataset {
  const [channels, height, width] = dataset.shape;
  const frame = (examples: Examples) => ({ ...examples, images: withFrame(examples, channels, height, width) });
  return {
    ...dataset,
    id,
    name: `${dataset.name} 32×32`,
    summary: `${dataset.name} in a frame of ${FRAME} zeros: ${height + 2 * FRAME} × ${width + 2 * FRAME}, for nets that need it.`,
    shape: [channels, height + 2 * FRAME, width + 2 * FRAME],
    recipe,
    async load(read) {
      const data = await dataset.load(read);
      const [train, test] = [frame(data.train), frame(data.test)];
      return { train, test, digest: await digestOfExamples(train, test) };
    },
  };
}

function withFrame({ images, count }: Examples, channels: number, height: number, width: number): Uint8Array {
  if (!(images instanceof Uint8Array)) throw new TypeError("expected images in memory");
  const [wide, high] = [width + 2 * FRAME, height + 2 * FRAME];
  const out = new Uint8Array(count * channels * high * wide);
  for (let row = 0; row < count * channels * height; row++) {
    const plane = Math.floor(row / height);
    const to = (plane * high + FRAME + (row % height)) * wide + FRAME;
    out.set(images.subarray(row * width, (row + 1) * width), to);
  }
  return out;
}
