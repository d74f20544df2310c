// The cpu engine's kernels: one C source, two builds (WebAssembly SIMD, native), the same bits in both.
//
// Why C: the same vector code runs in a browser and at native speed, and a person can read all of it. Freestanding:
// no library, no static data, no allocation. TypeScript plans everything (arena.ts, program.ts); C walks the table.
//
// Layout. One arena, addressed by byte offset. Activations of linear layers are [feature][column], batch innermost, padded to a
// multiple of 16 columns; those of convolutions are the same in blocks of 16 columns (body.h).
// Columns that pad the batch are 0 in the input and in the loss gradient, and never counted.
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
#include "body.h"
#include "sites.h"
#include "norms.h"
#include "windows.h"
#include "areas.h"
#include "winograd.h"
#include "winograd-gradient.h"
#include "conv.h"
#include "pools.h"

// Makes rows of a site into its tensor, for readers that are no convolution.
static void make(char *base, const struct site *s, size index, u32 rows, u32 bands, float *spare) {
  const size from = index % bands * rows, to = from + rows < s->height ? from + rows : s->height;
  prepare(base, s, 0, (struct tile){(long)from, 0, 0, 0}, index / bands, 1, from, to,
          (struct share){0, s->channels}, spare);
}

static void execute_body(const struct instruction *q, char *base, struct call *c, u32 id, u32 shares, u32 thread) {
  const size scratch = q->w + (size)thread * q->kept;
  char *s = base + q->x;
  const struct conv *conv = (const struct conv *)s;
  const struct pool *pool = (const struct pool *)s;
  const struct norm *norm = (const struct norm *)s;
  const struct finish *f = (const struct finish *)s;
#define SHARE(n, unit) share(n, unit, id, shares)
#define UNITS(call_) do { \
    const struct share u_ = SHARE(blocks_of(c) * pool->channels, 1); \
    for (size unit = u_.from; unit < u_.to; unit++) call_; \
  } while (0)
  switch (q->op) {
    case PACK_BLOCKS:
      pack_block(FLOATS(q->x) + (size)id * 16 * q->inputs, FLOATS(q->y) + (size)id * 16 * q->inputs, q->inputs, valid_lanes(c, id));
      break;
    case TO_COLUMNS:
      blocks_to_columns(c, FLOATS(q->x), FLOATS(q->y), q->inputs, SHARE(q->inputs, 1));
      break;
    case TO_BLOCKS:
      columns_to_blocks(FLOATS(q->x), FLOATS(q->y), q->inputs, c->columns, SHARE(q->inputs, 1));
      break;
    case CONV:
      conv_forward(base, c, conv, id, q->inputs, scratch, q->flags & TRAIN);
      break;
    case CONV_BACK:
      conv_backward(base, c, conv, id, q->inputs, scratch, q->flags);
      break;
    case REDUCE: {
      const size slots = slots_of(c, conv);
      const u32 sparse_ = ((const struct taps *)(base + conv->forward))->starts;
      if (q->flags & BLOCKED) {
      } else if (conv->u && !sparse_)
        reduce_points(conv, FLOATS(conv->partial), slots, FLOATS(conv->g), FLOATS(scratch), SHARE(conv->outputs, 1));
      else reduce(FLOATS(conv->partial), slots, q->outputs, FLOATS(conv->g), SHARE(q->outputs, 16));
      if (conv->bias) reduce(FLOATS(conv->bias_partial), slots, conv->outputs, FLOATS(conv->bias_gradient), SHARE(conv->outputs, 16));
      break;
    }
    case GATHER: {
      const struct share e = SHARE(q->outputs, 16);
      for (size i = e.from; i < e.to; i++) FLOATS(conv->transposed)[i] = FLOATS(conv->w)[((const u32 *)(base + conv->entry))[i]];
      break;
    }
    case POINTS: {
      const size in = conv->inputs, out = conv->outputs;
      const struct share f = SHARE(out, 1), g = SHARE(in, 1);
      winograd_weights(FLOATS(conv->w), in, out, 9 * in, 9, 0, FLOATS(conv->u), f.from, f.to);
      if (q->flags & TRAIN) winograd_weights(FLOATS(conv->w), out, in, 9, 9 * in, 1, FLOATS(conv->u_back), g.from, g.to);
      break;
    }
    case MAKE:
      make(base, (const struct site *)s, id, q->outputs, q->g, FLOATS(scratch));
      break;
    case STATISTICS: {
      const size rows = tile_rows(norm->rows, norm->bands, norm->height, id), block = id / norm->bands;
      const float *z = FLOATS(q->y) + row_of(norm->channels, norm->height, norm->width, block, 0, id % norm->bands * norm->rows);
      if (rows) tile_statistics(base, norm, z, id, rows, (size)norm->height * norm->width * PIXEL, valid_lanes(c, block));
      break;
    }
    case FINISH: {
      const size block = id / f->bands, from = id % f->bands * f->rows, to = from + f->rows < f->height ? from + f->rows : f->height;
      finish_rows(base, f, 0, 0, 0, (struct tile){0, 0, 0, 0}, block, from, to, id, valid_lanes(c, block),
                  (struct share){0, f->channels}, FLOATS(scratch));
      break;
    }
    case NORM:
      norm_forward(base, c, norm, q->flags & REMEMBER, SHARE(norm->channels, 1));
      break;
    case NORM_REMEMBERED:
      norm_remembered(base, norm, SHARE(norm->channels, 1));
      break;
    case NORM_BACK:
      norm_backward(base, c, norm, !(q->flags & TRAIN), SHARE(norm->channels, 1));
      break;
    case MAX_POOL: UNITS(max_pool(base, pool, unit)); break;
    case MAX_POOL_BACK: UNITS(max_pool_back(base, pool, unit)); break;
    case AVERAGE_POOL: UNITS(average_pool(base, pool, unit)); break;
    case AVERAGE_POOL_BACK: UNITS(average_pool_back(base, pool, unit)); break;
    case DROP:
    case DROP_BACK: {
      const u32 from = q->op == DROP ? pool->x : pool->gradient, to = q->op == DROP ? pool->y : pool->to;
      if (q->flags & REMEMBER) UNITS(drop(base, c, pool, unit, from, to));
      else UNITS(copy(base, pool, unit, from, to));
      break;
    }
  }
#undef SHARE
#undef UNITS
}

// Shares of a phase, by its first instruction: tiles, or threads.
static u32 shares_of(const struct instruction *q, const char *base, const struct call *c, u32 threads) {
  const char *s = base + q->x;
  const size blocks = blocks_of(c);
  switch (q->op) {
    case PACK_BLOCKS: return (u32)blocks;
    case CONV: return (u32)(blocks * ((const struct conv *)s)->bands);
    case CONV_BACK: return (u32)slots_of(c, (const struct conv *)s);
    case MAKE: return (u32)(blocks * q->g);
    case STATISTICS: return (u32)(blocks * ((const struct norm *)s)->bands);
    case FINISH: return (u32)(blocks * ((const struct finish *)s)->bands);
    default: return threads;
  }
}

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
      if (id == 0) loss(c, x, q->op == LOSS ? y : 0, (const unsigned short *)(base + q->index), q->outputs);
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
                          u32 id, u32 shares, u32 thread) {
  for (; q < end; q++) {
    if (q->op < PACK_BLOCKS) execute(q, base, call, id, shares);
    else execute_body(q, base, call, id, shares, thread);
  }
}

#ifndef __wasm__
// Large pages for an arena that nobody has written yet: with small ones the long walks over activations wait for page tables.
EXPORT(advise) void advise(char *base, double bytes) {
#ifdef __linux__
  syscall(SYS_madvise, base, (size)bytes, 14 /* MADV_HUGEPAGE: a wish, which may fail */);
#else
  (void)base, (void)bytes;
#endif
}
#endif

// Walks a program, on the calling thread: opens its phases one after the other, takes shares of each as helpers do, and
// goes on when all are done.
EXPORT(run) void run(char *base, u32 control, u32 call, u32 threads, u32 program, u32 count) {
  struct control *c = (struct control *)(base + control);
  struct call *k = (struct call *)(base + call);
  const struct instruction *q = (const struct instruction *)(base + program), *end = q + count;
  u32 turn = 0;
  if (threads > 1) __atomic_store_n(&c->running, 1, __ATOMIC_SEQ_CST);
  for (const struct instruction *stop = q; q < end; q = ++stop) {
    while (stop < end && stop->op != BARRIER) stop++;
    const u32 shares = q < stop ? shares_of(q, base, k, threads) : 0;
    turn ^= shares > threads; // tiles: the last ones of a phase are the first of the next, as they are still in the caches
    if (threads == 1 || shares < 2) {
      for (u32 id = 0; id < shares; id++) execute_phase(q, stop, base, k, turn ? shares - 1 - id : id, shares, 0);
      continue;
    }
    c->turn = turn;
    c->first = (u32)((char *)q - base);
    c->last = (u32)((char *)stop - base);
    c->shares = shares;
    __atomic_store_n(&c->done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&c->open, (c->open >> 32 << 32) + (1ull << 32) + shares, __ATOMIC_SEQ_CST);
    announce(c);
    for (int id; (id = take(c)) >= 0; finish(c, shares)) execute_phase(q, stop, base, k, turn ? shares - 1 - (u32)id : (u32)id, shares, 0);
    wait_for(c, shares);
  }
  if (threads > 1) {
    __atomic_store_n(&c->running, 0, __ATOMIC_SEQ_CST);
    announce(c);
  }
}

// A helper: takes shares until there were none for a while. Returns the generation after which it saw none: JavaScript
// may sleep until there is another. thread: its number, from 1.
EXPORT(serve) u32 serve(char *base, u32 control, u32 call, u32 thread) {
  struct control *c = (struct control *)(base + control);
  u32 generation = 0;
  for (int i = 0; i < SERVE_SPINS; i++) {
    generation = __atomic_load_n(&c->generation, __ATOMIC_SEQ_CST);
    const u32 phase = __atomic_load_n(&c->phase, __ATOMIC_SEQ_CST);
    int id = take(c);
    if (id < 0) {
      relax();
      if (i % PHASE_SPINS == PHASE_SPINS - 1) nap(c, phase);
      if (__atomic_load_n(&c->running, __ATOMIC_RELAXED)) i %= PHASE_SPINS; // stays while a program is under way
      continue;
    }
    const struct instruction *q = (const struct instruction *)(base + c->first);
    const u32 shares = c->shares;
    const struct instruction *end = (const struct instruction *)(base + c->last);
    execute_phase(q, end, base, (struct call *)(base + call), c->turn ? shares - 1 - (u32)id : (u32)id, shares, thread);
    finish(c, shares);
    i = 0;
  }
  return generation;
}
