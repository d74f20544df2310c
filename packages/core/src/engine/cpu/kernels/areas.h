// Sums over a tile, in the blocked layout: gradients of convolution weights, in 16 lanes, each one chain over the tile's pixels.

// What is summed over: floats between rows and pixels of x, rows and planes (channels) of d. A pixel of d is 16 floats.
struct area {
  size rows, pixels;
  size x_row, x_pixel, d_row, d_plane;
};

// to[e] = (or +=) the fold of the 16 lanes at sums + 16 e
static void fold_all(const float *sums, float *to, size count, int add) {
  for (size e = 0; e < count; e += LANES) {
    vf a[LANES];
    for (int i = 0; i < LANES; i++) {
      const float *p = sums + 16 * (e + i < count ? e + i : e);
#if LANES == 4
      a[i] = (LOAD(p) + LOAD(p + 8)) + (LOAD(p + 4) + LOAD(p + 12));
#elif LANES == 8
      a[i] = LOAD(p) + LOAD(p + 8);
#else
      a[i] = LOAD(p);
#endif
    }
    vf r = fold_vectors(a);
    if (add) {
      if (e + LANES <= count) r = LOAD(to + e) + r;
      else
        for (size i = e; i < count; i++) r[i - e] = to[i] + r[i - e];
    }
    store_first(to + e, r, count - e);
  }
}

// sums[k][t] lanes += Σ d[k][p] · x[xo[t] + p]
INLINE void area_run_at(const float *x, const u32 *xo, const struct area *s, const size x_pixel, const float *d, size rows, float *sums,
                        size sums_row, const int outputs, const int taps) {
  for (int part = 0; part < 16; part += LANES) {
    vf a[AREA_OUTPUTS][AREA_TAPS];
    UNROLL for (int k = 0; k < outputs; k++) UNROLL for (int t = 0; t < taps; t++) a[k][t] = LOAD(sums + k * sums_row + 16 * t + part);
    for (size r = 0; r < rows; r++) {
      const float *dp = d + r * s->d_row + part, *xp = x + r * s->x_row + part;
      for (size p = 0; p < s->pixels; p++, dp += 16, xp += x_pixel) {
        vf D[AREA_OUTPUTS];
        UNROLL for (int k = 0; k < outputs; k++) {
          D[k] = LOAD(dp + k * s->d_plane);
          HOLD(D[k]);
        }
        UNROLL for (int t = 0; t < taps; t++) {
          vf X = LOAD(xp + xo[t]);
          HOLD(X);
          UNROLL for (int k = 0; k < outputs; k++) a[k][t] += D[k] * X;
        }
      }
    }
    UNROLL for (int k = 0; k < outputs; k++) UNROLL for (int t = 0; t < taps; t++) STORE(sums + k * sums_row + 16 * t + part, a[k][t]);
  }
}

#define DEFINE(name, outputs, taps)                                                                                               \
  KERNEL void name(const float *x, const u32 *xo, const struct area *s, const float *d, size rows, float *sums, size sums_row) { \
    if (s->x_pixel == 16) area_run_at(x, xo, s, 16, d, rows, sums, sums_row, outputs, taps);                                    \
    else area_run_at(x, xo, s, s->x_pixel, d, rows, sums, sums_row, outputs, taps);                                             \
  }
DEFINE(area_run_whole, AREA_OUTPUTS, AREA_TAPS)
DEFINE(area_run_some, AREA_OUTPUTS, 1)
DEFINE(area_run_row, 1, AREA_TAPS)
DEFINE(area_run_one, 1, 1)
#if AREA_TAPS > 3
DEFINE(area_run_three, AREA_OUTPUTS, 3)
DEFINE(area_run_row_three, 1, 3)
#endif
#undef DEFINE

// A few rows of d at a time: they stay in the first cache while every tap goes over them.
static void area_outputs(const float *x, const u32 *xo, size taps, const float *d, const struct area *s, float *sums, size outputs) {
  for (size i = 0; i < outputs * taps * 16; i += LANES) STORE(sums + i, (vf){0});
  size chunk = AREA_CHUNK / (s->pixels * 16 * AREA_OUTPUTS);
  if (chunk < 1) chunk = 1;
  for (size r = 0; r < s->rows; r += chunk) {
    const size rows = s->rows - r < chunk ? s->rows - r : chunk;
    const float *xp = x + r * s->x_row, *dp = d + r * s->d_row;
    size t = 0;
#define RUN(whole, one) do { \
    if (outputs > 1) whole(xp, xo + t, s, dp, rows, sums + 16 * t, 16 * taps); \
    else one(xp, xo + t, s, dp, rows, sums + 16 * t, 16 * taps); \
  } while (0)
    for (; t + AREA_TAPS <= taps; t += AREA_TAPS) RUN(area_run_whole, area_run_row);
#if AREA_TAPS > 3
    for (; t + 3 <= taps; t += 3) RUN(area_run_three, area_run_row_three);
#endif
    for (; t < taps; t++) RUN(area_run_some, area_run_one);
#undef RUN
  }
}

// g[k][t] = (or +=) Σ d[k][p] · x[xo[t] + p], for `outputs` outputs; sums: room for AREA_OUTPUTS · taps · 16 floats
static void area_dense(const float *x, const u32 *xo, size taps, const float *d, const struct area *s, size outputs, float *sums,
                       float *g, int add) {
  size k = 0;
#define OUTPUTS(n) do { \
    area_outputs(x, xo, taps, d + k * s->d_plane, s, sums, n); \
    fold_all(sums, g + k * taps, (n) * taps, add); \
  } while (0)
  for (; k + AREA_OUTPUTS <= outputs; k += AREA_OUTPUTS) OUTPUTS(AREA_OUTPUTS);
  for (; k < outputs; k++) OUTPUTS(1);
#undef OUTPUTS
}

// Kept weights of one output: to[e] = (or +=) Σ d[p] · x[xo[e] + p]. `width` at a time; the last one is repeated where some are missing.
INLINE void area_entries_at(const float *x, const u32 *xo, const float *d, const struct area *s, float *to, size entries, int add,
                         const size x_pixel, const int width) {
  float lanes[AREA_ENTRIES][16];
  const float *from[AREA_ENTRIES];
  UNROLL for (int i = 0; i < width; i++) from[i] = x + xo[(size)i < entries ? (size)i : entries - 1];
  // Few rows at a time where a pixel is several vectors: all of them are taken while the rows are in the first cache.
  const size some = s->pixels < AREA_PIXELS ? AREA_PIXELS / s->pixels : 1, chunk = PARTS > 1 ? some : s->rows;
  UNROLL for (int i = 0; i < width; i++)
    for (size part = 0; part < 16; part += LANES) STORE(lanes[i] + part, (vf){0});
  for (size first = 0; first < s->rows; first += chunk) {
    const size last = first + chunk < s->rows ? first + chunk : s->rows;
    for (size part = 0; part < 16; part += LANES) {
      vf a[AREA_ENTRIES];
      UNROLL for (int i = 0; i < width; i++) a[i] = LOAD(lanes[i] + part);
      for (size r = first; r < last; r++) {
        const float *dp = d + r * s->d_row + part;
        size o = r * s->x_row + part;
        for (size p = 0; p < s->pixels; p++, dp += 16, o += x_pixel) {
          const vf D = LOAD(dp);
          UNROLL for (int i = 0; i < width; i++) a[i] += D * LOAD(from[i] + o);
        }
      }
      UNROLL for (int i = 0; i < width; i++) STORE(lanes[i] + part, a[i]);
    }
  }
  for (size i = 0; i < (size)width && i < entries; i++) to[i] = add ? to[i] + fold(lanes[i]) : fold(lanes[i]);
}

#define DEFINE(name, width)                                                                                                            \
  KERNEL void name(const float *x, const u32 *xo, const float *d, const struct area *s, float *to, size entries, int add) { \
    if (s->x_pixel == 16) area_entries_at(x, xo, d, s, to, entries, add, 16, width);                                                \
    else area_entries_at(x, xo, d, s, to, entries, add, s->x_pixel, width);                                                         \
  }
DEFINE(area_entries_whole, AREA_ENTRIES)
DEFINE(area_entries_half, AREA_ENTRIES / 2)
#undef DEFINE

// Entries [starts[k], starts[k + 1]) of every output k.
static void area_sparse(const float *x, const u32 *starts, const u32 *xo, const float *d, const struct area *s, size outputs, float *g,
                        int add) {
  for (size k = 0; k < outputs; k++) {
    const float *dk = d + k * s->d_plane;
    for (size e = starts[k]; e < starts[k + 1];) {
      const size left = starts[k + 1] - e;
      if (left > AREA_ENTRIES / 2) {
        area_entries_whole(x, xo + e, dk, s, g + e, left, add);
        e += AREA_ENTRIES;
      } else {
        area_entries_half(x, xo + e, dk, s, g + e, left, add);
        e += AREA_ENTRIES / 2;
      }
    }
  }
}
