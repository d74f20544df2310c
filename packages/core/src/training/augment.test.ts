import { expect, test } from "vitest";
import type { Shape } from "../layers.ts";
import { cutter, drawOf, LEAST_AREA, MOST_RATIO, PADDING } from "./augment.ts";
import { CUT } from "./pixels.mjs";
import type { Recipe } from "./recipe.ts";

function cutsOf(stored: Shape, shape: Shape, augmentation: Recipe["augmentation"], key: number, count: number) {
  const cut = cutter(stored, shape, augmentation);
  const to = new Int32Array(CUT);
  return Array.from({ length: count }, (_, image) => {
    cut(key, image, to, 0);
    const [index, top, left, height, width, mirrored] = to;
    if (index !== image) throw new Error(`image ${image}: got ${index}`);
    return { top: top!, left: left!, height: height!, width: width!, mirrored: mirrored! };
  });
}

/** χ² of counts that should all be alike, as a standard score. */
function deviation(counts: Iterable<number>): number {
  const all = [...counts];
  const mean = all.reduce((sum, count) => sum + count, 0) / all.length;
  const chi2 = all.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
  return (chi2 - (all.length - 1)) / Math.sqrt(2 * (all.length - 1));
}
const tally = (values: Iterable<string | number>, of: number): number[] => {
  const counts = new Map<string | number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.values(), ...new Array<number>(Math.max(0, of - counts.size)).fill(0)];
};

test("draws are uniform, over images as over epochs and draws, in their high bits and their low ones", () => {
  const ways: ((i: number) => number)[] = [
    (i) => drawOf(0x1234_5678, i, 0),
    (i) => drawOf(0, i, 7),
    (i) => drawOf(i, 5, 1),
    (i) => drawOf(99, Math.floor(i / 40), i % 40),
  ];
  for (const draw of ways) {
    const draws = Array.from({ length: 40_000 }, (_, i) => draw(i));
    expect(
      Math.abs(
        deviation(
          tally(
            draws.map((x) => x >>> 24),
            256,
          ),
        ),
      ),
    ).toBeLessThan(4);
    expect(
      Math.abs(
        deviation(
          tally(
            draws.map((x) => x & 255),
            256,
          ),
        ),
      ),
    ).toBeLessThan(4);
    expect(new Set(draws).size).toBeGreaterThan(39_900);
  }
  expect(new Set(Array.from({ length: 1_000 }, (_, i) => drawOf(3, i, 2))).size).toBe(1_000);
});

test("crop-flip: each of the 9 × 9 places and both directions, as likely and independently", () => {
  const cuts = cutsOf([3, 32, 32], [3, 32, 32], "crop-flip", 77, 81 * 2 * 400);
  expect(PADDING).toBe(4);
  const places = cuts.map(({ top, left, mirrored }) => `${top} ${left} ${mirrored}`);
  expect(new Set(places).size).toBe(162);
  expect(Math.abs(deviation(tally(places, 162)))).toBeLessThan(4);
  const tops = cuts.map(({ top }) => top);
  expect([Math.min(...tops), Math.max(...tops)]).toEqual([-4, 4]);
  expect(cuts.every(({ height, width }) => height === 32 && width === 32)).toBe(true);
  // neighbours in the file know nothing of each other
  const pairs = cuts.slice(1).map(({ left }, i) => `${cuts[i]!.left} ${left}`);
  expect(Math.abs(deviation(tally(pairs, 81)))).toBeLessThan(4);
});

test("random-resized-crop: inside the image; area and log of the sides' ratio uniform where every shape fits", () => {
  const [least, most, side] = [LEAST_AREA, MOST_RATIO, 256];
  expect([least, most]).toEqual([0.08, 4 / 3]);
  const cuts = cutsOf([3, side, side], [3, 224, 224], "random-resized-crop", 5, 40_000);
  for (const { top, left, height, width } of cuts) {
    const isInside = top >= 0 && left >= 0 && top + height <= side && left + width <= side;
    const isLarge = height * width > 0.98 * least * side * side;
    if (!isInside || !isLarge || Math.max(width / height, height / width) > 1.02 * most)
      expect({ top, left, height, width }).toBe("a part of the image, of 8 % at least, no longer than 4 : 3");
  }
  const small = cuts.filter(({ height, width }) => height * width < 0.7 * side * side);
  const share = (low: number, high: number) =>
    cuts.filter(({ height, width }) => height * width >= low * side * side && height * width < high * side * side)
      .length;
  // every shape of less than 3/4 of the area fits, so that its density is uniform there
  expect(share(0.1, 0.4) / share(0.4, 0.7)).toBeCloseTo(1, 1);
  const logs = small.map(({ height, width }) => Math.floor((4 * Math.log(width / height)) / Math.log(most)));
  for (const quarter of [-3, -2, 1, 2])
    expect(logs.filter((log) => log === quarter).length / small.length).toBeCloseTo(1 / 8, 1.5);
  expect(cuts.filter(({ mirrored }) => mirrored === 1).length / cuts.length).toBeCloseTo(0.5, 1.5);
  // a shape that does not fit is followed by another one, not by the whole image
  expect(cuts.filter(({ height, width }) => height === side && width === side).length / cuts.length).toBeLessThan(
    0.005,
  );
  const middle = cuts.filter(({ height }) => height < 200).map(({ top, height }) => top / (side - height));
  expect(middle.reduce((sum, x) => sum + x, 0) / middle.length).toBeCloseTo(0.5, 1.5);
});

test("random-resized-crop of an image that is too long for any shape: its middle, as torchvision falls back", () => {
  const [cut] = cutsOf([1, 3, 300], [1, 8, 8], "random-resized-crop", 1, 1);
  expect(cut).toMatchObject({ top: 0, left: 148, height: 3, width: 4 });
  const [tall] = cutsOf([1, 300, 3], [1, 8, 8], "random-resized-crop", 1, 1);
  expect(tall).toMatchObject({ top: 148, left: 0, height: 4, width: 3 });
});

test("an epoch's key decides everything; without augmentation it is the middle", () => {
  for (const augmentation of ["crop-flip", "random-resized-crop"] as const) {
    const [one, again, other] = [1, 1, 2].map((key) => cutsOf([3, 40, 40], [3, 32, 32], augmentation, key, 50));
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  }
  const middle = { top: 16, left: 16, height: 224, width: 224, mirrored: 0 };
  for (const key of [1, 2]) expect(cutsOf([3, 256, 256], [3, 224, 224], undefined, key, 1)).toEqual([middle]);
});
