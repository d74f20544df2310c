// Layers that stand between the sites of a body, a band of rows or a channel at a time: pools, dropout, and ways in and out.

struct pool {
  u32 channels, height, width, out_height, out_width;
  u32 kernel_height, kernel_width, stride_height, stride_width, padding_height, padding_width;
  u32 x, y; // tensors
  u32 gradient, to; // of y; of x
  u32 place; // max pool: [output] which pixel of the plane won, for each lane
  u32 rate, layer; // dropout: draws below it drop; index of the layer
  float kept; // dropout: 1 ÷ (1 − rate)
};

// The window of an output row or column, within the plane.
struct span { size from, to; };
INLINE struct span span_of(size index, size kernel, size stride, size padding, size size_) {
  const long from = (long)(index * stride) - (long)padding, to = from + (long)kernel;
  return (struct span){from < 0 ? 0 : (size)from, to > (long)size_ ? size_ : (size)to};
}

INLINE size plane_of(const struct pool *p, size block, size channel, size height, size width) {
  return (block * p->channels + channel) * height * width * PIXEL;
}

// unit: block · channels + channel
static void max_pool(char *base, const struct pool *p, size unit) {
  const float *x = FLOATS(p->x) + unit * p->height * p->width * PIXEL;
  float *y = FLOATS(p->y) + unit * p->out_height * p->out_width * PIXEL;
  unsigned *place = (unsigned *)(base + p->place) + unit * p->out_height * p->out_width * PIXEL;
  for (size r = 0; r < p->out_height; r++) {
    const struct span h = span_of(r, p->kernel_height, p->stride_height, p->padding_height, p->height);
    for (size q = 0; q < p->out_width; q++) {
      const struct span w = span_of(q, p->kernel_width, p->stride_width, p->padding_width, p->width);
      for (int part = 0; part < 16; part += LANES) {
        vf top = LOAD(x + (h.from * p->width + w.from) * PIXEL + part);
        vi won = (vi){0} + (int)(h.from * p->width + w.from);
        for (size i = h.from; i < h.to; i++) {
          for (size j = w.from; j < w.to; j++) {
            vf v = LOAD(x + (i * p->width + j) * PIXEL + part);
            vi more = (v > top) | (v != v); // the last NaN wins, as anything compared with one is false
            top = either(more, v, top);
            won = (won & ~more) | (((vi){0} + (int)(i * p->width + j)) & more);
          }
        }
        const size at = (r * p->out_width + q) * PIXEL + part;
        STORE(y + at, top);
        *(vi *)(place + at) = won;
      }
    }
  }
}

static void max_pool_back(char *base, const struct pool *p, size unit) {
  float *x = FLOATS(p->to) + unit * p->height * p->width * PIXEL;
  const float *g = FLOATS(p->gradient) + unit * p->out_height * p->out_width * PIXEL;
  const unsigned *place = (const unsigned *)(base + p->place) + unit * p->out_height * p->out_width * PIXEL;
  zero(x, p->height * p->width * PIXEL);
  for (size i = 0; i < p->out_height * p->out_width * PIXEL; i++) x[place[i] * PIXEL + i % PIXEL] += g[i];
}

static void average_pool(char *base, const struct pool *p, size unit) {
  const float *x = FLOATS(p->x) + unit * p->height * p->width * PIXEL;
  float *y = FLOATS(p->y) + unit * p->out_height * p->out_width * PIXEL;
  const float share_ = (float)(p->kernel_height * p->kernel_width);
  for (size r = 0; r < p->out_height; r++) {
    const struct span h = span_of(r, p->kernel_height, p->stride_height, p->padding_height, p->height);
    for (size q = 0; q < p->out_width; q++) {
      const struct span w = span_of(q, p->kernel_width, p->stride_width, p->padding_width, p->width);
      for (int part = 0; part < 16; part += LANES) {
        vf sum = (vf){0};
        for (size i = h.from; i < h.to; i++) {
          vf row = (vf){0};
          for (size j = w.from; j < w.to; j++) row += LOAD(x + (i * p->width + j) * PIXEL + part);
          sum += row;
        }
        STORE(y + (r * p->out_width + q) * PIXEL + part, sum / share_);
      }
    }
  }
}

static void average_pool_back(char *base, const struct pool *p, size unit) {
  float *x = FLOATS(p->to) + unit * p->height * p->width * PIXEL;
  const float *g = FLOATS(p->gradient) + unit * p->out_height * p->out_width * PIXEL;
  const float share_ = (float)(p->kernel_height * p->kernel_width);
  zero(x, p->height * p->width * PIXEL);
  for (size r = 0; r < p->out_height; r++) {
    const struct span h = span_of(r, p->kernel_height, p->stride_height, p->padding_height, p->height);
    for (size q = 0; q < p->out_width; q++) {
      const struct span w = span_of(q, p->kernel_width, p->stride_width, p->padding_width, p->width);
      for (int part = 0; part < 16; part += LANES) {
        vf d = LOAD(g + (r * p->out_width + q) * PIXEL + part) / share_;
        for (size i = h.from; i < h.to; i++)
          for (size j = w.from; j < w.to; j++) {
            float *to = x + (i * p->width + j) * PIXEL + part;
            STORE(to, LOAD(to) + d);
          }
      }
    }
  }
}

INLINE u32 mix(u32 h) { // as in dropout.ts
  h = (h ^ h >> 16) * 0x7feb352du;
  h = (h ^ h >> 15) * 0x846ca68bu;
  return h ^ h >> 16;
}

// y = x or 0, scaled; which, is a function of the seed, the layer and the element alone. Backward is the same on gradients.
static void drop(char *base, const struct call *c, const struct pool *p, size unit, u32 from, u32 to) {
  const size plane = (size)p->height * p->width, at = unit * plane * PIXEL;
  const float *x = FLOATS(from) + at;
  float *y = FLOATS(to) + at;
  const u32 key = mix(c->dropout_seed ^ (p->layer + 1) * 0x9e3779b9u);
  const size block = unit / p->channels, channel = unit % p->channels, size_ = plane * p->channels;
  for (size i = 0; i < plane; i++)
    for (size l = 0; l < PIXEL; l++) {
      const u32 element = (u32)((16 * block + l) * size_ + channel * plane + i);
      y[i * PIXEL + l] = mix(element + key) < p->rate ? 0.0f : x[i * PIXEL + l] * p->kept;
    }
}

static void copy(char *base, const struct pool *p, size unit, u32 from, u32 to) {
  const size n = (size)p->height * p->width * PIXEL;
  for (size i = 0; i < n; i += LANES) STORE(FLOATS(to) + unit * n + i, LOAD(FLOATS(from) + unit * n + i));
}

// images [batch][features] → blocks, lanes past the batch 0
static void pack_block(const float *x, float *y, size features, struct valid valid) {
  transpose(x, y, valid.count, 0, features, features, PIXEL);
  for (size f = 0; f < features; f++)
    for (size l = valid.count; l < PIXEL; l++) y[f * PIXEL + l] = 0.0f;
}

// [block][feature][16] ↔ [feature][column]. Columns past the batch become 0, as the head wants them.
static void blocks_to_columns(const struct call *c, const float *x, float *y, size features, struct share s) {
  for (size block = 0; block < blocks_of(c); block++) {
    const struct valid valid = valid_lanes(c, block);
    for (size f = s.from; f < s.to; f++)
      for (int part = 0; part < PARTS; part++)
        STORE(y + f * c->columns + 16 * block + part * LANES,
              keep(LOAD(x + (block * features + f) * PIXEL + part * LANES), valid.lanes[part]));
  }
}
static void columns_to_blocks(const float *x, float *y, size features, size columns, struct share s) {
  for (size f = s.from; f < s.to; f++)
    for (size n = 0; n < columns; n += LANES) STORE(y + (n / 16 * features + f) * PIXEL + n % 16, LOAD(x + f * columns + n));
}
