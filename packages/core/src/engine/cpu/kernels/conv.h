// Convolutions, tile by tile: forward with the statistics of what comes out, backward with both gradients.

// A thread's scratch memory for one tile.
struct scratch {
  float *x, *d, *dx, *sums, *spare; // sums: of weight gradients, or Winograd's points
};

INLINE struct scratch scratch_of(char *base, const struct conv *q, size width, size at) {
  struct scratch s;
  s.spare = FLOATS(at); // six rows of the widest plane
  s.x = s.spare + 6 * width * PIXEL;
  s.d = s.x + (size)q->inputs * q->x_rows * q->x_width * PIXEL;
  s.dx = s.d + (size)q->outputs * q->d_rows * q->d_width * PIXEL;
  s.sums = s.dx + (size)q->inputs * q->rows * q->stride_height * q->width * PIXEL;
  return s;
}

// Rows of a band: of the output, and of the input, which the last band has to its end.
struct band { size from, to, in, in_to; };
INLINE struct band band_of(const struct conv *q, size index) {
  struct band b = {index * q->rows, (index + 1) * q->rows, index * q->rows * q->stride_height, (index + 1) * q->rows * q->stride_height};
  if (b.to > q->out_height) b.to = q->out_height;
  if (b.from > b.to) b.from = b.to;
  if (b.in_to > q->height) b.in_to = q->height;
  if (b.in > b.in_to) b.in = b.in_to;
  return b;
}

INLINE struct tile x_tile(const struct conv *q, struct band b) {
  return (struct tile){(long)(b.from * q->stride_height) - (long)q->padding_height, q->x_rows, q->x_width, q->padding_width};
}

// Sums of every output (or, in the input gradient, input) over a tile.
static void windows(char *base, const struct taps *t, const struct conv *q, const float *x, size x_group, const float *w, size w_group,
                    size w_row, float *y, size outputs, const float *bias, const struct window *g) {
  const u32 *xo = (const u32 *)(base + t->x), *wo = (const u32 *)(base + t->w);
  const size groups = t->starts ? 1 : q->groups, each = outputs / groups;
  for (size k = 0; k < groups; k++) {
    const float *xk = x + k * x_group, *wk = w + k * w_group, *bk = bias ? bias + k * each : 0;
    float *yk = y + k * each * g->y_plane;
    const u32 *starts = (const u32 *)(base + t->starts);
    if (t->starts) window_sparse(xk, starts, xo, wk, yk, bk, outputs, g);
    else window_dense(xk, xo, wk, wo, w_row, t->count, yk, bk, each, g);
  }
}

// Forward over one tile; with its statistics where a norm wants them and the net trains.
static void conv_forward(char *base, const struct call *c, const struct conv *q, size index, size width, size scratch, int train) {
  const struct scratch s = scratch_of(base, q, width, scratch);
  const size block = index / q->bands;
  const struct band b = band_of(q, index % q->bands);
  const struct site *site = (const struct site *)(base + q->x);
  prepare(base, site, s.x, x_tile(q, b), block, q->store, b.in, b.in_to, (struct share){0, q->inputs}, s.spare);
  if (b.from == b.to) return;
  const size plane = (size)q->out_height * q->out_width * PIXEL;
  float *y = FLOATS(q->y) + row_of(q->outputs, q->out_height, q->out_width, block, 0, b.from);
  const struct window g = {b.to - b.from, q->out_width, q->stride_height * q->x_width * PIXEL, q->stride_width * PIXEL,
                           q->out_width * PIXEL, PIXEL, plane};
  const struct taps *t = (const struct taps *)(base + q->forward);
  const size in = q->inputs / q->groups, out = q->outputs / q->groups;
  if (!t->starts && q->u) {
    const struct winograd p = {q->inputs, q->outputs, b.to - b.from, q->out_width, q->x_width * PIXEL, q->x_rows * q->x_width * PIXEL,
                               q->out_width * PIXEL, plane};
    winograd(s.x, FLOATS(q->u), q->bias ? FLOATS(q->bias) : 0, y, s.sums, &p);
  } else windows(base, t, q, s.x, in * q->x_rows * q->x_width * PIXEL, FLOATS(q->w), out * q->weights, q->weights, y, q->outputs,
          q->bias ? FLOATS(q->bias) : 0, &g);
  if (q->norm && train)
    tile_statistics(base, (const struct norm *)(base + q->norm), y, index, b.to - b.from, plane, valid_lanes(c, block));
}

static void input_gradient(char *base, const struct conv *q, const struct scratch *s, struct band b) {
  const struct taps *classes = (const struct taps *)(base + q->back);
  const size row = q->width * PIXEL, plane = q->rows * q->stride_height * row, d_plane = q->d_rows * q->d_width * PIXEL;
  const size out = q->outputs / q->groups, kernel = q->kernel_height * q->kernel_width;
  if (!classes->starts && q->u) {
    const struct winograd p = {q->outputs, q->inputs, b.in_to - b.in, q->width, q->d_width * PIXEL, d_plane, row, plane};
    const size down = q->d_above + q->padding_height - 2, right = q->d_left + q->padding_width - 2;
    winograd(s->d + (down * q->d_width + right) * PIXEL, FLOATS(q->u_back), 0, s->dx, s->sums, &p);
    return;
  }
  for (u32 k = 0; k < q->classes; k++) {
    const struct taps *t = &classes[k];
    const size height = b.in_to - b.in;
    if (t->row >= height || t->column >= q->width) continue;
    const struct window g = {(height - t->row + q->stride_height - 1) / q->stride_height,
                             (q->width - t->column + q->stride_width - 1) / q->stride_width,
                             q->d_width * PIXEL, PIXEL, q->stride_height * row, q->stride_width * PIXEL, plane};
    const float *w = t->starts ? FLOATS(q->transposed) : FLOATS(q->w);
    windows(base, t, q, s->d, out * d_plane, w, out * q->weights, kernel, s->dx + t->row * row + t->column * PIXEL, q->inputs, 0, &g);
  }
}

static void weight_gradient(char *base, const struct conv *q, const struct scratch *s, struct band b, float *partial, int add) {
  const struct taps *t = (const struct taps *)(base + q->forward);
  const u32 *xo = (const u32 *)(base + t->x);
  const size d_plane = q->d_rows * q->d_width * PIXEL;
  const struct area a = {b.to - b.from, q->out_width, q->stride_height * q->x_width * PIXEL, q->stride_width * PIXEL, q->d_width * PIXEL, d_plane};
  const float *d = s->d + (q->d_above * q->d_width + q->d_left) * PIXEL;
  if (t->starts) {
    area_sparse(s->x, (const u32 *)(base + t->starts), xo, d, &a, q->outputs, partial, add);
    return;
  }
  if (q->u) {
    const struct winograd p = {q->inputs, q->outputs, a.rows, a.pixels, q->x_width * PIXEL, q->x_rows * q->x_width * PIXEL, a.d_row, d_plane};
    if (!add) zero(partial, winograd_weight_floats(q->inputs, q->outputs));
    winograd_gradient(s->x, d, partial, s->sums, &p);
    return;
  }
  const size in = q->inputs / q->groups, out = q->outputs / q->groups;
  for (size k = 0; k < q->groups; k++)
    area_dense(s->x + k * in * q->x_rows * q->x_width * PIXEL, xo, t->count, d + k * out * d_plane, &a, out, s->sums,
               partial + k * out * q->weights, add);
}

// Σ over the tile of the gradient of every output
static void output_sums(const struct conv *q, const float *d, size rows, float *to, int add) {
  for (size k = 0; k < q->outputs; k++) {
    vf a[PARTS];
    float lanes[16];
    for (int part = 0; part < PARTS; part++) a[part] = (vf){0};
    for (size r = 0; r < rows; r++)
      for (size p = 0; p < q->out_width; p++)
        for (int part = 0; part < PARTS; part++)
          a[part] += LOAD(d + ((k * q->d_rows + r) * q->d_width + p) * PIXEL + part * LANES);
    for (int part = 0; part < PARTS; part++) STORE(lanes + part * LANES, a[part]);
    to[k] = add ? to[k] + fold(lanes) : fold(lanes);
  }
}

// How many tiles one share has, so that there are at most `slots` shares.
INLINE size tiles_a_slot(const struct call *c, const struct conv *q) {
  return (blocks_of(c) * q->bands + q->slots - 1) / q->slots;
}

INLINE size slots_of(const struct call *c, const struct conv *q) {
  const size each = tiles_a_slot(c, q);
  return (blocks_of(c) * q->bands + each - 1) / each;
}

// Sums of one slot: of kept weights, of Winograd's points, of weights
INLINE size partial_floats(const struct conv *q, u32 starts) {
  return starts ? q->kept : q->u ? winograd_weight_floats(q->inputs, q->outputs) : (size)q->outputs * q->weights;
}

// Backward over the tiles of one slot, in their order.
static void conv_backward(char *base, const struct call *c, const struct conv *q, size slot, size width, size scratch, u32 flags) {
  const struct scratch s = scratch_of(base, q, width, scratch);
  const struct site *site = (const struct site *)(base + q->x);
  const size tiles = blocks_of(c) * q->bands, each = tiles_a_slot(c, q), first = slot * each;
  const struct taps *t = (const struct taps *)(base + q->forward);
  const size stored = partial_floats(q, t->starts);
  for (size index = first; index < first + each && index < tiles; index++) {
    const size block = index / q->bands;
    const struct band b = band_of(q, index % q->bands);
    const struct valid valid = valid_lanes(c, block);
    const struct tile d = {(long)(index % q->bands * q->rows) - (long)q->d_above, q->d_rows, q->d_width, q->d_left};
    prepare_gradient(base, (const struct source *)(base + q->d), s.d, d, block, valid);
    if (q->bias)
      output_sums(q, s.d + (q->d_above * q->d_width + q->d_left) * PIXEL, b.to - b.from, FLOATS(q->bias_partial) + slot * q->outputs,
                  index != first);
    const int finish = q->finish && b.in < b.in_to;
    if (finish) input_gradient(base, q, &s, b);
    // channel by channel, so that what the site is made of is read once
    for (size k = 0; k < q->inputs; k++) {
      const struct share one = {k, k + 1};
      if (finish || !(flags & BLOCKED)) prepare(base, site, s.x, x_tile(q, b), block, 0, 0, 0, one, s.spare);
      if (valid.count < 16 && !(flags & BLOCKED)) // 0 · ∞ would be NaN in the weights' gradients
        mask_rows(s.x + k * q->x_rows * q->x_width * PIXEL, q->x_rows * q->x_width * PIXEL, valid);
      if (finish)
        finish_rows(base, (const struct finish *)(base + q->finish), s.dx, q->rows * q->stride_height * q->width * PIXEL, s.x, x_tile(q, b),
                    block, b.in, b.in_to, index, valid, one, s.spare);
    }
    if (!(flags & BLOCKED)) weight_gradient(base, q, &s, b, FLOATS(q->partial) + slot * stored, index != first);
  }
}

// g = Σ over slots, in their order
static void reduce(const float *partial, size slots, size count, float *g, struct share s) {
  for (size e = s.from; e < s.to; e += LANES) {
    vf a = LOAD(partial + e);
    for (size k = 1; k < slots; k++) a += LOAD(partial + k * count + e);
    store_first(g + e, a, s.to - e);
  }
}

// The same for Winograd's points, which become gradients of weights: of outputs [from, to). points: 16 (inputs + 16) floats
static void reduce_points(const struct conv *q, const float *partial, size slots, float *g, float *points, struct share s) {
  const size inputs = q->inputs, whole = winograd_weight_floats(inputs, q->outputs);
  const size from = weight_point(inputs, q->outputs), to = weight_point(inputs, 1);
  for (size k = s.from; k < s.to; k++) {
    for (size p = 0; p < 16; p++) reduce(partial + p * from + k * inputs, slots, whole, points + p * to, (struct share){0, inputs});
    winograd_weight_gradient(points, inputs, 1, g + k * q->weights, 0, 1);
  }
}
