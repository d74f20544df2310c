// The cpu engine's kernels: one C source, two builds (WebAssembly SIMD, native), the same bits in both.
//
// Why C: the same vector code runs in a browser and at native speed, and a person can read all of it. Freestanding:
// no library, no static data, no allocation. TypeScript plans everything (arena.ts, program.ts); C walks the table.
//
// Layout. One arena, addressed by byte offset. Activations are CHWN: [feature][column], batch innermost, padded to a
// multiple of 16 columns. Columns that pad the batch are 0 in the input and in the loss gradient, and never counted.
// Linear weights are row-major [outputs][inputs]; under a sparse mask only kept ones are stored, in that order.
//
// Lane contract. Nothing here may depend on vector width or thread count:
//   - a sum over taps (forward, input gradient) starts at +0 and adds in the order of the taps, for each output;
//   - a sum over the batch (weight and bias gradients, loss) runs in 16 virtual lanes, lane l taking columns l, l + 16,
//     l + 32, … in order from its first one; then one tree: l + 8, l + 4, l + 2, l + 1;
//   - each output is computed by one thread; multiplications and additions are rounded one by one (no contraction);
//   - NaN is never hidden: gates are !(x <= 0), maxima are comparisons, log gives back its argument's NaN.
// exp and log: polynomials of Cephes (expf, logf; Moshier 1984-1992), float32.

#include "vectors.h"
#include "table.h"
#include "threads.h"
#include "elements.h"
#include "taps.h"
#include "batch.h"
#include "loss.h"

static void execute(const struct instruction *q, char *base, struct call *c, u32 id, u32 threads) {
  const size columns = c->columns;
  float *x = (float *)(base + q->x), *y = (float *)(base + q->y), *w = (float *)(base + q->w);
  float *g = (float *)(base + q->g), *v = (float *)(base + q->v);
  const float *bias = (const float *)(base + q->bias), *gated = (const float *)(base + q->gated);
  const u32 *starts = (const u32 *)(base + q->starts), *index = (const u32 *)(base + q->index);
  const u32 *entry = (const u32 *)(base + q->entry);
  const signed char *marks = (const signed char *)(base + q->marks);
#define SHARE(n, unit) share(n, unit, id, threads)
  switch (q->op) {
    case PACK:
      pack(x, y, c->batch, columns, q->inputs, SHARE(q->inputs, 4));
      break;
    case UNPACK: {
      struct share s = SHARE(q->inputs, 4);
      transpose(x + s.from * columns, y + s.from, s.to - s.from, 0, columns, columns, q->inputs);
      break;
    }
    case RELU: {
      struct share s = SHARE(c->batch * (size)q->inputs, 16);
      for (size i = s.from; i < s.to; i += LANES) store_first(x + i, gate(LOAD(x + i), LOAD(x + i)), s.to - i);
      break;
    }
    case FORWARD: {
      struct share s = SHARE(q->outputs, DENSE_ROWS);
#define CASE(flags) dense(w, q->inputs, 1, x, q->inputs, columns, y, bias, gated, flags, s)
      if (q->flags == (HAS_BIAS | HAS_RELU)) CASE(HAS_BIAS | HAS_RELU);
      else CASE(q->flags);
#undef CASE
      break;
    }
    case INPUT:
      dense(w, 1, q->inputs, x, q->outputs, columns, y, bias, gated, q->flags, SHARE(q->inputs, DENSE_ROWS));
      break;
    case FORWARD_SPARSE:
      sparse(w, starts, index, 0, x, columns, y, bias, gated, q->flags, share_entries(starts, q->outputs, id, threads));
      break;
    case INPUT_SPARSE:
      sparse(w, starts, index, entry, x, columns, y, bias, gated, q->flags, share_entries(starts, q->inputs, id, threads));
      break;
    case WEIGHT:
      weight_dense(x, y, columns, q->inputs, g, SHARE(q->outputs, GRADIENT_ROWS));
      break;
    case WEIGHT_SPARSE:
      weight_sparse(x, y, entry, index, columns, g, SHARE(q->kept, 16));
      break;
    case BIAS:
      bias_gradient(x, columns, g, SHARE(q->outputs, 1));
      break;
    case LOSS:
    case COUNT:
      if (id == 0) loss(c, x, q->op == LOSS ? y : 0, (const unsigned char *)(base + q->index), q->outputs);
      break;
    case GATE: {
      struct share s = SHARE(q->outputs * columns, 16);
      for (size i = s.from; i < s.to; i += LANES) STORE(y + i, gate(LOAD(y + i), LOAD(gated + i)));
      break;
    }
    case UPDATE: {
      struct share s = SHARE((q->kept + 15) / 16 * 16, 16);
#define CASE(flags) update(c, w, g, v, marks, flags, s)
      if (q->flags == 0) CASE(0);
      else CASE(q->flags);
#undef CASE
      break;
    }
  }
#undef SHARE
}

static void walk(char *base, struct control *control, struct call *call, u32 id, u32 threads, u32 program, u32 count) {
  const struct instruction *q = (const struct instruction *)(base + program);
  for (u32 i = 0; i < count; i++) {
    if (q[i].op == BARRIER) barrier(control, threads);
    else execute(q + i, base, call, id, threads);
  }
  barrier(control, threads);
}

// The caller's part of a program: thread 0. With helpers, it has raised `generation` and woken sleepers before.
EXPORT(run) void run(char *base, u32 control, u32 call, u32 threads, u32 program, u32 count) {
  walk(base, (struct control *)(base + control), (struct call *)(base + call), 0, threads, program, count);
}

// A helper: walks each program after generation `seen`; returns the last one seen when nothing came for a while or at
// `stop`, so that JavaScript can sleep, or end.
EXPORT(serve) u32 serve(char *base, u32 control, u32 call, u32 id, u32 threads, u32 seen) {
  struct control *c = (struct control *)(base + control);
  for (int i = 0; i < SERVE_SPINS; i++) {
    u32 generation = __atomic_load_n(&c->generation, __ATOMIC_ACQUIRE);
    if (generation == seen) {
      relax();
      continue;
    }
    if (__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) return seen; // not the last: so JavaScript will not sleep on it
    seen = generation;
    walk(base, c, (struct call *)(base + call), id, threads, c->program, c->count);
    i = 0;
  }
  return seen;
}
