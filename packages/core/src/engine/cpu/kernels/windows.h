// Sums over taps in the blocked layout: convolution forward and its input gradient, dense and sparse.

// Where a sum reads and writes: floats between rows and pixels of x and y, and between planes (channels) of y.
struct window {
  size rows, pixels;
  size x_row, x_pixel, y_row, y_pixel, y_plane;
};

// vector v of a run of pixels
INLINE size at(const int v, size pixel) { return (size)(v / PARTS) * pixel + (size)(v % PARTS * LANES); }

// y[k][p] = Σ_t w[k · w_row + wo[t]] · x[xo[t] + p], t = 0, 1, …; `outputs` × `vectors` accumulators.
INLINE void window_block(const float *x, const u32 *xo, size x_pixel, const float *w, const u32 *wo, size w_row, size taps,
                         float *y, size y_pixel, size y_plane, const float *bias, const int outputs, const int vectors) {
  vf a[WINDOW_OUTPUTS][WINDOW_VECTORS];
  UNROLL for (int k = 0; k < outputs; k++) UNROLL for (int v = 0; v < vectors; v++) a[k][v] = (vf){0};
  for (size t = 0; t < taps; t++) {
    const float *p = x + xo[t], *q = w + wo[t];
    vf X[WINDOW_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) X[v] = LOAD(p + at(v, x_pixel));
    UNROLL for (int k = 0; k < outputs; k++) {
      vf s = SPLAT(q[k * w_row]);
      UNROLL for (int v = 0; v < vectors; v++) a[k][v] += X[v] * s;
    }
  }
  UNROLL for (int k = 0; k < outputs; k++) UNROLL for (int v = 0; v < vectors; v++) {
    vf r = a[k][v];
    if (bias) r += bias[k];
    STORE(y + k * y_plane + at(v, y_pixel), r);
  }
}

INLINE void window_dense_at(const float *x, const u32 *xo, const float *w, const u32 *wo, size w_row, size taps, float *y,
                         const float *bias, size outputs, const struct window *g, const size x_pixel, const size y_pixel) {
  const size width = WINDOW_VECTORS / PARTS > 0 ? WINDOW_VECTORS / PARTS : 1;
  for (size r = 0; r < g->rows; r++) {
    for (size p = 0; p < g->pixels;) {
      const float *xp = x + r * g->x_row + p * x_pixel;
      float *yp = y + r * g->y_row + p * y_pixel;
      const int whole = p + width <= g->pixels;
#define BLOCK(n, vectors, part)                                                                                   \
  window_block(xp + (part), xo, x_pixel, w + k * w_row, wo, w_row, taps, yp + k * g->y_plane + (part), y_pixel, \
               g->y_plane, bias ? bias + k : 0, n, vectors)
#if WINDOW_VECTORS >= PARTS
#define OUTPUTS(n) do { if (whole) BLOCK(n, WINDOW_VECTORS, 0); else BLOCK(n, PARTS, 0); } while (0)
#else
#define OUTPUTS(n) for (size part = 0; part < 16; part += LANES * WINDOW_VECTORS) BLOCK(n, WINDOW_VECTORS, part)
#endif
      size k = 0;
      for (; k + WINDOW_OUTPUTS <= outputs; k += WINDOW_OUTPUTS) OUTPUTS(WINDOW_OUTPUTS);
#if WINDOW_OUTPUTS > 4
      for (; k + 4 <= outputs; k += 4) OUTPUTS(4);
#endif
      for (; k < outputs; k++) OUTPUTS(1);
#undef OUTPUTS
#undef BLOCK
      p += whole ? width : 1;
    }
  }
}

// Pixels of x and y that lie side by side, or apart.
KERNEL void window_dense_near(const float *x, const u32 *xo, const float *w, const u32 *wo, size w_row, size taps, float *y, const float *bias,
                              size outputs, const struct window *g) {
  window_dense_at(x, xo, w, wo, w_row, taps, y, bias, outputs, g, 16, 16);
}
KERNEL void window_dense_far(const float *x, const u32 *xo, const float *w, const u32 *wo, size w_row, size taps, float *y, const float *bias,
                             size outputs, const struct window *g) {
  window_dense_at(x, xo, w, wo, w_row, taps, y, bias, outputs, g, g->x_pixel, g->y_pixel);
}
static void window_dense(const float *x, const u32 *xo, const float *w, const u32 *wo, size w_row, size taps, float *y, const float *bias,
                         size outputs, const struct window *g) {
  if (g->x_pixel == 16 && g->y_pixel == 16) window_dense_near(x, xo, w, wo, w_row, taps, y, bias, outputs, g);
  else window_dense_far(x, xo, w, wo, w_row, taps, y, bias, outputs, g);
}

// y[k][p] = Σ_e w[e] · x[xo[e] + p], e in [starts[k], starts[k + 1])
INLINE void sparse_window_block(const float *x, const u32 *xo, size x_pixel, const float *w, size first, size last,
                                float *y, size y_pixel, float bias, const int vectors) {
  vf a[SPARSE_VECTORS];
  UNROLL for (int v = 0; v < vectors; v++) a[v] = (vf){0};
  UNROLL for (int v = 0; v < vectors; v++) SOON_WRITTEN(y + at(v + vectors, y_pixel));
  for (size e = first; e < last; e++) {
    const float *p = x + xo[e];
    const vf s = SPLAT(w[e]);
    UNROLL for (int v = 0; v < vectors; v++) a[v] += LOAD(p + at(v, x_pixel)) * s;
  }
  UNROLL for (int v = 0; v < vectors; v++) STORE(y + at(v, y_pixel), a[v] + bias);
}

INLINE void window_sparse_at(const float *x, const u32 *starts, const u32 *xo, const float *w, float *y, const float *bias,
                          size outputs, const struct window *g, const size x_pixel, const size y_pixel) {
  const size width = SPARSE_VECTORS / PARTS;
  for (size r = 0; r < g->rows; r++) {
    for (size p = 0; p < g->pixels;) {
      const float *xp = x + r * g->x_row + p * x_pixel;
      float *yp = y + r * g->y_row + p * y_pixel;
      const size left = g->pixels - p;
#define EACH(n)                                                                                               \
  for (size k = 0; k < outputs; k++)                                                                          \
    sparse_window_block(xp, xo, x_pixel, w, starts[k], starts[k + 1], yp + k * g->y_plane, y_pixel,           \
                        bias ? bias[k] : 0.0f, (n) * PARTS)
      if (left >= width) { EACH(SPARSE_VECTORS / PARTS); p += width; }
      else if (width > 4 && left >= 4) { EACH(SPARSE_VECTORS / PARTS > 4 ? 4 : 1); p += 4; }
      else { EACH(1); p++; }
#undef EACH
    }
  }
}

KERNEL void window_sparse_near(const float *x, const u32 *starts, const u32 *xo, const float *w, float *y, const float *bias, size outputs,
                               const struct window *g) {
  window_sparse_at(x, starts, xo, w, y, bias, outputs, g, 16, 16);
}
KERNEL void window_sparse_far(const float *x, const u32 *starts, const u32 *xo, const float *w, float *y, const float *bias, size outputs,
                              const struct window *g) {
  window_sparse_at(x, starts, xo, w, y, bias, outputs, g, g->x_pixel, g->y_pixel);
}
static void window_sparse(const float *x, const u32 *starts, const u32 *xo, const float *w, float *y, const float *bias, size outputs,
                          const struct window *g) {
  if (g->x_pixel == 16 && g->y_pixel == 16) window_sparse_near(x, starts, xo, w, y, bias, outputs, g);
  else window_sparse_far(x, starts, xo, w, y, bias, outputs, g);
}
