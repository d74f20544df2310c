// Vector types, and how large register blocks are on which kind of processor.

typedef unsigned u32;
typedef unsigned long size;

// Register blocks, measured: dense rows × vectors of accumulators; gradient blocks hold twice theirs.
#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#define LANES 4
#define DENSE_ROWS 4 // V8 spills beyond 8 accumulators
#define DENSE_VECTORS 2
#define GRADIENT_ROWS 2
#define GRADIENT_VECTORS 2
#define WINDOW_OUTPUTS 4
#define WINDOW_VECTORS 2
#define AREA_OUTPUTS 2
#define AREA_TAPS 4
#else
#define EXPORT(name) __attribute__((visibility("default")))
#if defined(__AVX512F__)
#define LANES 16
#define DENSE_ROWS 6
#define DENSE_VECTORS 4
#define GRADIENT_ROWS 5
#define GRADIENT_VECTORS 2
#define WINDOW_OUTPUTS 4
#define WINDOW_VECTORS 4
#define AREA_OUTPUTS 4
#define AREA_TAPS 6
#elif defined(__AVX__)
#define LANES 8
#define DENSE_ROWS 5
#define DENSE_VECTORS 2
#define GRADIENT_ROWS 3
#define GRADIENT_VECTORS 2
#define WINDOW_OUTPUTS 4
#define WINDOW_VECTORS 2
#define AREA_OUTPUTS 2
#define AREA_TAPS 4
#else
#define LANES 4
#define DENSE_ROWS 5
#define DENSE_VECTORS 2
#define GRADIENT_ROWS 3
#define GRADIENT_VECTORS 2
#define WINDOW_OUTPUTS 4
#define WINDOW_VECTORS 2
#define AREA_OUTPUTS 2
#define AREA_TAPS 4
#endif
#endif
#ifdef __wasm__
#define SPARSE_VECTORS 4 // columns of a sparse row that stay in registers: V8 loads all of them before it multiplies
#else
#define SPARSE_VECTORS 8
#endif

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int vi __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef unsigned char vbytes __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef signed char vflags __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));

#define PARTS (16 / LANES) // vectors of 16 lanes
#ifdef __wasm__
#define SPLAT(s) ((vf){0} + (s))
#else
// in a register: a memory operand for each product would wait for the load ports (x - 0 is x, in every bit but a NaN's)
#define SPLAT(s) ({ vf splat_ = (s) - (vf){0}; __asm__("" : "+v"(splat_)); splat_; })
#endif

#define LOAD(p) (*(const vf *)(p))
#define STORE(p, v) (*(vf *)(p) = (v))

INLINE vf keep(vf x, vi mask) { return (vf)((vi)x & mask); } // +0 where the mask is 0
INLINE vf either(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }
INLINE vf gate(vf x, vf y) { return keep(x, ~(y <= 0.0f)); } // ReLU and its gradient; NaN passes
