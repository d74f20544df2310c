// Between convolutions: a site's rows made ready, its gradient, and the sums of both that norms need.

#define FLOATS(offset) ((float *)(base + (offset)))
#define PIXEL 16 // floats of a pixel

// Which lanes of a block are columns of the batch: others may hold anything, infinities too, and enter no sum over the batch.
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

enum { FIRST_NORM = 1, SECOND = 2, SECOND_NORM = 4, ACT_RELU = 8, ACT_RELU6 = 16, STORED = 32 };

INLINE vf activate(vf v, const u32 flags) {
  if (flags & (ACT_RELU | ACT_RELU6)) v = gate(v, v);
  if (flags & ACT_RELU6) v = either(v > 6.0f, (vf){0} + 6.0f, v);
  return v;
}

// Rows of a value on their way: where they are read and written, and floats from row to row.
struct rows { float *to, *store; const float *p, *q; size to_row, store_row, p_row, q_row, count, n, ahead; };

// to[i] = act(p + q), each maybe normalised; rows of n floats, a multiple of 16
INLINE void combine(struct rows r, struct affine a, struct affine b, const u32 flags) {
  for (size h = 0; h < r.count; h++) {
    for (size i = 0; i < r.n; i += LANES) {
      vf v = LOAD(r.p + i);
      SOON(r.p + i + r.ahead);
      if (flags & FIRST_NORM) v = (v - a.mean) * a.factor + a.shift;
      if (flags & SECOND) {
        vf u = LOAD(r.q + i);
        SOON(r.q + i + r.ahead);
        if (flags & SECOND_NORM) u = (u - b.mean) * b.factor + b.shift;
        v += u;
      }
      v = activate(v, flags);
      STORE(r.to + i, v);
      if (flags & STORED) STORE(r.store + i, v);
    }
    r.to += r.to_row, r.p += r.p_row, r.q += r.q_row, r.store += r.store_row;
  }
}

static void combine_any(struct rows r, struct affine a, struct affine b, u32 flags) {
#define CASE(f) case f: combine(r, a, b, f); break
  switch (flags) {
    CASE(0);
    CASE(ACT_RELU);
    CASE(FIRST_NORM);
    CASE(FIRST_NORM | ACT_RELU);
    CASE(FIRST_NORM | ACT_RELU | STORED);
    CASE(FIRST_NORM | SECOND | ACT_RELU);
    CASE(FIRST_NORM | SECOND | ACT_RELU | STORED);
    CASE(FIRST_NORM | SECOND | SECOND_NORM | ACT_RELU);
    CASE(FIRST_NORM | SECOND | SECOND_NORM | ACT_RELU | STORED);
    default: combine(r, a, b, flags);
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

enum how { MAKE_ROWS, STORE_ROWS, READ_ROWS }; // from its terms; that, and into its tensor; from its tensor

// Rows [from, to) of a channel of a site, `out_row` floats from one to the next. spare: two rows.
static void site_rows(char *base, const struct site *s, size block, size channel, size from, size to, float *out, size out_row, enum how how,
                      float *spare) {
  const size n = s->width * PIXEL;
  const size own = row_of(s->channels, s->height, s->width, block, channel, from);
  const struct affine a = AFFINE(s->term[0].norm, channel);
  struct rows r = {.to = out, .to_row = out_row, .count = to - from, .n = n, .p_row = n, .q_row = n, .store_row = n, .ahead = s->height * n};
  if (how == READ_ROWS) {
    r.p = r.q = FLOATS(s->stored) + own;
    combine_any(r, a, a, 0);
    return;
  }
  const int second = s->terms > 1;
  const struct affine b = second ? AFFINE(s->term[1].norm, channel) : a;
  const u32 flags = site_flags(s) | (how == STORE_ROWS ? STORED : 0);
  r.store = how == STORE_ROWS ? FLOATS(s->stored) + own : out;
  const int gathered = s->term[0].stride || (second && s->term[1].stride);
  if (gathered) r.count = 1;
  for (size h = from; h < to; h += r.count) {
    r.p = term_row(base, &s->term[0], block, channel, h, s->width, spare);
    r.q = second ? term_row(base, &s->term[1], block, channel, h, s->width, spare + n) : r.p;
    combine_any(r, a, b, flags);
    r.to += out_row, r.store += n;
  }
}

// Where a tile's rows go: `rows` of `width` pixels for each channel, the first of them row `top` of the plane, with `left`
// columns of zeros before it.
struct tile { long top; size rows, width, left; };

INLINE void zero_sides(float *row, size rows, size width, size left, size inner) {
  for (size h = 0; h < rows; h++, row += width * PIXEL)
    zero(row, left * PIXEL), zero(row + (left + inner) * PIXEL, (width - left - inner) * PIXEL);
}

// Makes a site ready; rows outside of the plane are zeros. Rows [own, own_end) also go into the site's tensor, if `store`.
static void prepare(char *base, const struct site *s, float *x, struct tile t, size block, int store, size own, size own_end,
                    struct share channels, float *spare) {
  const long end = t.top + (long)t.rows, height = (long)s->height;
  const size first = t.top < 0 ? 0 : (size)t.top, last = end < height ? (end < 0 ? 0 : (size)end) : (size)height;
  const size row = t.width * PIXEL;
  for (size c = channels.from; c < channels.to; c++) {
    float *xc = x + c * t.rows * row, *inner = xc + t.left * PIXEL;
    if (t.rows) {
      const size above = (long)first - t.top < (long)t.rows ? (size)((long)first - t.top) : t.rows;
      zero(xc, above * row);
      if (end > height) zero(xc + (size)(height > t.top ? height - t.top : 0) * row, (size)(height > t.top ? end - height : (long)t.rows) * row);
      if (first < last) zero_sides(xc + (first - (size)t.top) * row, last - first, t.width, t.left, s->width);
    }
#define ROWS(from, to, how) do { \
    if ((from) < (to)) site_rows(base, s, block, c, from, to, inner + (size)((long)(from) - t.top) * row, row, how, spare); \
  } while (0)
    if (!store) {
      ROWS(first, last, s->stored ? READ_ROWS : MAKE_ROWS);
      continue;
    }
    // rows that are stored: before the tile, in it, after it
    const size in = own < first ? first : own < last ? own : last, out = own_end < in ? in : own_end < last ? own_end : last;
    ROWS(first, in, MAKE_ROWS);
    ROWS(in, out, STORE_ROWS);
    ROWS(out, last, MAKE_ROWS);
    float *unread = spare + 2 * s->width * PIXEL;
    if (own < first && own < own_end) site_rows(base, s, block, c, own, own_end < first ? own_end : first, unread, 0, STORE_ROWS, spare);
    if (own_end > last && own < own_end) site_rows(base, s, block, c, own > last ? own : last, own_end, unread, 0, STORE_ROWS, spare);
#undef ROWS
  }
}

// 0 in lanes that are no columns, of n floats
static void mask_rows(float *x, size n, struct valid valid) {
  for (size i = 0; i < n; i += 16)
    for (int part = 0; part < PARTS; part++) STORE(x + i + part * LANES, keep(LOAD(x + i + part * LANES), valid.lanes[part]));
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

// to = ((g − shift) − (z − mean) · slope) · factor, and 0 in lanes that are no columns
INLINE void gradient_rows(float *to, size to_row, const float *g, const float *z, struct affine b, float mean, size count, size n,
                          size ahead, struct valid valid, const int norm) {
  for (size h = 0; h < count; h++, to += to_row, g += n, z += n) {
    for (size i = 0; i < n; i += 16) {
      UNROLL for (int part = 0; part < PARTS; part++) {
        const size at = i + part * LANES;
        vf d = LOAD(g + at);
        SOON(g + at + ahead);
        if (norm) SOON(z + at + ahead);
        if (norm) d = ((d - b.factor) - (LOAD(z + at) - mean) * b.shift) * b.mean;
        STORE(to + at, keep(d, valid.lanes[part]));
      }
    }
  }
}

// Makes the gradient of a convolution's output ready: zeros around it.
static void prepare_gradient(char *base, const struct source *s, float *d, struct tile t, size block, struct valid valid) {
  const long end = t.top + (long)t.rows, height = (long)s->height;
  const size first = t.top < 0 ? 0 : (size)t.top, last = end < height ? (end < 0 ? 0 : (size)end) : (size)height;
  const size row = t.width * PIXEL, n = s->width * PIXEL;
  for (size c = 0; c < s->channels; c++) {
    float *dc = d + c * t.rows * row;
    if (first >= last) {
      zero(dc, t.rows * row);
      continue;
    }
    float *inside = dc + (size)((long)first - t.top) * row;
    zero(dc, (size)(inside - dc));
    zero(inside + (last - first) * row, t.rows * row - (size)(inside - dc) - (last - first) * row);
    zero_sides(inside, last - first, t.width, t.left, s->width);
    const size at = row_of(s->channels, s->height, s->width, block, c, first);
    const float *g = FLOATS(s->gradient) + at;
    if (s->norm) {
      const struct norm *m = (const struct norm *)(base + s->norm);
      gradient_rows(inside + t.left * PIXEL, row, g, FLOATS(s->z) + at, affine_of(base, s->norm, m->backward, c), FLOATS(m->forward)[c],
                    last - first, n, s->height * n, valid, 1);
    } else
      gradient_rows(inside + t.left * PIXEL, row, g, g, (struct affine){0, 0, 0}, 0.0f, last - first, n, s->height * n, valid, 0);
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
    const float squares = sums[1] - sums[0] * sums[0] / count;
    to[2 * c + 1] = squares < 0.0f ? 0.0f : squares; // rounding, where all values are the same large one; NaN passes
  }
}

// Rows of a gradient on their way: p (+ q) gated by v, and what the sums need.
struct gradient {
  float *to;
  const float *p, *q, *v, *z[2];
  float mean[2];
  size p_row, v_row, count, n;
};
struct sums { vf total[PARTS], slope[2][PARTS]; };
enum { PLUS = 1, GATED = 2, GATED6 = 4, SUM_FIRST = 8, SUM_SECOND = 16 };

INLINE void gate_rows(struct gradient r, struct sums *sums, struct valid valid, const u32 flags) {
  struct sums s = *sums;
  for (size h = 0; h < r.count; h++) {
    for (size i = 0; i < r.n; i += 16) {
      UNROLL for (int part = 0; part < PARTS; part++) {
        const size at = i + part * LANES;
        vf d = LOAD(r.p + at);
        if (flags & PLUS) d += LOAD(r.q + at);
        d = keep(d, valid.lanes[part]);
        if (flags & (GATED | GATED6)) d = gate(d, LOAD(r.v + at));
        if (flags & GATED6) d = keep(d, ~(LOAD(r.v + at) >= 6.0f));
        STORE(r.to + at, d);
        if (flags & (SUM_FIRST | SUM_SECOND)) s.total[part] += d;
        if (flags & SUM_FIRST) s.slope[0][part] += keep(d * (LOAD(r.z[0] + at) - r.mean[0]), valid.lanes[part]);
        if (flags & SUM_SECOND) s.slope[1][part] += keep(d * (LOAD(r.z[1] + at) - r.mean[1]), valid.lanes[part]);
      }
    }
    r.to += r.n, r.p += r.p_row, r.q += r.n, r.v += r.v_row, r.z[0] += r.n, r.z[1] += r.n;
  }
  *sums = s;
}

static void gate_rows_any(struct gradient r, struct sums *sums, struct valid valid, u32 flags) {
#define CASE(f) case f: gate_rows(r, sums, valid, f); break
  switch (flags) {
    CASE(0);
    CASE(GATED);
    CASE(GATED | SUM_FIRST);
    CASE(PLUS | GATED | SUM_FIRST);
    CASE(PLUS | GATED | SUM_FIRST | SUM_SECOND);
    default: gate_rows(r, sums, valid, flags);
  }
#undef CASE
}

static float fold_parts(const vf parts[PARTS]) {
  float lanes[16];
  for (int part = 0; part < PARTS; part++) STORE(lanes + part * LANES, parts[part]);
  return fold(lanes);
}

// Makes rows [from, to) of a site's gradient. dx: first summand, [channel] planes of `plane` floats, or 0. x: the site made
// ready over tile t, or 0.
static void finish_rows(char *base, const struct finish *f, const float *dx, size plane, const float *x, struct tile t, size block,
                        size from, size to, size tile, struct valid valid, struct share channels, float *spare) {
  const struct site *s = (const struct site *)(base + f->site); // read only if there is one
  const size n = f->width * PIXEL;
  const int ready = x && (long)from >= t.top && (long)to <= t.top + (long)t.rows;
  const int whole = dx && (f->sources == 0 || (f->sources == 1 && !f->source[0].norm && !f->source[0].stride));
  u32 flags = f->site && s->act ? (s->act == 2 ? GATED6 : GATED) : 0;
  for (u32 k = 0; f->site && k < s->terms; k++)
    if (s->term[k].norm) flags |= k == 0 ? SUM_FIRST : SUM_SECOND;
  for (size c = channels.from; c < channels.to; c++) {
    const size first = row_of(f->channels, f->height, f->width, block, c, from);
    struct sums sums;
    for (int part = 0; part < PARTS; part++) sums.total[part] = sums.slope[0][part] = sums.slope[1][part] = (vf){0};
    float *g = FLOATS(f->to) + first;
    struct gradient r = {g, g, g, g, {g, g}, {0, 0}, n, n, to - from, n};
    for (u32 k = 0; k < 2; k++) {
      if (!(flags & (k == 0 ? SUM_FIRST : SUM_SECOND))) continue;
      r.z[k] = FLOATS(s->term[k].tensor) + first;
      r.mean[k] = FLOATS(FORWARD_OF(s->term[k].norm))[c];
    }
    if (flags & (GATED | GATED6)) {
      if (ready) {
        r.v = x + ((c * t.rows + (size)((long)from - t.top)) * t.width + t.left) * PIXEL;
        r.v_row = t.width * PIXEL;
      } else if (s->stored) r.v = FLOATS(s->stored) + first;
    }
    if (whole && (ready || !(flags & (GATED | GATED6)) || s->stored)) {
      r.p = dx + c * plane;
      if (f->sources) r.q = FLOATS(f->source[0].gradient) + first;
      gate_rows_any(r, &sums, valid, flags | (f->sources ? PLUS : 0));
    } else {
      float *sum = spare, *other = spare + n, *value = spare + 2 * n;
      r.count = 1;
      for (size h = from; h < to; h++) {
        const float *p = dx ? dx + c * plane + (h - from) * n : 0;
        for (u32 k = 0; k < f->sources; k++) {
          const float *q = source_row(base, &f->source[k], block, c, h, f->width, p ? other : sum);
          if (p) {
            for (size i = 0; i < n; i += LANES) STORE(sum + i, LOAD(p + i) + LOAD(q + i));
            p = sum;
          } else p = q;
        }
        if (!p) zero(sum, n), p = sum; // nobody reads the site
        r.p = p;
        if ((flags & (GATED | GATED6)) && !ready && !s->stored) {
          site_rows(base, s, block, c, h, h + 1, value, n, MAKE_ROWS, spare + 3 * n);
          r.v = value;
        }
        gate_rows_any(r, &sums, valid, flags);
        r.to += n, r.v += r.v_row, r.z[0] += n, r.z[1] += n;
      }
    }
    for (u32 k = 0; k < 2; k++) {
      if (!(flags & (k == 0 ? SUM_FIRST : SUM_SECOND))) continue;
      float *out = FLOATS(((const struct norm *)(base + s->term[k].norm))->sums) + (tile * f->channels + c) * 2;
      out[0] = fold_parts(sums.total);
      out[1] = fold_parts(sums.slope[k]);
    }
  }
}
