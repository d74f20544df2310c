// The cpu engine's kernels: one C source, two builds (WebAssembly SIMD, native), the same bits in both.
//
// Why C: the same vector code runs in a browser and at native speed, and a person can read all of it. Freestanding:
// no library, no static data, no allocation. TypeScript plans everything (arena.ts, program.ts); C walks the table.
//
// Layout. One arena, addressed by byte offset. Activations are CHWN: [feature][column], batch innermost, padded to a
// multiple of 16 columns. Columns that pad the batch are 0 in the input and in the loss gradient, and never counted.
// Linear weights are row-major [outputs][inputs]; under a sparse mask only kept ones are stored, in that order.
//
// Lane contract. Nothing here may depend on vector width or thread count:
//   - a sum over taps (forward, input gradient) starts at +0 and adds in the order of the taps, for each output;
//   - a sum over the batch (weight and bias gradients, loss) runs in 16 virtual lanes, lane l taking columns l, l + 16,
//     l + 32, … in order from its first one; then one tree: l + 8, l + 4, l + 2, l + 1;
//   - each output is computed by one thread; multiplications and additions are rounded one by one (no contraction);
//   - NaN is never hidden: gates are !(x <= 0), maxima are comparisons, log gives back its argument's NaN.
// exp and log: polynomials of Cephes (expf, logf; Moshier 1984-1992), float32.

#ifdef __wasm__
#elif defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <sched.h>
#endif

typedef unsigned u32;
typedef unsigned long size;

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#define LANES 4
#define DENSE_ROWS 4 // register blocks: V8 spills beyond 8 accumulators
#define DENSE_VECTORS 2
#define SPARSE_VECTORS 8
#define GRADIENT_ROWS 2
#define GRADIENT_VECTORS 2
#define BARRIER_SPINS 20000
#define SERVE_SPINS 200000
#else
#define EXPORT(name) __attribute__((visibility("default")))
#define BARRIER_SPINS 2000
#define SERVE_SPINS 20000
#define GRADIENT_ROWS 4
#define GRADIENT_VECTORS 2
#if defined(__AVX512F__)
#define LANES 16
#define DENSE_ROWS 6
#define DENSE_VECTORS 4
#define SPARSE_VECTORS 8
#elif defined(__AVX__)
#define LANES 8
#define DENSE_ROWS 5
#define DENSE_VECTORS 2
#define SPARSE_VECTORS 8
#else
#define LANES 4
#define DENSE_ROWS 4
#define DENSE_VECTORS 4
#define SPARSE_VECTORS 8
#endif
#endif

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int vi __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef unsigned char vbytes __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef signed char vflags __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));

#define LOAD(p) (*(const vf *)(p))
#define STORE(p, v) (*(vf *)(p) = (v))

INLINE vf keep(vf x, vi mask) { return (vf)((vi)x & mask); } // +0 where the mask is 0
INLINE vf either(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }
INLINE vf gate(vf x, vf y) { return keep(x, ~(y <= 0.0f)); } // ReLU and its gradient; NaN passes

// ---- what TypeScript writes (program.ts, arena.ts) ----

struct call {
  u32 batch, columns; // columns: batch padded to 16
  float learning_rate, momentum, weight_decay, smoothing, penalty;
  u32 nesterov;
  float loss; // out: mean (LOSS) or sum (COUNT) over the batch
  u32 correct; // out, COUNT only
};

struct instruction {
  u32 op, flags;
  u32 outputs, inputs; // shape of the weight; of a transposition: rows, features
  u32 x, y;            // activations or their gradients
  u32 w, g, v;         // weights or bias, their gradients, momentum
  u32 bias, gated;     // forward: bias; input gradient: the activation that gates
  u32 starts, index, entry; // sparse lists
  u32 kept;            // number of stored weights
  u32 marks;           // update: one byte a weight, bit 0 kept, bit 1 leaving
};

enum { BARRIER, PACK, UNPACK, RELU, FORWARD, FORWARD_SPARSE, INPUT, INPUT_SPARSE, WEIGHT, WEIGHT_SPARSE, BIAS, LOSS, COUNT, GATE, UPDATE };
enum { HAS_BIAS = 1, HAS_RELU = 2, HAS_GATE = 4, BLOCKED = 8, HAS_MASK = 16, HAS_PENALTY = 32 };

struct control { // each on a cache line of its own
  u32 generation, program, count, stop, pad0[12];
  u32 sleepers, pad1[15]; // helpers asleep in JavaScript
  u32 arrived, pad2[15];
  u32 turn, pad3[15];
  u32 waiting, pad4[15];
};

// thread `id` of `threads` takes [from, to) of n, cut at multiples of `unit`
struct share { size from, to; };
INLINE struct share share(size n, size unit, u32 id, u32 threads) {
  size units = (n + unit - 1) / unit, from = units * id / threads * unit, to = units * (id + 1) / threads * unit;
  return (struct share){from < n ? from : n, to < n ? to : n};
}

// rows of a sparse list, cut so that threads get like numbers of entries
INLINE struct share share_entries(const u32 *starts, size rows, u32 id, u32 threads) {
  size cut[2];
  for (u32 side = 0; side < 2; side++) {
    size want = (size)((unsigned long long)starts[rows] * (id + side) / threads), low = 0, high = rows;
    if (id + side == threads) low = rows;
    while (low < high) {
      size middle = (low + high) / 2;
      if (starts[middle] < want) low = middle + 1;
      else high = middle;
    }
    cut[side] = low;
  }
  return (struct share){cut[0], cut[1]};
}

// ---- layout ----

// y[c][r] = x[r][c] for r < rows, c in [from, to); strides in floats
static void transpose(const float *x, float *y, size rows, size from, size to, size xs, size ys) {
  size r = 0;
  for (; r + 4 <= rows; r += 4) {
    size c = from;
    for (; c + 4 <= to; c += 4) {
      const float *p = x + r * xs + c;
      v4 a = *(const v4 *)p, b = *(const v4 *)(p + xs), d = *(const v4 *)(p + 2 * xs), e = *(const v4 *)(p + 3 * xs);
      v4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      v4 de0 = __builtin_shufflevector(d, e, 0, 4, 1, 5), de1 = __builtin_shufflevector(d, e, 2, 6, 3, 7);
      float *q = y + c * ys + r;
      *(v4 *)q = __builtin_shufflevector(ab0, de0, 0, 1, 4, 5);
      *(v4 *)(q + ys) = __builtin_shufflevector(ab0, de0, 2, 3, 6, 7);
      *(v4 *)(q + 2 * ys) = __builtin_shufflevector(ab1, de1, 0, 1, 4, 5);
      *(v4 *)(q + 3 * ys) = __builtin_shufflevector(ab1, de1, 2, 3, 6, 7);
    }
    for (; c < to; c++)
      for (size i = 0; i < 4; i++) y[c * ys + r + i] = x[(r + i) * xs + c];
  }
  for (; r < rows; r++)
    for (size c = from; c < to; c++) y[c * ys + r] = x[r * xs + c];
}

// images [batch][features] → [features][columns], padding columns 0; the rows that pad the batch become 0 too
static void pack(float *x, float *y, size batch, size columns, size features, struct share s) {
  for (size n = batch; n < columns; n++)
    for (size c = s.from; c < s.to; c++) x[n * features + c] = 0.0f;
  transpose(x, y, columns, s.from, s.to, features, columns);
}

// ---- sums over taps ----

// Rows of y: y[k][b …] = Σ_t w[k·row + t·tap] · x[t][b …], t = 0, 1, …; `rows` × `vectors` accumulators.
INLINE void dense_block(const float *w, size row, size tap, const float *x, size taps, size columns, float *y,
                        const float *bias, const float *gated, u32 flags, const int rows, const int vectors) {
  vf a[DENSE_ROWS][DENSE_VECTORS], X[DENSE_VECTORS];
  UNROLL for (int k = 0; k < rows; k++) UNROLL for (int v = 0; v < vectors; v++) a[k][v] = (vf){0};
  for (size t = 0; t < taps; t++, x += columns, w += tap) {
    UNROLL for (int v = 0; v < vectors; v++) X[v] = LOAD(x + LANES * v);
    UNROLL for (int k = 0; k < rows; k++) {
      float s = w[k * row];
      UNROLL for (int v = 0; v < vectors; v++) a[k][v] += X[v] * s;
    }
  }
  UNROLL for (int k = 0; k < rows; k++) UNROLL for (int v = 0; v < vectors; v++) {
    size at = k * columns + LANES * v;
    vf r = a[k][v];
    if (flags & HAS_BIAS) r += bias[k];
    if (flags & HAS_RELU) r = gate(r, r);
    if (flags & HAS_GATE) r = gate(r, LOAD(gated + at));
    STORE(y + at, r);
  }
}

INLINE void dense_rows(const float *w, size row, size tap, const float *x, size taps, size columns, float *y,
                       const float *bias, const float *gated, u32 flags, const int rows) {
  size b = 0;
  for (; b + LANES * DENSE_VECTORS <= columns; b += LANES * DENSE_VECTORS)
    dense_block(w, row, tap, x + b, taps, columns, y + b, bias, gated + b, flags, rows, DENSE_VECTORS);
  if (LANES * DENSE_VECTORS > 16)
    for (; b < columns; b += 16)
      dense_block(w, row, tap, x + b, taps, columns, y + b, bias, gated + b, flags, rows, 16 / LANES);
}

INLINE void dense(const float *w, size row, size tap, const float *x, size taps, size columns, float *y,
                  const float *bias, const float *gated, const u32 flags, struct share s) {
  size k = s.from;
#define ROWS(n) dense_rows(w + k * row, row, tap, x, taps, columns, y + k * columns, bias + k, gated + k * columns, flags, n)
  for (; k + DENSE_ROWS <= s.to; k += DENSE_ROWS) ROWS(DENSE_ROWS);
  for (; k + 2 <= s.to; k += 2) ROWS(2);
  for (; k < s.to; k++) ROWS(1);
#undef ROWS
}

// One row of y over its list: Σ_e w[entry ? entry[e] : e] · x[index[e]][b …], e from first to last.
INLINE void sparse_block(const float *w, const u32 *index, const u32 *entry, size first, size last, const float *x,
                         size columns, float *y, float bias, const float *gated, u32 flags, const int vectors) {
  vf a[SPARSE_VECTORS];
  UNROLL for (int v = 0; v < vectors; v++) a[v] = (vf){0};
  for (size e = first; e < last; e++) {
    const float *p = x + index[e] * columns;
    float s = w[entry ? entry[e] : e];
    UNROLL for (int v = 0; v < vectors; v++) a[v] += LOAD(p + LANES * v) * s;
  }
  UNROLL for (int v = 0; v < vectors; v++) {
    vf r = a[v];
    if (flags & HAS_BIAS) r += bias;
    if (flags & HAS_RELU) r = gate(r, r);
    if (flags & HAS_GATE) r = gate(r, LOAD(gated + LANES * v));
    STORE(y + LANES * v, r);
  }
}

INLINE void sparse(const float *w, const u32 *starts, const u32 *index, const u32 *entry, const float *x, size columns,
                   float *y, const float *bias, const float *gated, const u32 flags, struct share s) {
  for (size k = s.from; k < s.to; k++) {
    size b = 0, first = starts[k], last = starts[k + 1];
    float *yk = y + k * columns;
    const float *gk = gated + k * columns, added = flags & HAS_BIAS ? bias[k] : 0.0f;
#define BLOCK(vectors) sparse_block(w, index, entry, first, last, x + b, columns, yk + b, added, gk + b, flags, vectors)
    for (; b + LANES * SPARSE_VECTORS <= columns; b += LANES * SPARSE_VECTORS) BLOCK(SPARSE_VECTORS);
    if (LANES * 4 > 16 && LANES * 4 < LANES * SPARSE_VECTORS)
      for (; b + LANES * 4 <= columns; b += LANES * 4) BLOCK(4);
    for (; b < columns; b += 16) BLOCK(16 / LANES);
#undef BLOCK
  }
}

// ---- sums over the batch ----

// The tree over 16 lanes, lane l at p[l].
static float fold(const float *p) {
  float a[8], b[4];
  for (int l = 0; l < 8; l++) a[l] = p[l] + p[l + 8];
  for (int l = 0; l < 4; l++) b[l] = a[l] + a[l + 4];
  return (b[0] + b[2]) + (b[1] + b[3]);
}

INLINE void store_first(float *p, vf v, size count) {
  if (count >= LANES) STORE(p, v);
  else
    for (size i = 0; i < count; i++) p[i] = v[i];
}

// g[k][i …] = Σ_n d[k][n] · x[n][i …], vectors along the inputs, so that lanes are folded by plain additions: the nest
// below is the tree (r: l + 1, s: l + 2, t: l + 4, a and b: l + 8).
INLINE void weight_block(const float *d, const float *x, size columns, size inputs, float *g, size count, const int rows,
                         const int vectors) {
  vf total[GRADIENT_ROWS][GRADIENT_VECTORS], half[GRADIENT_ROWS][GRADIENT_VECTORS], quarter[GRADIENT_ROWS][GRADIENT_VECTORS];
#define EACH UNROLL for (int k = 0; k < rows; k++) UNROLL for (int v = 0; v < vectors; v++)
  for (int r = 0; r < 2; r++) {
    for (int s = 0; s < 4; s += 2) {
      for (int t = 0; t < 8; t += 4) {
        vf a[GRADIENT_ROWS][GRADIENT_VECTORS], b[GRADIENT_ROWS][GRADIENT_VECTORS];
        size n = r + s + t;
        EACH a[k][v] = LOAD(x + n * inputs + LANES * v) * d[k * columns + n];
        EACH b[k][v] = LOAD(x + (n + 8) * inputs + LANES * v) * d[k * columns + n + 8];
        for (n += 16; n < columns; n += 16) {
          EACH a[k][v] += LOAD(x + n * inputs + LANES * v) * d[k * columns + n];
          EACH b[k][v] += LOAD(x + (n + 8) * inputs + LANES * v) * d[k * columns + n + 8];
        }
        EACH a[k][v] += b[k][v];
        if (t == 0) EACH quarter[k][v] = a[k][v];
        else EACH quarter[k][v] += a[k][v];
      }
      if (s == 0) EACH half[k][v] = quarter[k][v];
      else EACH half[k][v] += quarter[k][v];
    }
    if (r == 0) EACH total[k][v] = half[k][v];
    else EACH total[k][v] += half[k][v];
  }
  UNROLL for (int k = 0; k < rows; k++) UNROLL for (int v = 0; v < vectors; v++) {
    float *p = g + k * inputs + LANES * v;
    if ((size)(LANES * (v + 1)) <= count) STORE(p, total[k][v]);
    else if ((size)(LANES * v) < count) store_first(p, total[k][v], count - LANES * v);
  }
#undef EACH
}

// d [outputs][columns], x [columns][inputs] (rows may be read LANES · GRADIENT_VECTORS floats past their end) → g
static void weight_dense(const float *d, const float *x, size columns, size inputs, float *g, struct share s) {
  const size width = LANES * GRADIENT_VECTORS;
  for (size i = 0; i < inputs; i += width) {
    size k = s.from, count = inputs - i < width ? inputs - i : width;
    for (; k + GRADIENT_ROWS <= s.to; k += GRADIENT_ROWS)
      weight_block(d + k * columns, x + i, columns, inputs, g + k * inputs + i, count, GRADIENT_ROWS, GRADIENT_VECTORS);
    for (; k < s.to; k++)
      weight_block(d + k * columns, x + i, columns, inputs, g + k * inputs + i, count, 1, GRADIENT_VECTORS);
  }
}

// Folds of LANES accumulators together: halves of every segment are added, two vectors at a time.
#if LANES == 16
#define FOLD8(a, b) (__builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) + \
                     __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
#define FOLD4(a, b) (__builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) + \
                     __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31))
#define FOLD2(a, b) (__builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) + \
                     __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31))
#define FOLD1(a, b) (__builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) + \
                     __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31))
#elif LANES == 8
#define FOLD4(a, b) (__builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11) + __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15))
#define FOLD2(a, b) (__builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13) + __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15))
#define FOLD1(a, b) (__builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14) + __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15))
#else
#define FOLD2(a, b) (__builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7))
#define FOLD1(a, b) (__builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7))
#endif

// Σ_n d[n] · x[n] in 16 lanes, folded to one vector (whole vectors first: l + 8, then l + 4 where they are apart)
INLINE vf dot(const float *d, const float *x, size columns) {
  vf a[16 / LANES];
  UNROLL for (int v = 0; v < 16 / LANES; v++) a[v] = LOAD(d + LANES * v) * LOAD(x + LANES * v);
  for (size n = 16; n < columns; n += 16)
    UNROLL for (int v = 0; v < 16 / LANES; v++) a[v] += LOAD(d + n + LANES * v) * LOAD(x + n + LANES * v);
#if LANES == 4
  return (a[0] + a[2]) + (a[1] + a[3]);
#elif LANES == 8
  return a[0] + a[1];
#else
  return a[0];
#endif
}

// Kept weights only, LANES at a time: g[e] = Σ_n d[row[e]][n] · x[index[e]][n]. Lists are readable to a multiple of 16.
static void weight_sparse(const float *d, const float *x, const u32 *row, const u32 *index, size columns, float *g,
                          struct share s) {
  for (size e = s.from; e < s.to; e += LANES) {
    vf a[LANES];
    UNROLL for (int i = 0; i < LANES; i++) a[i] = dot(d + row[e + i] * columns, x + index[e + i] * columns, columns);
#if LANES == 16
    UNROLL for (int i = 0; i < 8; i++) a[i] = FOLD8(a[2 * i], a[2 * i + 1]);
#endif
#if LANES >= 8
    UNROLL for (int i = 0; i < 4; i++) a[i] = FOLD4(a[2 * i], a[2 * i + 1]);
#endif
    a[0] = FOLD2(a[0], a[1]), a[1] = FOLD2(a[2], a[3]);
    store_first(g + e, FOLD1(a[0], a[1]), s.to - e);
  }
}

static void bias_gradient(const float *d, size columns, float *g, struct share s) {
  for (size k = s.from; k < s.to; k++) {
    float lanes[16];
    for (int l = 0; l < 16; l++) lanes[l] = d[k * columns + l];
    for (size n = 16; n < columns; n += 16)
      for (int l = 0; l < 16; l++) lanes[l] += d[k * columns + n + l];
    g[k] = fold(lanes);
  }
}

// ---- softmax cross-entropy ----

// x <= 0 or NaN. Rounds to whole powers of two by adding 1.5 · 2^23: no conversion that a NaN could break.
INLINE vf exp_(vf x) {
  x = either(x < -104.0f, (vf){0} - 104.0f, x);
  vf shifted = x * 1.44269504088896341f + 12582912.0f, n = shifted - 12582912.0f;
  vf r = x - n * 0.693359375f - n * -2.12194440e-4f;
  vf p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  vi power = ((vi)shifted & 0x1ff) - ((vi)shifted & 0x100) * 2; // the low nine bits, signed
  vi low = power >> 1, high = power - low;                      // in two factors: results may be denormal
  return p * (vf)((low + 127) << 23) * (vf)((high + 127) << 23);
}

// x >= 1 and normal, or infinite, or NaN
INLINE vf log_(vf x) {
  vi exponent = (((vi)x >> 23) & 0xff) - 126;
  vf m = (vf)(((vi)x & 0x007fffff) | 0x3f000000); // [0.5, 1)
  vi small = m < 0.707106781186547524f;
  exponent += small; // -1 where small
  m = m + keep(m, small) - 1.0f;
  vf e = __builtin_convertvector(exponent, vf), z = m * m;
  vf p = m * 7.0376836292e-2f - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  p = p * m * z;
  p = p + e * -2.12194440e-4f - z * 0.5f;
  return m + p + e * 0.693359375f + (x - x); // x - x: NaN for NaN and infinity
}

// z [classes][columns] → loss of the batch (sum over the true columns) and, with d, d = (softmax - target) / batch.
// correct counts columns whose label's output is the largest, the first of equals; a NaN in a column makes it wrong.
static void loss(struct call *c, const float *z, float *d, const unsigned char *labels, size classes) {
  const size columns = c->columns;
  const float smoothing = c->smoothing, off = smoothing / (float)classes, on = 1.0f - smoothing + off;
  vi iota, correct = {0};
  for (int l = 0; l < LANES; l++) iota[l] = l;
  float sums[16] = {0};
  for (size b = 0; b < columns; b += LANES) {
    vi label = __builtin_convertvector(*(const vbytes *)(labels + b), vi), real = iota + (int)b < (int)c->batch;
    vf top = LOAD(z + b), own = {0}, sum = {0}, all = {0};
    for (size k = 0; k < classes; k++) {
      vf x = LOAD(z + k * columns + b);
      top = either(x > top, x, top);
      own = (vf)((vi)own | ((vi)x & (label == (int)k)));
    }
    vi best = real;
    for (size k = 0; k < classes; k++) {
      vf x = LOAD(z + k * columns + b), s = x - top, e = exp_(s);
      best &= (x < own) | ((x == own) & (label <= (int)k));
      sum += e;
      all += s;
      if (d) STORE(d + k * columns + b, e);
    }
    correct -= best;
    vf whole = log_(sum), value = whole - (own - top);
    if (smoothing != 0.0f) value = value * (1.0f - smoothing) + (whole * (float)classes - all) * off;
    value = keep(value, real);
    for (int l = 0; l < LANES; l++) sums[(b + l) % 16] += value[l];
    if (d)
      for (size k = 0; k < classes; k++) {
        float *p = d + k * columns + b;
        vf target = either(label == (int)k, (vf){0} + on, (vf){0} + off);
        STORE(p, keep((LOAD(p) / sum - target) / (float)c->batch, real));
      }
  }
  c->loss = d ? fold(sums) / (float)c->batch : fold(sums);
  c->correct = 0;
  for (int l = 0; l < LANES; l++) c->correct += (u32)correct[l];
}

// ---- the update ----

// engine.ts states the order. Arrays are padded to 16, with zeros that stay zeros.
INLINE void update(const struct call *c, float *w, const float *g, float *v, const signed char *marks, const u32 flags,
                   struct share s) {
  for (size e = s.from; e < s.to; e += LANES) {
    vf W = LOAD(w + e), G = flags & BLOCKED ? (vf){0} : LOAD(g + e), V = LOAD(v + e);
    vi mark = flags & (HAS_MASK | HAS_PENALTY) ? __builtin_convertvector(*(const vflags *)(marks + e), vi) : (vi){0};
    if (flags & HAS_PENALTY) G += keep(W * c->penalty, (mark & 2) != 0);
    G += W * c->weight_decay;
    V = V * c->momentum + G;
    if (c->nesterov) W -= (G + V * c->momentum) * c->learning_rate;
    else W -= V * c->learning_rate;
    if (flags & HAS_MASK) W = keep(W, (mark & 1) != 0), V = keep(V, (mark & 1) != 0);
    STORE(w + e, W);
    STORE(v + e, V);
  }
}

// ---- threads ----

#ifdef __wasm__
INLINE void relax(void) {}
INLINE void sleep_on(u32 *p, u32 seen) { __builtin_wasm_memory_atomic_wait32((int *)p, (int)seen, -1); }
INLINE void wake_all(u32 *p) { __builtin_wasm_memory_atomic_notify((int *)p, 0x7fffffff); }
#else
#if defined(__x86_64__)
INLINE void relax(void) { __builtin_ia32_pause(); }
#elif defined(__aarch64__)
INLINE void relax(void) { __asm__ volatile("yield"); }
#else
INLINE void relax(void) {}
#endif
#ifdef __linux__
INLINE void sleep_on(u32 *p, u32 seen) { syscall(SYS_futex, p, FUTEX_WAIT_PRIVATE, seen, 0, 0, 0); }
INLINE void wake_all(u32 *p) { syscall(SYS_futex, p, FUTEX_WAKE_PRIVATE, 0x7fffffff, 0, 0, 0); }
#else
INLINE void sleep_on(u32 *p, u32 seen) { if (__atomic_load_n(p, __ATOMIC_SEQ_CST) == seen) sched_yield(); }
INLINE void wake_all(u32 *p) { (void)p; }
#endif
#endif

// Spins for some 20 µs, as a kernel's end is near; then sleeps, as another program has the core.
static void barrier(struct control *c, u32 threads) {
  if (threads == 1) return;
  u32 turn = __atomic_load_n(&c->turn, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&c->arrived, 1, __ATOMIC_ACQ_REL) == threads) {
    __atomic_store_n(&c->arrived, 0, __ATOMIC_RELAXED);
    __atomic_add_fetch(&c->turn, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&c->waiting, __ATOMIC_SEQ_CST)) wake_all(&c->turn);
    return;
  }
  for (int i = 0; i < BARRIER_SPINS; i++) {
    if (__atomic_load_n(&c->turn, __ATOMIC_ACQUIRE) != turn) return;
    relax();
  }
  __atomic_add_fetch(&c->waiting, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&c->turn, __ATOMIC_SEQ_CST) == turn) sleep_on(&c->turn, turn);
  __atomic_sub_fetch(&c->waiting, 1, __ATOMIC_SEQ_CST);
}

// ---- the walk ----

static void execute(const struct instruction *q, char *base, struct call *c, u32 id, u32 threads) {
  const size columns = c->columns;
  float *x = (float *)(base + q->x), *y = (float *)(base + q->y), *w = (float *)(base + q->w);
  float *g = (float *)(base + q->g), *v = (float *)(base + q->v);
  const float *bias = (const float *)(base + q->bias), *gated = (const float *)(base + q->gated);
  const u32 *starts = (const u32 *)(base + q->starts), *index = (const u32 *)(base + q->index);
  const u32 *entry = (const u32 *)(base + q->entry);
  const signed char *marks = (const signed char *)(base + q->marks);
#define SHARE(n, unit) share(n, unit, id, threads)
  switch (q->op) {
    case PACK:
      pack(x, y, c->batch, columns, q->inputs, SHARE(q->inputs, 4));
      break;
    case UNPACK: {
      struct share s = SHARE(q->inputs, 4);
      transpose(x + s.from * columns, y + s.from, s.to - s.from, 0, columns, columns, q->inputs);
      break;
    }
    case RELU: {
      struct share s = SHARE(c->batch * (size)q->inputs, 16);
      for (size i = s.from; i < s.to; i += LANES) store_first(x + i, gate(LOAD(x + i), LOAD(x + i)), s.to - i);
      break;
    }
    case FORWARD: {
      struct share s = SHARE(q->outputs, DENSE_ROWS);
#define CASE(flags) dense(w, q->inputs, 1, x, q->inputs, columns, y, bias, gated, flags, s)
      if (q->flags == (HAS_BIAS | HAS_RELU)) CASE(HAS_BIAS | HAS_RELU);
      else CASE(q->flags);
#undef CASE
      break;
    }
    case INPUT:
      dense(w, 1, q->inputs, x, q->outputs, columns, y, bias, gated, q->flags, SHARE(q->inputs, DENSE_ROWS));
      break;
    case FORWARD_SPARSE:
      sparse(w, starts, index, 0, x, columns, y, bias, gated, q->flags, share_entries(starts, q->outputs, id, threads));
      break;
    case INPUT_SPARSE:
      sparse(w, starts, index, entry, x, columns, y, bias, gated, q->flags, share_entries(starts, q->inputs, id, threads));
      break;
    case WEIGHT:
      weight_dense(x, y, columns, q->inputs, g, SHARE(q->outputs, GRADIENT_ROWS));
      break;
    case WEIGHT_SPARSE:
      weight_sparse(x, y, entry, index, columns, g, SHARE(q->kept, 16));
      break;
    case BIAS:
      bias_gradient(x, columns, g, SHARE(q->outputs, 1));
      break;
    case LOSS:
    case COUNT:
      if (id == 0) loss(c, x, q->op == LOSS ? y : 0, (const unsigned char *)(base + q->index), q->outputs);
      break;
    case GATE: {
      struct share s = SHARE(q->outputs * columns, 16);
      for (size i = s.from; i < s.to; i += LANES) STORE(y + i, gate(LOAD(y + i), LOAD(gated + i)));
      break;
    }
    case UPDATE: {
      struct share s = SHARE((q->kept + 15) / 16 * 16, 16);
#define CASE(flags) update(c, w, g, v, marks, flags, s)
      if (q->flags == 0) CASE(0);
      else CASE(q->flags);
#undef CASE
      break;
    }
  }
#undef SHARE
}

static void walk(char *base, struct control *control, struct call *call, u32 id, u32 threads, u32 program, u32 count) {
  const struct instruction *q = (const struct instruction *)(base + program);
  for (u32 i = 0; i < count; i++) {
    if (q[i].op == BARRIER) barrier(control, threads);
    else execute(q + i, base, call, id, threads);
  }
  barrier(control, threads);
}

// The caller's part of a program: thread 0. With helpers, it has raised `generation` and woken sleepers before.
EXPORT(run) void run(char *base, u32 control, u32 call, u32 threads, u32 program, u32 count) {
  walk(base, (struct control *)(base + control), (struct call *)(base + call), 0, threads, program, count);
}

// A helper: walks each program after generation `seen`; returns the last one seen when nothing came for a while or at
// `stop`, so that JavaScript can sleep, or end.
EXPORT(serve) u32 serve(char *base, u32 control, u32 call, u32 id, u32 threads, u32 seen) {
  struct control *c = (struct control *)(base + control);
  for (int i = 0; i < SERVE_SPINS; i++) {
    u32 generation = __atomic_load_n(&c->generation, __ATOMIC_ACQUIRE);
    if (generation == seen) {
      relax();
      continue;
    }
    if (__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) return generation;
    seen = generation;
    walk(base, c, (struct call *)(base + call), id, threads, c->program, c->count);
    i = 0;
  }
  return seen;
}
