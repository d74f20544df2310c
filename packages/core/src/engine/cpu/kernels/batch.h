// Sums over the batch: gradients of weights and biases, in 16 virtual lanes.

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

INLINE vf fold_vectors(vf a[LANES]) {
#if LANES == 16
  UNROLL for (int i = 0; i < 8; i++) a[i] = FOLD8(a[2 * i], a[2 * i + 1]);
#endif
#if LANES >= 8
  UNROLL for (int i = 0; i < 4; i++) a[i] = FOLD4(a[2 * i], a[2 * i + 1]);
#endif
  a[0] = FOLD2(a[0], a[1]), a[1] = FOLD2(a[2], a[3]);
  return FOLD1(a[0], a[1]);
}

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
    store_first(g + e, fold_vectors(a), s.to - e);
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
