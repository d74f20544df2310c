// What TypeScript writes for the convolutional part of a net (body.ts): words of 32 bits, offsets in bytes into the arena.
//
// Blocked layout: a tensor is [block][channel][row][column][16], where a block is 16 columns of the batch. A convolution
// works tile by tile: a tile is a band of rows of one block. What lies between two convolutions (batch norm, addition, ReLU)
// is never a pass of its own: it is done when a tile is made ready in a thread's scratch memory.

// One summand of a site: a tensor, maybe normalised, maybe sampled as option A does.
struct term {
  u32 tensor, norm; // norm: 0 = as it is
  u32 stride, before; // option A: stride > 0, channels of zeros before the tensor's
  u32 channels, height, width; // the tensor's
};

// A place in the net where a value is: act(term + term). If stored, also as a tensor of its own.
struct site {
  u32 channels, height, width;
  u32 terms, act; // act: 0 none, 1 ReLU, 2 ReLU6
  u32 stored; // 0 = made anew by each reader
  struct term term[2];
};

// A contribution to a gradient: a site's gradient, through its norm or option A.
struct source {
  u32 gradient, norm, z; // norm: 0 = as it is
  u32 stride, before, channels, height, width;
};

struct norm {
  u32 channels, height, width;
  u32 scale, shift, mean, variance; // parameters and running state
  u32 scale_gradient, shift_gradient;
  u32 forward;  // [mean, factor, shift][channels]
  u32 backward; // [factor, mean of gradient, slope][channels]
  u32 deviation; // 1 ÷ √(variance + ε) [channels]
  u32 statistics; // [tile][channel]: mean, sum of squares about it
  u32 rows, bands;  // tiles of what wrote them
  u32 sums; // [tile][channel]: Σ gradient, Σ gradient · (z − mean)
  u32 sum_bands;
};

// Window sums over one prepared tile.
struct taps {
  u32 count, x, w; // dense: offset of each tap in the tile and in the weights, in floats (tables); sparse: x of each entry
  u32 starts; // sparse: entries of output k are [starts[k], starts[k + 1]); 0 = dense
  u32 row, column; // input gradient: first row and column that this class of taps writes
};

struct conv {
  u32 inputs, outputs, groups, weights; // weights of one output
  u32 height, width, out_height, out_width;
  u32 kernel_height, kernel_width, stride_height, stride_width, padding_height, padding_width;
  u32 x, y; // struct site that is read; tensor that is written
  u32 store; // does this reader write the site's tensor?
  u32 w, bias; // bias: 0 = none
  u32 norm; // struct norm whose statistics are taken: 0 = none
  // Tiles: band b has rows [b · rows, (b + 1) · rows) of the output, and of the input those times the stride.
  u32 rows, bands;
  u32 x_rows, x_width; // the site made ready, with zeros around
  u32 d_rows, d_width, d_above, d_left; // the output's gradient made ready, rows and columns of zeros before it
  u32 forward; // struct taps
  u32 classes, back; // struct taps of each parity of input rows and columns
  u32 transposed, entry, kept; // sparse: weights in the order of `back`, and where each comes from
  u32 d; // struct source
  u32 partial, bias_partial, slots; // [slot][weights]: sums of a share of the tiles, at most `slots`; [slot][outputs]
  u32 finish; // struct finish: 0 = no input gradient
  u32 g, bias_gradient;
  u32 u, u_back; // weights as Winograd's points, for both directions: 0 = not by Winograd
};

// Makes a site's gradient: Σ sources, gated; and the sums that its norms need.
struct finish {
  u32 site; // 0 = none: a plain sum
  u32 to;   // tensor
  u32 channels, height, width;
  u32 sources;
  u32 rows, bands; // when it runs by itself
  struct source source[4];
};
