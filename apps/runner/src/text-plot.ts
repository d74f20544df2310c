/**
 * A series as text for a terminal: dots of braille, two columns and four rows to a character, its extremes on the left,
 * and marks below. Where there are more values than columns, a column reaches from its smallest to its largest value.
 */
export interface TextPlot {
  /** At least one, oldest first. */
  readonly values: readonly number[];
  /** Indices of values to point at, each with ▲. */
  readonly marks: readonly number[];
  /** Most characters of a line; a narrow terminal gets longer ones. */
  readonly width: number;
}

/** Characters. */
const ROWS = 5;
const LEAST_COLUMNS = 8;
/** A value of a short series is so many columns of dots wide. */
const WIDEST = 4;
/** Unicode's bits: `DOTS[row][column]` of a character from U+2800. */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

/** Lines without a line end after the last. Where all values are equal it is one row. */
export function textPlot({ values, marks, width }: TextPlot): string {
  const low = values.reduce((least, x) => Math.min(least, x));
  const high = values.reduce((most, x) => Math.max(most, x));
  const number = numberText(low, high);
  const labels = [number(high), number(low)];
  const margin = Math.max(...labels.map(({ length }) => length));
  const most = 2 * Math.max(LEAST_COLUMNS, width - margin - 2);
  const perValue = Math.min(WIDEST, Math.floor(most / values.length));
  const columnOf = (i: number) => (perValue > 0 ? i * perValue : Math.floor((i * most) / values.length));

  const rows = low === high ? 1 : ROWS;
  const cells = Math.ceil(columnOf(values.length) / 2);
  const grid = Array.from({ length: rows }, () => new Uint8Array(cells));
  const lowest = rows * DOTS.length - 1;
  // In halves: the distance of the two ends of float64 is beyond it.
  const span = high / 2 - low / 2;
  const dotOf = (x: number) =>
    rows === 1 ? 1 : span === 0 ? (x === low ? lowest : 0) : Math.round(lowest * (1 - (x / 2 - low / 2) / span));
  for (const { from, to, least, greatest } of columnRanges(values, columnOf))
    for (let column = from; column < to; column++)
      for (let dot = dotOf(greatest); dot <= dotOf(least); dot++)
        grid[Math.floor(dot / 4)]![column >> 1]! |= DOTS[dot % 4]![column % 2]!;

  const lines = grid.map((row, i) => {
    const label = i === 0 ? labels[0]! : i === rows - 1 ? labels[1]! : "";
    const dots = Array.from(row, (bits) => (bits === 0 ? " " : String.fromCodePoint(0x2800 + bits))).join("");
    return `${label.padStart(margin)} ${label ? "┤" : "│"}${dots}`.trimEnd();
  });
  if (marks.length > 0) {
    const pointers = new Array<string>(cells).fill(" ");
    for (const mark of marks) pointers[columnOf(mark) >> 1] = "▲";
    lines.push(`${" ".repeat(margin + 2)}${pointers.join("")}`.trimEnd());
  }
  return lines.join("\n");
}

/** Columns from … to − 1 of dots, and the extremes of the values that share them. */
function* columnRanges(values: readonly number[], columnOf: (i: number) => number) {
  for (let i = 0; i < values.length; ) {
    const from = columnOf(i);
    let [least, greatest] = [values[i]!, values[i]!];
    for (i++; i < values.length && columnOf(i) === from; i++) {
      least = Math.min(least, values[i]!);
      greatest = Math.max(greatest, values[i]!);
    }
    yield { from, to: columnOf(i), least, greatest };
  }
}

/** Significant digits of a number that is read; more where two would not be told apart. */
const DIGITS = 4;
const MOST_DIGITS = 17;
/** Of the difference of two numbers. */
const DIGITS_APART = 2;

/** Writes numbers with as many digits as it takes to see how `a` and `b` differ. */
export function numberText(a: number, b: number): (x: number) => string {
  const apart = Math.log10(Math.max(Math.abs(a), Math.abs(b)) / 2 / Math.abs(a / 2 - b / 2));
  const digits = Number.isFinite(apart)
    ? Math.min(MOST_DIGITS, Math.max(DIGITS, Math.ceil(apart) + DIGITS_APART))
    : DIGITS;
  return (x) => {
    const rounded = Number(x.toPrecision(digits));
    return String(Number.isFinite(rounded) ? rounded : x).replace(/^-/, "−");
  };
}
