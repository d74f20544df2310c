// Between convolutions: a site's rows made ready, its gradient, and the sums of both that norms need.

#define FLOATS(offset) ((float *)(base + (offset)))
#define PIXEL 16 // floats of a pixel

// Which lanes of a block are columns of the batch: others may hold anything, and enter no sum.
struct valid { vi lanes[PARTS]; size count; };
INLINE struct valid valid_lanes(const struct call *c, size block) {
  struct valid v;
  v.count = c->batch - 16 * block < 16 ? c->batch - 16 * block : 16;
  for (int part = 0; part < PARTS; part++) {
    vi iota;
    for (int l = 0; l < LANES; l++) iota[l] = l + part * LANES;
    v.lanes[part] = iota < (int)v.count;
  }
  return v;
}

// a norm's figures of one channel
struct affine { float mean, factor, shift; };
INLINE struct affine affine_of(const char *base, u32 norm, u32 figures, size channel) {
  if (!norm) return (struct affine){0.0f, 1.0f, 0.0f};
  const size channels = ((const struct norm *)(base + norm))->channels;
  const float *p = (const float *)(base + figures);
  return (struct affine){p[channel], p[channels + channel], p[2 * channels + channel]};
}

enum { FIRST_NORM = 1, SECOND = 2, SECOND_NORM = 4, ACT_RELU = 8, ACT_RELU6 = 16 };

INLINE vf activate(vf v, const u32 flags) {
  if (flags & (ACT_RELU | ACT_RELU6)) v = gate(v, v);
  if (flags & ACT_RELU6) v = either(v > 6.0f, (vf){0} + 6.0f, v);
  return v;
}

// to[i] = act(p + q), i < n floats, each maybe normalised; n is a multiple of 16
INLINE void combine(float *to, const float *p, struct affine a, const float *q, struct affine b, size n, const u32 flags) {
  for (size i = 0; i < n; i += LANES) {
    vf v = LOAD(p + i);
    if (flags & FIRST_NORM) v = (v - a.mean) * a.factor + a.shift;
    if (flags & SECOND) {
      vf u = LOAD(q + i);
      if (flags & SECOND_NORM) u = (u - b.mean) * b.factor + b.shift;
      v += u;
    }
    STORE(to + i, activate(v, flags));
  }
}

static void combine_any(float *to, const float *p, struct affine a, const float *q, struct affine b, size n, u32 flags) {
#define CASE(f) case f: combine(to, p, a, q, b, n, f); break
  switch (flags) {
    CASE(0);
    CASE(ACT_RELU);
    CASE(FIRST_NORM);
    CASE(FIRST_NORM | ACT_RELU);
    CASE(FIRST_NORM | SECOND);
    CASE(FIRST_NORM | SECOND | ACT_RELU);
    CASE(FIRST_NORM | SECOND | SECOND_NORM | ACT_RELU);
    default: combine(to, p, a, q, b, n, flags);
  }
#undef CASE
}

INLINE void zero(float *p, size n) {
  for (size i = 0; i < n; i += LANES) STORE(p + i, (vf){0});
}

INLINE size row_of(u32 channels, u32 height, u32 width, size block, size channel, size row) {
  return ((block * channels + channel) * height + row) * width * PIXEL;
}

// A row of a term; option A's is gathered into `spare`. `columns`: of the site.
INLINE const float *term_row(char *base, const struct term *t, size block, size channel, size row, size columns, float *spare) {
  const float *tensor = FLOATS(t->tensor);
  if (!t->stride) return tensor + row_of(t->channels, t->height, t->width, block, channel, row);
  if (channel < t->before || channel >= t->before + t->channels) {
    zero(spare, columns * PIXEL);
    return spare;
  }
  const float *from = tensor + row_of(t->channels, t->height, t->width, block, channel - t->before, row * t->stride);
  for (size x = 0; x < columns; x++)
    for (size l = 0; l < PIXEL; l += LANES) STORE(spare + x * PIXEL + l, LOAD(from + x * t->stride * PIXEL + l));
  return spare;
}

static u32 site_flags(const struct site *s) {
  return (s->term[0].norm ? FIRST_NORM : 0) | (s->terms > 1 ? SECOND : 0) | (s->terms > 1 && s->term[1].norm ? SECOND_NORM : 0) |
         (s->act == 2 ? ACT_RELU6 : s->act == 1 ? ACT_RELU : 0);
}

#define FORWARD_OF(norm_) (((const struct norm *)(base + (norm_)))->forward)
#define AFFINE(norm_, channel) affine_of(base, norm_, (norm_) ? FORWARD_OF(norm_) : 0, channel)

// One row of a site, before or after its activation.
INLINE void site_row(char *base, const struct site *s, size block, size channel, size row, float *to, float *spare, u32 flags) {
  const float *p = term_row(base, &s->term[0], block, channel, row, s->width, spare), *q = p;
  struct affine a = AFFINE(s->term[0].norm, channel), b = a;
  if (flags & SECOND) {
    q = term_row(base, &s->term[1], block, channel, row, s->width, spare + s->width * PIXEL);
    b = AFFINE(s->term[1].norm, channel);
  }
  combine_any(to, p, a, q, b, s->width * PIXEL, flags);
}

// Where a tile's rows go: `rows` of `width` pixels for each channel, the first of them row `top` of the plane, with `left`
// columns of zeros before it.
struct tile { long top; size rows, width, left; };

// Makes a site ready; rows outside of the plane are zeros. Rows [own, own_end) also go into the site's tensor, if `store`.
static void prepare(char *base, const struct site *s, float *x, struct tile t, size block, int store, size own, size own_end,
                    float *spare) {
  const u32 flags = s->stored && !store ? 0 : site_flags(s);
  const size n = s->width * PIXEL, right = t.width - t.left - s->width;
  struct site plain = *s;
  if (s->stored && !store) {
    plain.terms = 1;
    plain.term[0] = (struct term){s->stored, 0, 0, 0, s->channels, s->height, s->width};
  }
  long from = t.top, to = t.top + (long)t.rows;
  if (store && from > (long)own) from = (long)own;
  if (store && to < (long)own_end) to = (long)own_end;
  for (size c = 0; c < s->channels; c++) {
    for (long h = from; h < to; h++) {
      const int inside = h >= t.top && h < t.top + (long)t.rows;
      float *row = inside ? x + (c * t.rows + (size)(h - t.top)) * t.width * PIXEL : spare + 2 * n;
      if (h < 0 || h >= (long)s->height) {
        if (inside) zero(row, t.width * PIXEL);
        continue;
      }
      float *at = inside ? row + t.left * PIXEL : row;
      site_row(base, &plain, block, c, (size)h, at, spare, flags);
      if (inside) zero(row, t.left * PIXEL), zero(at + n, right * PIXEL);
      if (store && h >= (long)own && h < (long)own_end) {
        float *stored = FLOATS(s->stored) + row_of(s->channels, s->height, s->width, block, c, (size)h);
        for (size i = 0; i < n; i += LANES) STORE(stored + i, LOAD(at + i));
      }
    }
  }
}

// One row of a contribution to a gradient: p itself, or made in `to`. Lanes that are no columns may hold anything.
INLINE const float *source_row(char *base, const struct source *s, size block, size channel, size row, size columns, float *to) {
  const float *g = FLOATS(s->gradient);
  if (s->stride) {
    const size c = channel + s->before; // of option A's output
    zero(to, columns * PIXEL);
    if (row % s->stride != 0) return to;
    const float *from = g + row_of(s->channels, s->height, s->width, block, c, row / s->stride);
    for (size x = 0; x < s->width; x++)
      for (size l = 0; l < PIXEL; l += LANES) STORE(to + x * s->stride * PIXEL + l, LOAD(from + x * PIXEL + l));
    return to;
  }
  const size at = row_of(s->channels, s->height, s->width, block, channel, row);
  if (!s->norm) return g + at;
  const struct norm *m = (const struct norm *)(base + s->norm);
  const float mean = FLOATS(m->forward)[channel], *b = FLOATS(m->backward);
  const float factor = b[channel], shift = b[m->channels + channel], slope = b[2 * m->channels + channel];
  const float *z = FLOATS(s->z) + at;
  for (size i = 0; i < columns * PIXEL; i += LANES)
    STORE(to + i, ((LOAD(g + at + i) - shift) - (LOAD(z + i) - mean) * slope) * factor);
  return to;
}

// Makes the gradient of a convolution's output ready: zeros around it, and in lanes that are no columns.
static void prepare_gradient(char *base, const struct source *s, float *d, struct tile t, size block, struct valid valid) {
  const size n = s->width * PIXEL, right = t.width - t.left - s->width;
  for (size c = 0; c < s->channels; c++) {
    for (size r = 0; r < t.rows; r++) {
      float *row = d + (c * t.rows + r) * t.width * PIXEL, *at = row + t.left * PIXEL;
      const long h = t.top + (long)r;
      if (h < 0 || h >= (long)s->height) {
        zero(row, t.width * PIXEL);
        continue;
      }
      const float *p = source_row(base, s, block, c, (size)h, s->width, at);
      for (size i = 0; i < n; i += 16)
        for (int part = 0; part < PARTS; part++) STORE(at + i + part * LANES, keep(LOAD(p + i + part * LANES), valid.lanes[part]));
      zero(row, t.left * PIXEL), zero(at + n, right * PIXEL);
    }
  }
}

// Σ over the pixels of n floats in 16 lanes: [Σ d, Σ d²] of d = z − centre
INLINE void lane_sums(const float *z, size n, float centre, struct valid valid, float sums[2]) {
  vf a[PARTS], b[PARTS];
  float lanes[16];
  UNROLL for (int part = 0; part < PARTS; part++) a[part] = b[part] = (vf){0};
  for (size i = 0; i < n; i += 16) {
    UNROLL for (int part = 0; part < PARTS; part++) {
      vf d = LOAD(z + i + part * LANES) - centre;
      a[part] += d, b[part] += d * d;
    }
  }
  UNROLL for (int part = 0; part < PARTS; part++) STORE(lanes + part * LANES, keep(a[part], valid.lanes[part]));
  sums[0] = fold(lanes);
  UNROLL for (int part = 0; part < PARTS; part++) STORE(lanes + part * LANES, keep(b[part], valid.lanes[part]));
  sums[1] = fold(lanes);
}

// Mean and sum of squares about it, of each channel of a tile. Two passes over rows that are still near: E[x²] − E[x]²
// would cancel where the mean is far from 0.
static void tile_statistics(char *base, const struct norm *m, const float *z, size tile, size rows, size plane, struct valid valid) {
  float *to = FLOATS(m->statistics) + tile * m->channels * 2;
  const size n = rows * m->width * PIXEL;
  const float count = (float)(rows * m->width * valid.count);
  for (size c = 0; c < m->channels; c++) {
    float sums[2];
    lane_sums(z + c * plane, n, 0.0f, valid, sums);
    const float mean = sums[0] / count;
    lane_sums(z + c * plane, n, mean, valid, sums);
    to[2 * c] = mean + sums[0] / count;
    to[2 * c + 1] = sums[1] - sums[0] * sums[0] / count;
  }
}

// Makes rows [from, to) of a site's gradient. dx: first summand, rows of `x_row` floats and planes of `x_plane`, or 0.
static void finish_rows(char *base, const struct finish *f, const float *dx, size x_row, size x_plane, size block, size from,
                        size to, size tile, struct valid valid, float *spare) {
  const struct site *s = f->site ? (const struct site *)(base + f->site) : 0;
  const size n = f->width * PIXEL;
  float *sum = spare, *other = spare + n, *value = spare + 2 * n, *rows = spare + 3 * n;
  for (size c = 0; c < f->channels; c++) {
    vf total[PARTS], slope[2][PARTS];
    struct affine mean[2];
    const struct norm *norms[2] = {0, 0};
    for (u32 t = 0; s && t < s->terms; t++) {
      if (!s->term[t].norm) continue;
      norms[t] = (const struct norm *)(base + s->term[t].norm);
      mean[t] = AFFINE(s->term[t].norm, c);
    }
    for (int part = 0; part < PARTS; part++) total[part] = slope[0][part] = slope[1][part] = (vf){0};
    for (size h = from; h < to; h++) {
      const float *p = dx ? dx + c * x_plane + (h - from) * x_row : 0;
      for (u32 k = 0; k < f->sources; k++) {
        const float *q = source_row(base, &f->source[k], block, c, h, f->width, p ? other : sum);
        if (p) {
          for (size i = 0; i < n; i += LANES) STORE(sum + i, LOAD(p + i) + LOAD(q + i));
          p = sum;
        } else p = q;
      }
      float *g = FLOATS(f->to) + row_of(f->channels, f->height, f->width, block, c, h);
      const float *v = 0;
      if (s && s->act) {
        v = value;
        if (s->stored) v = FLOATS(s->stored) + row_of(s->channels, s->height, s->width, block, c, h);
        else site_row(base, s, block, c, h, value, rows, site_flags(s));
      }
      for (size i = 0; i < n; i += 16) {
        UNROLL for (int part = 0; part < PARTS; part++) {
          const size at = i + part * LANES;
          vf d = keep(LOAD(p + at), valid.lanes[part]);
          if (v) d = gate(d, LOAD(v + at));
          if (v && s->act == 2) d = keep(d, ~(LOAD(v + at) >= 6.0f));
          STORE(g + at, d);
          total[part] += d;
        }
      }
      for (int t = 0; t < 2; t++) {
        if (!norms[t]) continue;
        const float *z = FLOATS(s->term[t].tensor) + row_of(f->channels, f->height, f->width, block, c, h);
        for (size i = 0; i < n; i += 16)
          UNROLL for (int part = 0; part < PARTS; part++) {
            const size at = i + part * LANES;
            slope[t][part] += keep(LOAD(g + at) * (LOAD(z + at) - mean[t].mean), valid.lanes[part]);
          }
      }
    }
    for (int t = 0; t < 2; t++) {
      if (!norms[t]) continue;
      float lanes[16], *to_ = FLOATS(norms[t]->sums) + (tile * f->channels + c) * 2;
      UNROLL for (int part = 0; part < PARTS; part++) STORE(lanes + part * LANES, total[part]);
      to_[0] = fold(lanes);
      UNROLL for (int part = 0; part < PARTS; part++) STORE(lanes + part * LANES, slope[t][part]);
      to_[1] = fold(lanes);
    }
  }
}
