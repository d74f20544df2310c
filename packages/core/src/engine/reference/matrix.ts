/** Products of matrices, which is what convolution and linear layers come to; four terms at a time, in the order of the sum. */

/** A part of `values`, from `at` on: entry (i, k) is at + i · nextRow + k · nextColumn. */
export interface Matrix {
  readonly values: Float64Array;
  readonly at: number;
  readonly rows: number;
  readonly columns: number;
  readonly nextRow: number;
  readonly nextColumn: number;
}

/** Row-major. */
export const matrix = (values: Float64Array, at: number, rows: number, columns: number): Matrix => ({
  ...{ values, at, rows, columns },
  ...{ nextRow: columns, nextColumn: 1 },
});

export const transposed = ({ values, at, rows, columns, nextRow, nextColumn }: Matrix): Matrix => ({
  ...{ values, at, rows: columns, columns: rows },
  ...{ nextRow: nextColumn, nextColumn: nextRow },
});

/** C += A · B; B and C are row-major. */
export function addProduct(a: Matrix, b: Matrix, c: Matrix): void {
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < a.columns; k += k + 4 <= a.columns ? 4 : 1) {
      const atA = a.at + i * a.nextRow + k * a.nextColumn;
      const [atB, atC] = [b.at + k * b.columns, c.at + i * c.columns];
      if (k + 4 <= a.columns) addFour(a.values, atA, a.nextColumn, b.values, atB, b.columns, c.values, atC);
      else addOne(a.values[atA]!, b.values, atB, b.columns, c.values, atC);
    }
  }
}

/** c[j] += a · b[j]. */
function addOne(a: number, b: Float64Array, atB: number, length: number, c: Float64Array, atC: number): void {
  for (let j = 0; j < length; j++) c[atC + j] = c[atC + j]! + a * b[atB + j]!;
}

/** The same with four entries of a row of A and four rows of B. */
function addFour(
  a: Float64Array,
  atA: number,
  nextA: number,
  b: Float64Array,
  atB: number,
  length: number,
  c: Float64Array,
  atC: number,
): void {
  const a0 = a[atA]!;
  const a1 = a[atA + nextA]!;
  const a2 = a[atA + 2 * nextA]!;
  const a3 = a[atA + 3 * nextA]!;
  const b1 = atB + length;
  const b2 = b1 + length;
  const b3 = b2 + length;
  for (let j = 0; j < length; j++)
    c[atC + j] = c[atC + j]! + a0 * b[atB + j]! + a1 * b[b1 + j]! + a2 * b[b2 + j]! + a3 * b[b3 + j]!;
}

/** C += A · Bᵀ; all are row-major. */
export function addProductTransposed(a: Matrix, b: Matrix, c: Matrix): void {
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < b.rows; k += k + 4 <= b.rows ? 4 : 1) {
      const [atA, atB, atC] = [a.at + i * a.columns, b.at + k * b.columns, c.at + i * c.columns + k];
      if (k + 4 <= b.rows) addFourDots(a.values, atA, b.values, atB, b.columns, c.values, atC);
      else addDot(a.values, atA, b.values, atB, b.columns, c.values, atC);
    }
  }
}

/** c[0] += Σ a[j] · b[j]. */
function addDot(
  a: Float64Array,
  atA: number,
  b: Float64Array,
  atB: number,
  length: number,
  c: Float64Array,
  atC: number,
): void {
  let sum = 0;
  for (let j = 0; j < length; j++) sum += a[atA + j]! * b[atB + j]!;
  c[atC] = c[atC]! + sum;
}

/** The same with four rows of B, to four entries of c. */
function addFourDots(
  a: Float64Array,
  atA: number,
  b: Float64Array,
  atB: number,
  length: number,
  c: Float64Array,
  atC: number,
): void {
  const b1 = atB + length;
  const b2 = b1 + length;
  const b3 = b2 + length;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let j = 0; j < length; j++) {
    const factor = a[atA + j]!;
    s0 += factor * b[atB + j]!;
    s1 += factor * b[b1 + j]!;
    s2 += factor * b[b2 + j]!;
    s3 += factor * b[b3 + j]!;
  }
  c[atC] = c[atC]! + s0;
  c[atC + 1] = c[atC + 1]! + s1;
  c[atC + 2] = c[atC + 2]! + s2;
  c[atC + 3] = c[atC + 3]! + s3;
}
