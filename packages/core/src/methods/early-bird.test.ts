import { expect, test } from "vitest";
import { seededRng } from "../rng.ts";
import { emergence } from "./early-bird.ts";

test("distances are counted entry by entry, whatever the sizes; the oldest mask is forgotten", () => {
  for (const sizes of [[3], [8], [5, 12], [16, 7, 1]]) {
    const rng = seededRng(3);
    const masks = Array.from({ length: 7 }, () =>
      sizes.map((size) => Array.from({ length: size }, () => rng.below(2))),
    );
    const entries = masks.map((mask) => mask.flat());
    let memory: Uint8Array = new Uint8Array();
    for (const [t, mask] of masks.entries()) {
      const named = Object.fromEntries(mask.map((kept, i) => [`${i}`, Uint8Array.from(kept)]));
      const seen = emergence(memory, named, 4, 0.5);
      const differ = (old: number[]) => old.filter((kept, i) => kept !== entries[t]![i]).length / old.length;
      const expected = t < 3 ? [1, 1, 1] : entries.slice(t - 3, t).map(differ);
      expect(seen.distances).toEqual(expected);
      expect(seen.emerged).toBe(t >= 3 && expected.every((distance) => distance <= 0.5));
      memory = seen.memory;
    }
    expect(memory.length).toBe(3 * Math.ceil(entries[0]!.length / 8));
  }
});

test("equal masks emerge when the window is full, not before", () => {
  let memory: Uint8Array = new Uint8Array();
  const emerged = Array.from({ length: 6 }, () => {
    const seen = emergence(memory, { a: Uint8Array.of(1, 0, 1) }, 5, 1);
    memory = seen.memory;
    return seen.emerged;
  });
  expect(emerged).toEqual([false, false, false, false, true, true]);
});
