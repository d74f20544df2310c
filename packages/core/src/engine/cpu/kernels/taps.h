// Sums over taps: forward and input gradient, dense and sparse.

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
