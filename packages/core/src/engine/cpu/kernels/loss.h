// Softmax cross-entropy, with exp and log of our own.

// x <= 0 or NaN. Rounds to whole powers of two by adding 1.5 · 2^23: no conversion that a NaN could break.
INLINE vf exp_(vf x) {
  x = either(x < -104.0f, (vf){0} - 104.0f, x);
  vf shifted = x * 1.44269504088896341f + 12582912.0f, n = shifted - 12582912.0f;
  vf r = x - n * 0.693359375f - n * -2.12194440e-4f;
  vf p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  vi power = ((vi)shifted & 0x1ff) - ((vi)shifted & 0x100) * 2; // the low nine bits, signed
  vi low = power >> 1, high = power - low;                      // in two factors: results may be denormal
  return p * (vf)((low + 127) << 23) * (vf)((high + 127) << 23);
}

// x >= 1 and normal, or infinite, or NaN
INLINE vf log_(vf x) {
  vi exponent = (((vi)x >> 23) & 0xff) - 126;
  vf m = (vf)(((vi)x & 0x007fffff) | 0x3f000000); // [0.5, 1)
  vi small = m < 0.707106781186547524f;
  exponent += small; // -1 where small
  m = m + keep(m, small) - 1.0f;
  vf e = __builtin_convertvector(exponent, vf), z = m * m;
  vf p = m * 7.0376836292e-2f - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  p = p * m * z;
  p = p + e * -2.12194440e-4f - z * 0.5f;
  return m + p + e * 0.693359375f + (x - x); // x - x: NaN for NaN and infinity
}

// z [classes][columns] → loss of the batch (sum over the true columns) and, with d, d = (softmax - target) / batch.
// correct counts columns whose label's output is the largest, the first of equals; a NaN in a column makes it wrong.
static void loss(struct call *c, const float *z, float *d, const unsigned short *labels, size classes) {
  const size columns = c->columns;
  const float smoothing = c->smoothing, off = smoothing / (float)classes, on = 1.0f - smoothing + off;
  vi iota, correct = {0};
  for (int l = 0; l < LANES; l++) iota[l] = l;
  float sums[16] = {0};
  for (size b = 0; b < columns; b += LANES) {
    vi label = __builtin_convertvector(*(const vshorts *)(labels + b), vi), real = iota + (int)b < (int)c->batch;
    vf top = LOAD(z + b), own = {0}, sum = {0}, all = {0};
    for (size k = 0; k < classes; k++) {
      vf x = LOAD(z + k * columns + b);
      top = either(x > top, x, top);
      own = (vf)((vi)own | ((vi)x & (label == (int)k)));
    }
    vi best = real;
    for (size k = 0; k < classes; k++) {
      vf x = LOAD(z + k * columns + b), s = x - top, e = exp_(s);
      best &= (x < own) | ((x == own) & (label <= (int)k));
      sum += e;
      all += s;
      if (d) STORE(d + k * columns + b, e);
    }
    correct -= best;
    vf whole = log_(sum), value = whole - (own - top);
    if (smoothing != 0.0f) value = value * (1.0f - smoothing) + (whole * (float)classes - all) * off;
    value = keep(value, real);
    for (int l = 0; l < LANES; l++) sums[(b + l) % 16] += value[l];
    if (d)
      for (size k = 0; k < classes; k++) {
        float *p = d + k * columns + b;
        vf target = either(label == (int)k, (vf){0} + on, (vf){0} + off);
        STORE(p, keep((LOAD(p) / sum - target) / (float)c->batch, real));
      }
  }
  c->loss = d ? fold(sums) / (float)c->batch : fold(sums);
  c->correct = 0;
  for (int l = 0; l < LANES; l++) c->correct += (u32)correct[l];
}
