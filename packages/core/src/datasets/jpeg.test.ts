import jpegJs from "jpeg-js";
import { expect, test } from "vitest";
import { digestOf } from "../canonical.ts";
import { type DecodeJpeg, jpegDecoder } from "./jpeg.ts";

/**
 * 40 × 24 pixels of (6x, 10y, 255 − 3x − 3y), written by Pillow 9.4 (quality 85, optimised; the colours of two of them at half
 * the size). `pillow`: what Pillow reads at the first pixel, the end of the first row, (20, 12), the last; `within`: how
 * far from that ours may be.
 */
const FILES: readonly { name: string; pillow: number[][]; within: number; pixels: string; file: string }[] = [
  {
    name: "baseline",
    pillow: [
      [2, 0, 252],
      [236, 0, 141],
      [121, 119, 159],
      [235, 229, 69],
    ],
    within: 3,
    pixels: "2614887431ba710a0b4f51430fe81d8519e2bac368d5f10265a2372dfd518ff2",
    file: "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAUDBAQEAwUEBAQFBQUGBwwIBwcHBw8LCwkMEQ8SEhEPERETFhwXExQaFRERGCEYGh0dHx8fExciJCIeJBweHx7/2wBDAQUFBQcGBw4ICA4eFBEUHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh7/wAARCAAYACgDAREAAhEBAxEB/8QAFwABAAMAAAAAAAAAAAAAAAAABQIDB//EABgQAAIDAAAAAAAAAAAAAAAAAAAEBSIx/8QAFgEBAQEAAAAAAAAAAAAAAAAABggH/8QAGREAAwEBAQAAAAAAAAAAAAAAAARhBSEx/9oADAMBAAIRAxEAPwDCFobKFRs6NDSb1ElobKB9nSopTeomtDZQPs6NFSb1E1obKB9nSopTeoktDZQPM6VFSb3nSC0NlDQ2dGkTJvUSWhsoH2dKipN6ia0NlA+zo0UpvUSWhsoH2dKipN6ia0NlA+zpUVJvUrWhsoaGzo0iZN6ia0NlA+zpUUpvUTWhsoHmdGipN7zoktDZQPs6VFSb3nRNaGygfZ0qKU3vOn//2Q==",
  },
  {
    name: "subsampled",
    pillow: [
      [0, 2, 247],
      [229, 4, 136],
      [118, 121, 156],
      [235, 227, 80],
    ],
    within: 10,
    pixels: "26f21a4c0551e949fee7297c02d1040b4b920292f5c5431c852e813ac30059b3",
    file: "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAUDBAQEAwUEBAQFBQUGBwwIBwcHBw8LCwkMEQ8SEhEPERETFhwXExQaFRERGCEYGh0dHx8fExciJCIeJBweHx7/2wBDAQUFBQcGBw4ICA4eFBEUHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh7/wAARCAAYACgDASIAAhEBAxEB/8QAGAABAQEBAQAAAAAAAAAAAAAAAAUGBwP/xAAYEAACAwAAAAAAAAAAAAAAAAAABAUiMf/EABcBAQEBAQAAAAAAAAAAAAAAAAcGBAj/xAAfEQACAgICAwEAAAAAAAAAAAAAIQQFAzEBBhITIiP/2gAMAwEAAhEDEQA/AOELQ2UKS0NlDarQ2UKS0NlB0sux7ZK097pmLWhsoU1obKG0WhsoUlobKB/Zdj2xUp73TMWtDZQHR1obKAiJHY/vYjxL38+Gea0NlCmtDZQA32U7M2cH08zKmU1obKFJaGygAf2U7M2KlPLyplNaGygAIiROzeexHiS8vr4Z/9k=",
  },
  {
    name: "progressive",
    pillow: [
      [0, 2, 247],
      [229, 4, 136],
      [118, 121, 156],
      [235, 227, 80],
    ],
    within: 10,
    pixels: "26f21a4c0551e949fee7297c02d1040b4b920292f5c5431c852e813ac30059b3",
    file: "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAUDBAQEAwUEBAQFBQUGBwwIBwcHBw8LCwkMEQ8SEhEPERETFhwXExQaFRERGCEYGh0dHx8fExciJCIeJBweHx7/2wBDAQUFBQcGBw4ICA4eFBEUHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh7/wgARCAAYACgDASIAAhEBAxEB/8QAGAABAQEBAQAAAAAAAAAAAAAAAAQFBgL/xAAXAQEBAQEAAAAAAAAAAAAAAAAGBQQH/9oADAMBAAIQAxAAAAHg6dul1Kxadqk+qxXSIaPzSaOD1Uh9VSIaT//EABYQAAMAAAAAAAAAAAAAAAAAAAACA//aAAgBAQABBQJYixFiLEWIsRYixFiLEWIsRYixFif/xAAZEQADAQEBAAAAAAAAAAAAAAAAAwQCEiL/2gAIAQMBAT8BjuI7hV3kjdojboU3XJ//xAAaEQACAwEBAAAAAAAAAAAAAAAAAwIEBREh/9oACAECAQE/AbOiWdEZo+ll8yy+Yx8+n//EABQQAQAAAAAAAAAAAAAAAAAAADD/2gAIAQEABj8Cf//EABUQAQEAAAAAAAAAAAAAAAAAAABh/9oACAEBAAE/IYIIIIIIIIIIIIIIP//aAAwDAQACAAMAAAAQwczdB+//xAAXEQEBAQEAAAAAAAAAAAAAAAAhADER/9oACAEDAQE/EMWxYzBYbc5v/8QAGBEBAQEBAQAAAAAAAAAAAAAAACExQVH/2gAIAQIBAT8Q1rWvWoqiui//xAAVEAEBAAAAAAAAAAAAAAAAAAAAMf/aAAgBAQABPxCbNmzZs2bNmzZs2bNm/wD/2Q==",
  },
  {
    name: "grey",
    pillow: [
      [29, 29, 29],
      [86, 86, 86],
      [124, 124, 124],
      [213, 213, 213],
    ],
    within: 1,
    pixels: "9eff9f954af5a5cdd159bc283ac00d145a3d8ca73c1cf5928598c2d6f2295879",
    file: "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAUDBAQEAwUEBAQFBQUGBwwIBwcHBw8LCwkMEQ8SEhEPERETFhwXExQaFRERGCEYGh0dHx8fExciJCIeJBweHx7/wAALCAAYACgBAREA/8QAFwABAAMAAAAAAAAAAAAAAAAABQIDB//EABgQAAIDAAAAAAAAAAAAAAAAAAAEBSIx/9oACAEBAAA/AMIWhsoJLQ2UE1obKCa0NlBJaGyhBaGygktDZQTWhsoJLQ2UE1obKFa0NlBNaGygmtDZQSWhsoJrQ2UP/9k=",
  },
  {
    name: "cmyk",
    pillow: [
      [1, 0, 255],
      [233, 0, 138],
      [119, 120, 159],
      [233, 230, 69],
    ],
    within: 1,
    pixels: "3af840af20150c261cb885601204b8392bf0632add8126cc6ac5752f28e7d22c",
    file: "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAFAwQEBAMFBAQEBQUFBgcMCAcHBwcPCwsJDBEPEhIRDxERExYcFxMUGhURERghGBodHR8fHxMXIiQiHiQcHh8e/8AAFAgAGAAoBEMRAE0RAFkRAEsRAP/EABgAAQEBAQEAAAAAAAAAAAAAAAAHBggJ/8QAHRAAAQIHAAAAAAAAAAAAAAAAAAQFBhYhMUJjof/aAA4EQwBNAFkASwAAPwDlSG8TmqUdXDqpyXXqdllNhvESjq4ZhyXXqCmQ3iJR1cMy5Lr1BTYbxEo6uGYcl16gpsN4iUdXDMuS69QeZkN4nQEo6uFzcl16gpsN4iUdXDMuS69QUyG8RKOrhmHJdeoKbDeIlHVwzLkuvUFNhvESjq4ZlyXXqDzMhvE6AlHVwubkuvUFNhvESjq4ZhyXXqCmQ3iJR1cMy5Lr1BTYbxEo6uGZcl16gpsN4iUdXDMOS69Qf//Z",
  },
];
const PLACES = [0, 39, 12 * 40 + 20, 24 * 40 - 1];
const bytesOf = (file: string): Uint8Array => Uint8Array.from(Buffer.from(file, "base64"));
const baseline = () => bytesOf(FILES[0]!.file);

const decode: DecodeJpeg = await jpegDecoder();

test.each(FILES)("$name: the pixels that Pillow has, nearly, and the same bits everywhere", (of) => {
  const { width, height, data } = decode(bytesOf(of.file), of.name);
  expect([width, height, data.length]).toEqual([40, 24, 40 * 24 * 3]);
  for (const [i, place] of PLACES.entries()) {
    for (let c = 0; c < 3; c++)
      expect(Math.abs(data[3 * place + c]! - of.pillow[i]![c]!), `${place}, ${c}`).toBeLessThanOrEqual(of.within);
  }
  expect(digestOf(data)).toBe(of.pixels);
});

const bad = (bytes: Uint8Array) => {
  try {
    decode(bytes, "x.JPEG");
  } catch (error) {
    expect(error).toMatchObject({ name: "Problem", code: "bad-file" });
    return (error as Error).message;
  }
};

test("what is cut off anywhere, even in its last two bytes, is refused", () => {
  for (const { file } of FILES) {
    const whole = bytesOf(file);
    for (const length of [2, 3, 20, 100, Math.floor(whole.length / 2), whole.length - 2])
      expect(bad(whole.slice(0, length)), `${length} of ${whole.length}`).toMatch(
        /^x.JPEG: expected a whole JPEG image; /,
      );
  }
});

test("what is no JPEG is named", () => {
  expect(bad(new Uint8Array())).toBe("x.JPEG: expected a JPEG image, which starts with ff d8; got an empty file");
  expect(bad(Uint8Array.of(0x89, 0x50, 0x4e, 0x47))).toMatch(
    /got a PNG by another name: convert this one file to JPEG$/,
  );
  expect(bad(Uint8Array.of(0x47, 0x49))).toMatch(/got 47 49$/);
});

test("an image that says it is enormous is refused before anything is allocated for it", () => {
  const bomb = baseline();
  const frame = bomb.findIndex((byte, i) => byte === 0xff && bomb[i + 1] === 0xc0);
  bomb.set([0xff, 0xff, 0xff, 0xff], frame + 5); // height, width
  expect(bad(bomb)).toMatch(/maxResolutionInMP limit exceeded/);
  const wide = baseline();
  wide.set([0x1f, 0xff, 0x1f, 0xff], frame + 5); // 8191 × 8191, 67 million
  expect(bad(wide)).toMatch(/maxResolutionInMP limit exceeded/);
});

test("flipped bytes give pixels or a Problem, nothing else", () => {
  const whole = baseline();
  let refused = 0;
  for (let at = 2; at < whole.length; at++) {
    const flipped = whole.slice();
    flipped[at]! ^= 0xff;
    if (bad(flipped) !== undefined) refused++;
  }
  expect(refused).toBeGreaterThan(50);
});

test("what an encoder writes is read again", () => {
  const flat = { width: 8, height: 8, data: new Uint8Array(8 * 8 * 4).fill(200) };
  const { data } = decode(jpegJs.encode(flat, 90).data, "flat");
  expect([...data.slice(0, 3)]).toEqual([200, 200, 200]);
});
