// The weight gradient by Winograd's points: dG = Gᵀ (Σ_patches (A dY Aᵀ) · (Bᵀ x B)) G; for each point the sum is a product of
// matrices over patches and lanes. One row of points (4 of 16) at a time; GROUP patches at a time,
// then lanes are folded: GROUP is part of the bits, so it is the same in every build.

#define GROUP_FLOATS (16 * GROUP)
#define POINT_GRADIENTS (LANES == 16 ? 4 : 2) // outputs × 4 inputs are accumulated in registers

INLINE size group_point(size channels) { return channels * GROUP_FLOATS + 16; }
INLINE size winograd_gradient_scratch(size inputs, size outputs) {
  return 4 * (group_point(inputs) + group_point(outputs));
}

// Row i of Bᵀ x B: two rows of x, combined
INLINE void winograd_input_row(const float *x, size row, size down, size right, const int i, float *v,
                               size point) {
  vf t[4];
  UNROLL for (int j = 0; j < 4; j++) {
    const float *p = x + (j < 3 ? (size)(16 * j) : right);
    const vf a = LOAD(p + (i == 0 ? 0 : i == 2 ? 2 * row : row));
    const vf b = LOAD(p + (i == 2 ? row : i == 3 ? down : 2 * row));
    if (i == 1) t[j] = a + b;
    else t[j] = a - b;
  }
  STORE(v, t[0] - t[2]);
  STORE(v + point, t[1] + t[2]);
  STORE(v + 2 * point, t[2] - t[1]);
  STORE(v + 3 * point, t[1] - t[3]);
}

// Row i of A dY Aᵀ but for the sign of the last row and column; what is outside is 0.
INLINE void winograd_delta_row(const float *d, size row, int two_rows, int two_columns, const int i, float *v,
                               size point) {
  vf t[2];
  UNROLL for (int j = 0; j < 2; j++) {
    const vf none = {0}, a = j == 0 || two_columns ? LOAD(d + 16 * j) : none;
    const vf b = two_rows && (j == 0 || two_columns) ? LOAD(d + row + 16 * j) : none;
    if (i == 0) t[j] = a;
    if (i == 1) t[j] = a + b;
    if (i == 2) t[j] = a - b;
    if (i == 3) t[j] = b;
  }
  STORE(v, t[0]);
  STORE(v + point, t[0] + t[1]);
  STORE(v + 2 * point, t[0] - t[1]);
  STORE(v + 3 * point, t[1]);
}

// du[k][c] += Σ_patches Σ_lanes d[k][p] · v[c][p], for up to POINT_GRADIENTS outputs and 4 inputs
KERNEL void point_gradient(const float *d, const float *v, size count, float *du, size du_row, size outputs, size inputs) {
  enum { K = POINT_GRADIENTS };
  const float *dk[K], *vc[4];
  vf total[PARTS][K][4];
  UNROLL for (int k = 0; k < K; k++) dk[k] = d + ((size)k < outputs ? (size)k : outputs - 1) * GROUP_FLOATS;
  UNROLL for (int c = 0; c < 4; c++) vc[c] = v + ((size)c < inputs ? (size)c : inputs - 1) * GROUP_FLOATS;
  for (int part = 0; part < PARTS; part++) {
    vf a[K][4];
    UNROLL for (int k = 0; k < K; k++) UNROLL for (int c = 0; c < 4; c++) a[k][c] = (vf){0};
    for (size p = part * LANES; p < 16 * count; p += 16) {
      vf V[4];
      UNROLL for (int c = 0; c < 4; c++) {
        V[c] = LOAD(vc[c] + p);
        HOLD(V[c]);
      }
      UNROLL for (int k = 0; k < K; k++) {
        vf D = LOAD(dk[k] + p);
        HOLD(D);
        UNROLL for (int c = 0; c < 4; c++) a[k][c] += V[c] * D;
      }
    }
    UNROLL for (int k = 0; k < K; k++) UNROLL for (int c = 0; c < 4; c++) total[part][k][c] = a[k][c];
  }
  vf f[K * 4];
  UNROLL for (int i = 0; i < K * 4; i++) {
#if LANES == 16
    f[i] = total[0][i / 4][i % 4];
#elif LANES == 8
    f[i] = total[0][i / 4][i % 4] + total[1][i / 4][i % 4];
#else
    f[i] = (total[0][i / 4][i % 4] + total[2][i / 4][i % 4]) + (total[1][i / 4][i % 4] + total[3][i / 4][i % 4]);
#endif
  }
#if LANES == 16
  UNROLL for (int i = 0; i < 8; i++) f[i] = FOLD8(f[2 * i], f[2 * i + 1]);
#endif
#if LANES >= 8
  UNROLL for (int i = 0; i < 4; i++) f[i] = FOLD4(f[2 * i], f[2 * i + 1]);
#endif
  UNROLL for (int i = 0; i < (LANES == 4 ? K * 2 : 2); i++) f[i] = FOLD2(f[2 * i], f[2 * i + 1]);
  UNROLL for (int i = 0; i < (LANES == 4 ? K : 1); i++) f[i] = FOLD1(f[2 * i], f[2 * i + 1]);
  float sums[K * 4];
  UNROLL for (int i = 0; i < (LANES == 4 ? K : 1); i++) STORE(sums + LANES * i, f[i]);
  for (size k = 0; k < K && k < outputs; k++) {
    if (inputs >= 4) *(v4 *)(du + k * du_row) += *(const v4 *)(sums + 4 * k);
    else for (size c = 0; c < inputs; c++) du[k * du_row + c] += sums[4 * k + c];
  }
}

// du[point][k][c] += sums over a tile, for row i of points; d has strides y_row and y_plane.
INLINE void winograd_gradient_row(const float *x, const float *d, float *du, float *scratch, const struct winograd *g,
                                  const int i) {
  const size patches = (g->columns + 1) / 2 * ((g->rows + 1) / 2);
  const size v_point = group_point(g->inputs), d_point = group_point(g->outputs);
  const size u_point = weight_point(g->inputs, g->outputs);
  float *v = scratch, *e = scratch + 4 * v_point;
  for (size first = 0; first < patches; first += GROUP) {
    const size count = patches - first < GROUP ? patches - first : GROUP;
    struct patch at[GROUP];
    for (size n = 0; n < count; n++) at[n] = patch_at(g, first + n);
    for (size c = 0; c < g->inputs; c++)
      for (size n = 0; n < count; n++)
        for (size l = 0; l < 16; l += LANES)
          winograd_input_row(x + c * g->x_plane + at[n].x + l, g->x_row, at[n].down, at[n].right, i,
                             v + c * GROUP_FLOATS + 16 * n + l, v_point);
    for (size k = 0; k < g->outputs; k++)
      for (size n = 0; n < count; n++)
        for (size l = 0; l < 16; l += LANES)
          winograd_delta_row(d + k * g->y_plane + at[n].y + l, g->y_row, at[n].two_rows, at[n].two_columns, i,
                             e + k * GROUP_FLOATS + 16 * n + l, d_point);
    for (int j = 0; j < 4; j++)
      for (size k = 0; k < g->outputs; k += POINT_GRADIENTS)
        for (size c = 0; c < g->inputs; c += 4)
          point_gradient(e + j * d_point + k * GROUP_FLOATS, v + j * v_point + c * GROUP_FLOATS, count,
                         du + (4 * i + j) * u_point + k * g->inputs + c, g->inputs, g->outputs - k, g->inputs - c);
  }
}

#define ROW(i)                                                                                                                    \
  KERNEL void winograd_gradient_row##i(const float *x, const float *d, float *du, float *scratch, const struct winograd *g) { \
    winograd_gradient_row(x, d, du, scratch, g, i);                                                                            \
  }
ROW(0) ROW(1) ROW(2) ROW(3)
#undef ROW

// All points; du holds weight_point(inputs, outputs) floats a point, 0 before the first tile.
static void winograd_gradient(const float *x, const float *d, float *du, float *scratch, const struct winograd *g) {
  winograd_gradient_row0(x, d, du, scratch, g);
  winograd_gradient_row1(x, d, du, scratch, g);
  winograd_gradient_row2(x, d, du, scratch, g);
  winograd_gradient_row3(x, d, du, scratch, g);
}

// dw[(k · inputs + c) · 9 + (0 … 8)] = Gᵀ du G, for outputs k in [from, to)
INLINE void winograd_weight_gradient(const float *du, size inputs, size outputs, float *dw, size from, size to) {
  const size point = weight_point(inputs, outputs);
  for (size at = from * inputs; at < to * inputs; at++) {
    float t[3][4], *g = dw + 9 * at;
    for (int j = 0; j < 4; j++) {
      const float *p = du + j * point + at;
      const float sum = 0.5f * (p[4 * point] + p[8 * point]);
      t[0][j] = p[0] + sum, t[1][j] = 0.5f * (p[4 * point] - p[8 * point]), t[2][j] = sum - p[12 * point];
    }
    for (int i = 0; i < 3; i++) {
      const float sum = 0.5f * (t[i][1] + t[i][2]);
      g[3 * i] = t[i][0] + sum, g[3 * i + 1] = 0.5f * (t[i][1] - t[i][2]), g[3 * i + 2] = sum - t[i][3];
    }
  }
}
