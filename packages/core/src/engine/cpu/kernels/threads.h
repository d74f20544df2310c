// Barriers between the threads of a program.

#ifdef __wasm__
#elif defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <sched.h>
#endif

struct control { // each on a cache line of its own
  u32 generation, program, count, stop, pad0[12];
  u32 sleepers, pad1[15]; // helpers asleep in JavaScript
  u32 arrived, pad2[15];
  u32 turn, pad3[15];
  u32 waiting, pad4[15];
};

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

// Spins for some 20 µs, as a kernel's end is near; then sleeps, as another program has the core.
static void barrier(struct control *c, u32 threads) {
  if (threads == 1) return;
  u32 turn = __atomic_load_n(&c->turn, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&c->arrived, 1, __ATOMIC_ACQ_REL) == threads) {
    __atomic_store_n(&c->arrived, 0, __ATOMIC_RELAXED);
    __atomic_add_fetch(&c->turn, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&c->waiting, __ATOMIC_SEQ_CST)) wake_all(&c->turn);
    return;
  }
  for (int i = 0; i < BARRIER_SPINS; i++) {
    if (__atomic_load_n(&c->turn, __ATOMIC_ACQUIRE) != turn) return;
    relax();
  }
  __atomic_add_fetch(&c->waiting, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&c->turn, __ATOMIC_SEQ_CST) == turn) sleep_on(&c->turn, turn);
  __atomic_sub_fetch(&c->waiting, 1, __ATOMIC_SEQ_CST);
}
