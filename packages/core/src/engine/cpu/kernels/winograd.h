// Winograd's F(2×2, 3×3): 3×3 convolution of stride 1 with 4 multiplications an output instead of 9. A patch of 4×4 inputs at
// row 2i, column 2j becomes 16 sums (points); each point is a matrix product over the channels; the 16 products become 2×2
// outputs. Patches are taken PATCHES at a time, so that scratch memory stays in the caches.

#define PATCH_FLOATS (16 * PATCHES) // a group of patches at one point of one channel

// x starts at its zero border of 1; floats between rows and planes (channels); a pixel is 16 floats.
struct winograd { size inputs, outputs, rows, columns, x_row, x_plane, y_row, y_plane; };

// Where a patch reads and writes; `down` and `right` lead to its last row and column.
struct patch { size x, down, right, y; int two_rows, two_columns; };

INLINE struct patch patch_at(const struct winograd *g, size n) {
  const size across = (g->columns + 1) / 2, i = n / across * 2, j = n % across * 2;
  const int two_rows = i + 1 < g->rows, two_columns = j + 1 < g->columns;
  // A last row or column over the edge counts in no output inside: the one before it is read in its place.
  return (struct patch){i * g->x_row + 16 * j, (two_rows ? 3 : 2) * g->x_row, two_columns ? 48 : 32, i * g->y_row + 16 * j,
                        two_rows, two_columns};
}

// Floats between points, in scratch memory and in weights: 16 more than needed, lest all points share a few cache sets.
INLINE size patch_point(size channels) { return channels * PATCH_FLOATS + 16; }
INLINE size weight_point(size inputs, size outputs) { return inputs * outputs + 16; }

// Sizes in floats, of scratch memory (aligned to 64 bytes) and of transformed weights.
INLINE size winograd_scratch(size inputs, size outputs) { return 16 * (patch_point(inputs) + patch_point(outputs)); }
INLINE size winograd_weight_floats(size inputs, size outputs) { return 16 * weight_point(inputs, outputs); }

// u[point][k][c] = G g Gᵀ, g = w[k · by_output + c · by_input + (0 … 8)], for outputs k in [from, to). The input gradient swaps
// the strides and takes g `turned` by half a turn.
INLINE void winograd_weights(const float *w, size inputs, size outputs, size by_output, size by_input, const int turned,
                             float *u, size from, size to) {
  const size point = weight_point(inputs, outputs);
  for (size k = from; k < to; k++) {
    for (size c = 0; c < inputs; c++) {
      const float *g = w + k * by_output + c * by_input;
      float t[4][3], *p = u + k * inputs + c;
      for (int j = 0; j < 3; j++) {
        const float a = g[turned ? 8 - j : j], b = g[turned ? 5 - j : 3 + j], d = g[turned ? 2 - j : 6 + j];
        t[0][j] = a, t[1][j] = 0.5f * ((a + d) + b), t[2][j] = 0.5f * ((a + d) - b), t[3][j] = d;
      }
      for (int i = 0; i < 4; i++, p += 4 * point) {
        const float a = t[i][0], b = t[i][1], d = t[i][2];
        p[0] = a, p[point] = 0.5f * ((a + d) + b), p[2 * point] = 0.5f * ((a + d) - b), p[3 * point] = d;
      }
    }
  }
}

// v[point] = Bᵀ x B
INLINE void winograd_input(const float *x, size row, size down, size right, float *v, size point) {
  vf t[4][4];
  UNROLL for (int j = 0; j < 4; j++) {
    const float *p = x + (j < 3 ? (size)(16 * j) : right);
    const vf a = LOAD(p), b = LOAD(p + row), c = LOAD(p + 2 * row), d = LOAD(p + down);
    t[0][j] = a - c, t[1][j] = b + c, t[2][j] = c - b, t[3][j] = b - d;
  }
  UNROLL for (int i = 0; i < 4; i++) {
    float *p = v + 4 * i * point;
    STORE(p, t[i][0] - t[i][2]);
    STORE(p + point, t[i][1] + t[i][2]);
    STORE(p + 2 * point, t[i][2] - t[i][1]);
    STORE(p + 3 * point, t[i][1] - t[i][3]);
  }
}

// y (2×2, or what of it is inside) = Aᵀ m A + bias
INLINE void winograd_output(const float *m, size point, float bias, float *y, size row, int two_rows, int two_columns) {
  vf t[2][4];
  UNROLL for (int j = 0; j < 4; j++) {
    const float *p = m + j * point;
    const vf a = LOAD(p), b = LOAD(p + 4 * point), c = LOAD(p + 8 * point), d = LOAD(p + 12 * point);
    t[0][j] = a + (b + c), t[1][j] = (b - c) - d;
  }
  UNROLL for (int i = 0; i < 2; i++) {
    if (i && !two_rows) break;
    STORE(y + i * row, t[i][0] + (t[i][1] + t[i][2]) + bias);
    if (two_columns) STORE(y + i * row + 16, (t[i][1] - t[i][2]) - t[i][3] + bias);
  }
}

// m[k][p] = Σ_c u[k · inputs + c] · v[c][p], c = 0, 1, …; `outputs` × `vectors` accumulators
INLINE void point_block(const float *v, const float *u, size inputs, float *m, const int outputs, const int vectors) {
  vf a[POINT_OUTPUTS][POINT_VECTORS];
  UNROLL for (int k = 0; k < outputs; k++) UNROLL for (int i = 0; i < vectors; i++) a[k][i] = (vf){0};
  for (size c = 0; c < inputs; c++, v += PATCH_FLOATS, u++) {
    vf X[POINT_VECTORS];
    UNROLL for (int i = 0; i < vectors; i++) X[i] = LOAD(v + LANES * i);
    UNROLL for (int k = 0; k < outputs; k++) {
      const vf s = SPLAT(u[k * inputs]);
      UNROLL for (int i = 0; i < vectors; i++) a[k][i] += X[i] * s;
    }
  }
  UNROLL for (int k = 0; k < outputs; k++)
    UNROLL for (int i = 0; i < vectors; i++) STORE(m + k * PATCH_FLOATS + LANES * i, a[k][i]);
}

// All outputs at one point, for `floats` of the group; the last block may run over patches that are not there.
KERNEL void winograd_point(const float *v, const float *u, size inputs, size outputs, size floats, float *m) {
  for (size l = 0; l < floats; l += LANES * POINT_VECTORS) {
    size k = 0;
#define OUTPUTS(n)                       \
  for (; k + n <= outputs; k += n)       \
    point_block(v + l, u + k * inputs, inputs, m + k * PATCH_FLOATS + l, n, POINT_VECTORS)
    OUTPUTS(POINT_OUTPUTS);
#if POINT_OUTPUTS > 4
    OUTPUTS(4);
#endif
    OUTPUTS(1);
#undef OUTPUTS
  }
}

// The points of `count` patches of every input.
KERNEL void winograd_inputs(const float *x, const struct winograd *g, const struct patch *at, size count, float *v, size point) {
  for (size c = 0; c < g->inputs; c++)
    for (size n = 0; n < count; n++)
      for (size l = 0; l < 16; l += LANES)
        winograd_input(x + c * g->x_plane + at[n].x + l, g->x_row, at[n].down, at[n].right, v + c * PATCH_FLOATS + 16 * n + l, point);
}

KERNEL void winograd_outputs(const float *m, const struct winograd *g, const struct patch *at, size count, const float *bias, float *y,
                             size point) {
  for (size k = 0; k < g->outputs; k++)
    for (size n = 0; n < count; n++)
      for (size l = 0; l < 16; l += LANES)
        winograd_output(m + k * PATCH_FLOATS + 16 * n + l, point, bias ? bias[k] : 0.0f, y + k * g->y_plane + at[n].y + l, g->y_row,
                        at[n].two_rows, at[n].two_columns);
}

// y = convolution of a tile of x with transformed weights u
static void winograd(const float *x, const float *u, const float *bias, float *y, float *scratch, const struct winograd *g) {
  const size patches = (g->columns + 1) / 2 * ((g->rows + 1) / 2);
  const size v_point = patch_point(g->inputs), m_point = patch_point(g->outputs);
  const size u_point = weight_point(g->inputs, g->outputs);
  float *v = scratch, *m = scratch + 16 * v_point;
  for (size first = 0; first < patches; first += PATCHES) {
    const size count = patches - first < PATCHES ? patches - first : PATCHES;
    struct patch at[PATCHES];
    for (size n = 0; n < count; n++) at[n] = patch_at(g, first + n);
    winograd_inputs(x, g, at, count, v, v_point);
    for (size p = 0; p < 16; p++)
      winograd_point(v + p * v_point, u + p * u_point, g->inputs, g->outputs, 16 * count, m + p * m_point);
    winograd_outputs(m, g, at, count, bias, y, m_point);
  }
}
