// Register blocks of convolutions, measured on Zen 5 (AVX-512, AVX2, SSE2) and in V8, whose optimising compiler loads everything a loop body
// reads before it computes: accumulators + loads of one body must fit 15 registers.

#define PATCHES 4           // of winograd.h
#define GROUP 16            // of winograd-gradient.h, part of its bits
#define AREA_ENTRIES 6  // kept weights at a time
#define AREA_PIXELS 64  // of a tile, while they stay in the first cache
#define AREA_CHUNK 4096        // floats of the output's gradient at a time

#if LANES == 16
#define WINDOW_OUTPUTS 6
#define WINDOW_VECTORS 4
#define SPARSE_VECTORS 8
#define POINT_OUTPUTS 6
#define POINT_VECTORS 4
#define AREA_OUTPUTS 4
#define AREA_TAPS 6
#elif LANES == 8
#define WINDOW_OUTPUTS 6
#define WINDOW_VECTORS 2
#define SPARSE_VECTORS 8
#define POINT_OUTPUTS 6
#define POINT_VECTORS 2
#define AREA_OUTPUTS 3
#define AREA_TAPS 3
#elif defined(__wasm__)
#define WINDOW_OUTPUTS 4
#define WINDOW_VECTORS 2
#define SPARSE_VECTORS 4
#define POINT_OUTPUTS 4
#define POINT_VECTORS 2
#define AREA_OUTPUTS 2
#define AREA_TAPS 4
#else
#define WINDOW_OUTPUTS 4
#define WINDOW_VECTORS 2
#define SPARSE_VECTORS 8
#define POINT_OUTPUTS 4
#define POINT_VECTORS 2
#define AREA_OUTPUTS 3
#define AREA_TAPS 3
#endif
