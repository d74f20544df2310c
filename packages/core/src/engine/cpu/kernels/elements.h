// Elementwise work: transpositions into and out of the layout, ReLU in place, the update.

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
