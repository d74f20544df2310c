import { describe, expect, it } from "vitest";
import { numberText, textPlot } from "./text-plot.ts";

const plot = (values: readonly number[], marks: readonly number[] = [], width = 60) =>
  textPlot({ values, marks, width }).split("\n");
/** Of the lines of a plot, without the labels. */
const dots = (lines: readonly string[]) => lines.map((line) => line.slice(line.search(/[┤│]/) + 1));

describe("a series as text", () => {
  it("has its extremes on the left and marks below its values", () => {
    expect(plot([1.002, 1.002, 1.003, 1.104, 1.1], [3])).toEqual([
      "1.104 ┤      ⠉⠉⠒⠒",
      "      │",
      "      │",
      "      │",
      "1.002 ┤⣀⣀⣀⣀⣀⣀",
      "             ▲",
    ]);
  });

  it("is one row where all values are equal, or there is only one", () => {
    expect(plot([5, 5, 5])).toEqual(["5 ┤⠒⠒⠒⠒⠒⠒"]);
    expect(plot([-3])).toEqual(["−3 ┤⠒⠒"]);
    expect(plot([0], [])).toEqual(["0 ┤⠒⠒"]);
  });

  it("keeps order and signs of what float64 reaches", () => {
    const [most, least] = [Number.MAX_VALUE, Number.MIN_VALUE];
    expect(dots(plot([-1, most, -most]))).toEqual(["  ⠉⠉", "", "⠤⠤", "", "    ⣀⣀"]);
    expect(dots(plot([least, 0, least]))).toEqual(["⠉⠉  ⠉⠉", "", "", "", "  ⣀⣀"]);
    expect(plot([-2e-7, -1e-7])).toEqual(["−1e-7 ┤  ⠉⠉", "      │", "      │", "      │", "−2e-7 ┤⣀⣀"]);
  });

  it("fits the terminal, whatever the number of values", () => {
    for (const n of [1, 7, 30, 55, 56, 57, 111, 112, 113, 9_999])
      for (const width of [20, 60, 80]) {
        const values = Array.from({ length: n }, (_, i) => 10 + (i % 10));
        const lines = plot(values, [n - 1], width);
        expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(width);
        const end = Math.max(...lines.slice(0, -1).map(({ length }) => length));
        expect([1, 2]).toContain(end - lines.at(-1)!.indexOf("▲")); // a value is two characters wide at most
      }
    expect(plot([1, 2], [], 1)[0]).toBe("2 ┤  ⠉⠉"); // a line that is too long rather than none
  });

  it("draws from the smallest to the largest of the values that share a column", () => {
    const values = Array.from({ length: 160 }, (_, i) => (i < 80 ? [1, 0, 2][i % 3]! : 4));
    const rows = dots(plot(values, [80], 13)); // 10 characters, 20 columns, 8 values a column
    expect(rows).toEqual(["     ⠉⠉⠉⠉⠉", "", "⣤⣤⣤⣤⣤", "⣿⣿⣿⣿⣿", "⣿⣿⣿⣿⣿", "        ▲"]);
  });
});

it("numbers have the digits it takes to see how two differ", () => {
  const both = (a: number, b: number) => [a, b].map(numberText(a, b));
  expect(both(1.0021234, 1.1042)).toEqual(["1.002", "1.104"]);
  expect(both(1000000.126, 1000000.239)).toEqual(["1000000.13", "1000000.24"]);
  expect(both(0.3, 0.1 + 0.2)).toEqual(["0.3", "0.30000000000000004"]);
  expect(both(-5, 5)).toEqual(["−5", "5"]);
  expect(both(0, 0)).toEqual(["0", "0"]);
  expect(both(Number.MAX_VALUE, -Number.MAX_VALUE)).toEqual(["1.7976931348623157e+308", "−1.7976931348623157e+308"]);
});
