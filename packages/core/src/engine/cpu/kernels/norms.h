// Batch norm's figures, from the sums of the tiles: means of a batch merged as Chan, Golub and LeVeque (1979) do it.

INLINE size tile_rows(size rows, size bands, size height, size tile) {
  const size from = tile % bands * rows, to = from + rows;
  return from >= height ? 0 : (to < height ? to : height) - from;
}

static size blocks_of(const struct call *c) { return c->columns / 16; }
static size valid_columns(const struct call *c, size block) {
  return c->batch - 16 * block < 16 ? c->batch - 16 * block : 16;
}

// Channels [from, to): mean and variance of the batch → forward figures; running ones too, if `remember`.
static void norm_forward(char *base, const struct call *c, const struct norm *m, int remember, struct share s) {
  const size channels = m->channels, tiles = blocks_of(c) * m->bands;
  float *mean_ = FLOATS(m->forward), *factor = mean_ + channels, *shift = factor + channels;
  for (size k = s.from; k < s.to; k++) {
    double mean = 0, squares = 0, n = 0;
    for (size t = 0; t < tiles; t++) {
      const double count = (double)(tile_rows(m->rows, m->bands, m->height, t) * m->width * valid_columns(c, t / m->bands));
      if (count == 0) continue;
      const float *p = FLOATS(m->statistics) + (t * channels + k) * 2;
      const double apart = p[0] - mean;
      mean += apart * (count / (n + count));
      squares += p[1] + apart * apart * (n * count / (n + count));
      n += count;
    }
    const double variance = squares / n;
    mean_[k] = (float)mean;
    const float deviation = (float)(1.0 / __builtin_sqrt(variance + 1e-5));
    FLOATS(m->deviation)[k] = deviation;
    factor[k] = FLOATS(m->scale)[k] * deviation;
    shift[k] = FLOATS(m->shift)[k];
    if (remember) {
      float *r = FLOATS(m->mean) + k, *v = FLOATS(m->variance) + k;
      const float unbiased = n > 1 ? (float)(squares / (n - 1)) : 0.0f;
      *r = *r * 0.9f + (float)mean * 0.1f;
      *v = *v * 0.9f + unbiased * 0.1f;
    }
  }
}

// Figures from what is remembered.
static void norm_remembered(char *base, const struct norm *m, struct share s) {
  const size channels = m->channels;
  float *mean = FLOATS(m->forward);
  for (size k = s.from; k < s.to; k++) {
    const float deviation = (float)(1.0 / __builtin_sqrt((double)FLOATS(m->variance)[k] + 1e-5));
    mean[k] = FLOATS(m->mean)[k];
    FLOATS(m->deviation)[k] = deviation;
    mean[channels + k] = FLOATS(m->scale)[k] * deviation;
    mean[2 * channels + k] = FLOATS(m->shift)[k];
  }
}

// Gradients of scale and shift, and the backward figures; where figures were remembered, they are constants.
static void norm_backward(char *base, const struct call *c, const struct norm *m, int remembered, struct share s) {
  const size channels = m->channels, tiles = blocks_of(c) * m->sum_bands;
  const double n = (double)c->batch * m->height * m->width;
  float *factor = FLOATS(m->backward), *shift = factor + channels, *slope = shift + channels;
  for (size k = s.from; k < s.to; k++) {
    double total = 0, sloped = 0;
    for (size t = 0; t < tiles; t++) {
      const float *p = FLOATS(m->sums) + (t * channels + k) * 2;
      total += p[0], sloped += p[1];
    }
    const float deviation = FLOATS(m->deviation)[k];
    FLOATS(m->shift_gradient)[k] = (float)total;
    FLOATS(m->scale_gradient)[k] = (float)(sloped * deviation);
    factor[k] = FLOATS(m->forward)[channels + k];
    shift[k] = remembered ? 0.0f : (float)(total / n);
    slope[k] = remembered ? 0.0f : (float)(sloped * deviation * deviation / n);
  }
}
