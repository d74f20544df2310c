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
#else
#define EXPORT(name) __attribute__((visibility("default")))
#if defined(__AVX512F__)
#define LANES 16
#define DENSE_ROWS 6
#define DENSE_VECTORS 4
#define GRADIENT_ROWS 5
#define GRADIENT_VECTORS 2
#elif defined(__AVX__)
#define LANES 8
#define DENSE_ROWS 5
#define DENSE_VECTORS 2
#define GRADIENT_ROWS 3
#define GRADIENT_VECTORS 2
#else
#define LANES 4
#define DENSE_ROWS 5
#define DENSE_VECTORS 2
#define GRADIENT_ROWS 3
#define GRADIENT_VECTORS 2
#endif
#endif
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))
// Hot loops are functions of their own: compilers, V8's above all, give registers out badly over thousands of lines.
#define KERNEL static __attribute__((noinline))

typedef float vf __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int vi __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef unsigned short vshorts __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
typedef signed char vflags __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));

#define PARTS (16 / LANES) // vectors of 16 lanes
#define LOAD(p) (*(const vf *)(p))
#define STORE(p, v) (*(vf *)(p) = (v))

// Hints to fetch what is read or written soon. May point anywhere.
#define SOON(p) __builtin_prefetch((p), 0, 2)
#define SOON_WRITTEN(p) __builtin_prefetch((p), 1, 3)

INLINE vf keep(vf x, vi mask) { return (vf)((vi)x & mask); } // +0 where the mask is 0
INLINE vf either(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }
INLINE vf gate(vf x, vf y) { return keep(x, ~(y <= 0.0f)); } // ReLU and its gradient; NaN passes

// One float in all lanes, in a register (GCC else broadcasts it again for each multiplication).
#if defined(__x86_64__)
#define SPLAT(s) ({ vf splat_ = (s) - (vf){0}; __asm__("" : "+v"(splat_)); splat_; })
#else
#define SPLAT(s) ((s) - (vf){0})
#endif

// A value the compiler is to keep in a register: GCC else loads it again at each use, and loads are what these loops lack.
#if defined(__x86_64__)
#define HOLD(v) __asm__("" : "+v"(v))
#elif defined(__aarch64__)
#define HOLD(v) __asm__("" : "+w"(v))
#else
#define HOLD(v) ((void)0)
#endif

#include "blocks.h"
