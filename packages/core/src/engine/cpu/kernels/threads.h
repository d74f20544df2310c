// How threads share a program.

#ifdef __wasm__
#elif defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <sched.h>
#endif

typedef unsigned long long u64;

// A phase is the instructions between two barriers; it is cut into shares. Whoever is there takes the next share: a helper
// that the system has taken off its core delays nobody, as the calling thread takes its share instead.
struct control { // each group on a cache line of its own
  u32 generation, pad0[15]; // raised by JavaScript with each program, so that sleeping helpers wake
  u32 sleepers, stop, asleep, running, pad1[12]; // helpers asleep in JavaScript; shall they end? asleep in C; is a program walked?
  u64 open;                 // phase number · 2³² + shares that nobody has taken
  u32 first, last, shares, turn, phase, pad2[9]; // the phase's instructions (byte offsets), shares, whether they are taken backwards, and its number;
                                           // hold still while a share of it is not done
  u32 done, waiting, pad3[14]; // shares done; is the calling thread asleep on `done`?
};

// About 20 µs at the end of a phase, which is near, before a thread sleeps in C; about 200 µs between programs, while JavaScript
// makes a batch, before a helper goes back to it.
#ifdef __wasm__
#define PHASE_SPINS 20000
#define SERVE_SPINS 200000
#else
#define PHASE_SPINS 2000
#define SERVE_SPINS 20000
#endif

#ifdef __wasm__
INLINE void relax(void) {}
INLINE void sleep_on(u32 *p, u32 seen) { __builtin_wasm_memory_atomic_wait32((int *)p, (int)seen, -1); }
INLINE void wake_all(u32 *p) { __builtin_wasm_memory_atomic_notify((int *)p, 0x7fffffff); }
#else
#if defined(__x86_64__)
INLINE void relax(void) { __builtin_ia32_pause(); }
#elif defined(__aarch64__)
INLINE void relax(void) { __asm__ volatile("yield"); }
#else
INLINE void relax(void) {}
#endif
#ifdef __linux__
INLINE void sleep_on(u32 *p, u32 seen) { syscall(SYS_futex, p, FUTEX_WAIT_PRIVATE, seen, 0, 0, 0); }
INLINE void wake_all(u32 *p) { syscall(SYS_futex, p, FUTEX_WAKE_PRIVATE, 0x7fffffff, 0, 0, 0); }
#else
INLINE void sleep_on(u32 *p, u32 seen) { if (__atomic_load_n(p, __ATOMIC_SEQ_CST) == seen) sched_yield(); }
INLINE void wake_all(u32 *p) { (void)p; }
#endif
#endif

// Takes a share of the open phase: its number, or -1 if none is left.
static int take(struct control *c) {
  u64 open = __atomic_load_n(&c->open, __ATOMIC_ACQUIRE);
  while (open & 0xffffffff)
    if (__atomic_compare_exchange_n(&c->open, &open, open - 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
      return (int)(open & 0xffffffff) - 1;
  return -1;
}

static void finish(struct control *c, u32 shares) {
  if (__atomic_add_fetch(&c->done, 1, __ATOMIC_SEQ_CST) == shares && __atomic_load_n(&c->waiting, __ATOMIC_SEQ_CST))
    wake_all(&c->done);
}

// Spins, then sleeps: another program has a helper's core.
static void wait_for(struct control *c, u32 shares) {
  for (int i = 0; i < PHASE_SPINS; i++) {
    if (__atomic_load_n(&c->done, __ATOMIC_ACQUIRE) == shares) return;
    relax();
  }
  __atomic_store_n(&c->waiting, 1, __ATOMIC_SEQ_CST);
  for (u32 done; (done = __atomic_load_n(&c->done, __ATOMIC_SEQ_CST)) != shares;) sleep_on(&c->done, done);
  __atomic_store_n(&c->waiting, 0, __ATOMIC_SEQ_CST);
}

// Tells helpers that sleep in C: there is another phase, or none any more.
static void announce(struct control *c) {
  __atomic_add_fetch(&c->phase, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&c->asleep, __ATOMIC_SEQ_CST)) wake_all(&c->phase);
}

// A helper that found no share since phase `seen` was the last one: sleeps until there is another, if a program is under way.
static void nap(struct control *c, u32 seen) {
  __atomic_add_fetch(&c->asleep, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&c->running, __ATOMIC_SEQ_CST)) sleep_on(&c->phase, seen);
  __atomic_sub_fetch(&c->asleep, 1, __ATOMIC_SEQ_CST);
}
