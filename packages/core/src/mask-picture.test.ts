import { expect, test } from "vitest";
import { levelPaths, matrixPicture, pixelPicture } from "./mask-picture.ts";

test("the first layer's mask is added up over outputs and channels, pixel by pixel", () => {
  // 2 outputs, 2 channels of 1 × 2 pixels: [out][channel · pixel]
  const mask = Uint8Array.of(1, 0, 1, 0, 1, 0, 0, 1);
  expect(pixelPicture(mask, [2, 1, 2])).toEqual({ columns: 2, rows: 1, shares: [0.75, 0.25], highest: 0.75 });
});

test("a matrix larger than the picture is drawn in blocks that cover it", () => {
  const mask = Uint8Array.from({ length: 4 * 6 }, (_, i) => (i % 6 < 3 ? 1 : 0)); // left half kept
  expect(matrixPicture(mask, 4, 6, 2)).toMatchObject({ columns: 2, rows: 2, shares: [1, 0, 1, 0] });
  const uneven = matrixPicture(new Uint8Array(7 * 5).fill(1), 7, 5, 3);
  expect(uneven.shares.every((share) => share === 1)).toBe(true);
});

test("a convolution's cell is all of a kernel", () => {
  const mask = Uint8Array.of(1, 1, 0, 0, 0, 0, 1, 0); // [2 outputs, 2 inputs, 2 taps]
  expect(matrixPicture(mask, 2, 2, 60, 2).shares).toEqual([1, 0, 0, 0.5]);
});

test("cells are drawn once, at their level of the highest; empty ones are not", () => {
  const paths = levelPaths({ columns: 2, rows: 2, shares: [0, 0.1, 0.05, 0.2], highest: 0.2 }, 2);
  expect(paths).toEqual(["M1,0h1v1h-1zM0,1h1v1h-1z", "M1,1h1v1h-1z"]);
  expect(levelPaths({ columns: 1, rows: 1, shares: [0], highest: 0 }, 2)).toEqual(["", ""]);
});
