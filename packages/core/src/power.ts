/**
 * x^y, e^x and log x in float64 out of + − × ÷ alone, which IEEE 754 fixes to the bit; `Math.pow`, `**`, `Math.exp` and
 * `Math.log` differ between JavaScript engines. log x is carried in two doubles (a head and what it lost), else the error of y·log x would show
 * in the result. For exponents of a few units at most it is within one unit in the last place of `Math.pow`.
 */

const LN2_HEAD = 0.6931471803691238; // 33 bits: its product with a small integer is exact
const LN2_TAIL = 1.9082149292705877e-10;

/** @param x positive and normal @param y finite, such that the result is normal too */
export function power(x: number, y: number): number {
  if (!(x > 0) || !Number.isFinite(x) || !Number.isFinite(y)) throw new RangeError(`power: cannot raise ${x} to ${y}`);
  const [head, tail] = log(x);
  const [product, lost] = multiply(head, y);
  return exp(product, lost + tail * y);
}

/** The natural logarithm, within one unit in the last place of `Math.log`. @param x positive and normal */
export function logarithm(x: number): number {
  const [head, tail] = log(x);
  return head + tail;
}

/** e^x, within one unit in the last place of `Math.exp`; 0 where that is below the normal numbers. NaN stays. */
export function exponential(x: number): number {
  if (x < -708) return 0;
  return x > 709 ? Number.POSITIVE_INFINITY : exp(x, 0);
}

/** log x as an unevaluated sum of two doubles. */
function log(x: number): readonly [head: number, tail: number] {
  let m = x;
  let k = 0;
  for (; m < 0.75; k--) m *= 2;
  for (; m > 1.5; k++) m /= 2;
  // log m = 2·artanh(s) = 2s + 2s³/3 + 2s⁵/5 + …, s = (m − 1)/(m + 1), |s| ≤ 0.2
  const f = m - 1; // exact
  const [d, dTail] = add(m, 1);
  const s = f / d;
  const [back, backTail] = multiply(s, d);
  const sTail = (f - back - backTail - s * dTail) / d;
  const s2 = s * s;
  let series = 0;
  for (let n = 23; n >= 3; n -= 2) series = series * s2 + 2 / n;
  const [a, aTail] = add(k * LN2_HEAD, 2 * s);
  const small = k * LN2_TAIL + aTail + 2 * sTail + series * s2 * s;
  return add(a, small);
}

/** e^(t + tail), for a tail far below t. */
function exp(t: number, tail: number): number {
  const k = Math.floor(t / LN2_HEAD + 0.5);
  const r = t - k * LN2_HEAD - (k * LN2_TAIL - tail); // |r| < 0.35
  let series = 0;
  for (let n = 16; n >= 2; n--) series = (series * r + 1) / n; // (e^r − 1 − r)/r², the last term first
  let result = 1 + (r + r * r * series);
  for (let i = k; i < 0; i++) result /= 2;
  for (let i = k; i > 0; i--) result *= 2;
  return result;
}

/** Knuth's two-sum: a + b exactly, as the rounded sum and what rounding lost. */
function add(a: number, b: number): readonly [sum: number, lost: number] {
  const sum = a + b;
  const bRound = sum - a;
  return [sum, a - (sum - bRound) + (b - bRound)];
}

/** Dekker's product: a · b exactly, as the rounded product and what rounding lost. */
function multiply(a: number, b: number): readonly [product: number, lost: number] {
  const product = a * b;
  const [aHigh, aLow] = split(a);
  const [bHigh, bLow] = split(b);
  return [product, aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)];
}

/** Veltkamp's split into two halves of 26 bits. */
function split(a: number): readonly [high: number, low: number] {
  const c = 134_217_729 * a; // 2²⁷ + 1
  const high = c - (c - a);
  return [high, a - high];
}
