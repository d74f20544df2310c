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
//   - each output is computed by one thread, whichever; multiplications and additions are rounded one by one (no contraction);
//   - NaN is never hidden: gates are !(x <= 0), maxima are comparisons, log gives back its argument's NaN.
// exp and log: polynomials of Cephes (expf, logf; Moshier 1984-1992), float32.

#include "vectors.h"
#include "table.h"
#include "threads.h"
#include "elements.h"
#include "taps.h"
#include "batch.h"
#include "loss.h"

static void execute(const struct instruction *q, char *base, struct call *c, u32 id, u32 shares) {
  const size columns = c->columns;
  float *x = (float *)(base + q->x), *y = (float *)(base + q->y), *w = (float *)(base + q->w);
  float *g = (float *)(base + q->g), *v = (float *)(base + q->v);
  const float *bias = (const float *)(base + q->bias), *gated = (const float *)(base + q->gated);
  const u32 *starts = (const u32 *)(base + q->starts), *index = (const u32 *)(base + q->index);
  const u32 *entry = (const u32 *)(base + q->entry);
  const signed char *marks = (const signed char *)(base + q->marks);
#define SHARE(n, unit) share(n, unit, id, shares)
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
      sparse(w, starts, index, 0, x, columns, y, bias, gated, q->flags, share_entries(starts, q->outputs, id, shares));
      break;
    case INPUT_SPARSE:
      sparse(w, starts, index, entry, x, columns, y, bias, gated, q->flags, share_entries(starts, q->inputs, id, shares));
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

static void execute_phase(const struct instruction *q, const struct instruction *end, char *base, struct call *call,
                          u32 id, u32 shares) {
  for (; q < end; q++) execute(q, base, call, id, shares);
}

// Walks a program, on the calling thread: opens its phases one after the other, takes shares of each as helpers do, and
// goes on when all are done.
EXPORT(run) void run(char *base, u32 control, u32 call, u32 shares, u32 program, u32 count) {
  struct control *c = (struct control *)(base + control);
  struct call *k = (struct call *)(base + call);
  const struct instruction *q = (const struct instruction *)(base + program), *end = q + count;
  for (const struct instruction *stop = q; q < end; q = ++stop) {
    while (stop < end && stop->op != BARRIER) stop++;
    if (shares == 1) {
      execute_phase(q, stop, base, k, 0, 1);
      continue;
    }
    c->first = (u32)((char *)q - base);
    c->last = (u32)((char *)stop - base);
    __atomic_store_n(&c->done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&c->open, (c->open >> 8 << 8) + 256 + shares, __ATOMIC_SEQ_CST);
    for (int id; (id = take(c)) >= 0; finish(c, shares)) execute_phase(q, stop, base, k, (u32)id, shares);
    wait_for(c, shares);
  }
}

// A helper: takes shares until there were none for a while. Returns the generation after which it saw none: JavaScript
// may sleep until there is another.
EXPORT(serve) u32 serve(char *base, u32 control, u32 call, u32 shares) {
  struct control *c = (struct control *)(base + control);
  u32 generation = 0;
  for (int i = 0; i < SERVE_SPINS; i++) {
    generation = __atomic_load_n(&c->generation, __ATOMIC_SEQ_CST);
    int id = take(c);
    if (id < 0) {
      relax();
      continue;
    }
    const struct instruction *q = (const struct instruction *)(base + c->first);
    execute_phase(q, (const struct instruction *)(base + c->last), base, (struct call *)(base + call), (u32)id, shares);
    finish(c, shares);
    i = 0;
  }
  return generation;
}
