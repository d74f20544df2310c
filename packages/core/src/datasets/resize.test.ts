import { expect, test } from "vitest";
import { digestOf } from "../canonical.ts";
import type { Picture } from "./jpeg.ts";
import { planesOf, squareOf } from "./resize.ts";

const picture = (width: number, height: number): Picture => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    return x * 7 + y * 13 + c * 50 + x * y;
  }),
});

/**
 * sha256 of what Pillow 9.4 makes of these pictures: Image.resize(…, BILINEAR) to a shorter side of 32 (the longer one
 * int(32 · long / short)), then the crop at int(round((size − 32) / 2)), channels first.
 */
test.each([
  [500, 375, "1b06288116c3f1cf278b919b96402c41bd3952f4d6afd6e3704f36ef06d75928"],
  [33, 47, "351859176b122c9cb80c3391a5c7b118011a4f79bc7d4de35a06a1369aec3f10"],
  [32, 32, "8d3a58871d14a41ca5b9edee1f27bcb4e1ce6366d2a1016c290a8a8c3babe466"],
  [8, 9, "6bc49a77d5ee2af1a342824c369a8b6b127898f0e91236f9271076425389094b"],
  [100, 31, "0907d79f752d2f730685b81b570d3fdd241d52417a4fa229131c55126e3dcf99"],
  [31, 99, "b94d9050f6157518b2db75ab36b21ed429502232f1bb8d6dd2d75b1239d2e8a6"],
  [35, 32, "5bd237eb0ca78c2476bf720078e23135e916494330e716565b8380a29b1ab94a"],
])("%i × %i: the square that Pillow and torchvision make, to the bit", (width, height, pixels) => {
  const square = squareOf(picture(width, height), 32);
  expect(square.length).toBe(3 * 32 * 32);
  expect(digestOf(square)).toBe(pixels);
});

test("a line of pixels costs no more than its square", () => {
  expect(new Set(squareOf({ width: 60_000, height: 1, data: new Uint8Array(180_000).fill(7) }, 32))).toEqual(
    new Set([7]),
  );
});

test("planes are the channels one after the other", () => {
  expect([...planesOf({ width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) })]).toEqual([1, 4, 2, 5, 3, 6]);
});
