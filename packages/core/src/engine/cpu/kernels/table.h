// What TypeScript writes into the arena (network.ts, program.ts), and how threads share the work of an instruction.

struct call {
  u32 batch, columns; // columns: batch padded to 16
  float learning_rate, momentum, weight_decay, smoothing, penalty;
  u32 nesterov;
  float loss; // out: mean (LOSS) or sum (COUNT) over the batch
  u32 correct; // out, COUNT only
  u32 dropout_seed;
};

struct instruction {
  u32 op, flags;
  u32 outputs, inputs; // shape of the weight; of a transposition: rows, features
  u32 x, y;            // activations or their gradients
  u32 w, g, v;         // weights or bias, their gradients, momentum
  u32 bias, gated;     // forward: bias; input gradient: the activation that gates
  u32 starts, index, entry; // sparse lists
  u32 kept;            // number of stored weights
  u32 marks;           // update: one byte a weight, bit 0 kept, bit 1 leaving
};
// Of the body (body.h), x is its struct; w and kept are where the threads' scratch memory is and the bytes of each; inputs
// is the width of the widest plane.

enum { BARRIER, PACK, UNPACK, RELU, FORWARD, FORWARD_SPARSE, INPUT, INPUT_SPARSE, WEIGHT, WEIGHT_SPARSE, BIAS, LOSS, COUNT, GATE, UPDATE,
  PACK_BLOCKS, TO_COLUMNS, TO_BLOCKS, CONV, CONV_BACK, REDUCE, GATHER, POINTS, MAKE, STATISTICS, FINISH,
  NORM, NORM_REMEMBERED, NORM_BACK, MAX_POOL, MAX_POOL_BACK, AVERAGE_POOL, AVERAGE_POOL_BACK, DROP, DROP_BACK };
enum { HAS_BIAS = 1, HAS_RELU = 2, HAS_GATE = 4, BLOCKED = 8, HAS_MASK = 16, HAS_PENALTY = 32, TRAIN = 64, REMEMBER = 128 };

// share `id` of `shares` is [from, to) of n, cut at multiples of `unit`
struct share { size from, to; };
INLINE struct share share(size n, size unit, u32 id, u32 shares) {
  size units = (n + unit - 1) / unit, from = units * id / shares * unit, to = units * (id + 1) / shares * unit;
  return (struct share){from < n ? from : n, to < n ? to : n};
}

// rows of a sparse list, cut so that shares have like numbers of entries
INLINE struct share share_entries(const u32 *starts, size rows, u32 id, u32 shares) {
  size cut[2];
  for (u32 side = 0; side < 2; side++) {
    size want = (size)((unsigned long long)starts[rows] * (id + side) / shares), low = 0, high = rows;
    if (id + side == shares) low = rows;
    while (low < high) {
      size middle = (low + high) / 2;
      if (starts[middle] < want) low = middle + 1;
      else high = middle;
    }
    cut[side] = low;
  }
  return (struct share){cut[0], cut[1]};
}
