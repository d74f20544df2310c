/*
 * What this processor can do, for the kernels to be held against. Prints one JSON object, a number for each of:
 *   peak         GFLOPS of multiply, then add, in registers alone (kernels do not contract the two into one)
 *   l1, l2       GFLOPS where one operand of each multiply-add is loaded from a buffer of 16 KiB, of 256 KiB
 *   copyL2 …     GB/s, bytes read + bytes written, of copies that fit in L2 and in L3, and of one that fits in neither
 * of all threads together, each on buffers of its own; the best of several repetitions.
 *
 *   roofline THREADS
 */
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
#define BYTES 64
#define SUMS 24
#elif defined(__AVX__)
#define BYTES 32
#define SUMS 12
#else /* SSE has 16 registers, others have more */
#define BYTES 16
#define SUMS 12
#endif
#define LANES (BYTES / 4)
#if defined(__clang__)
#define EACH_SUM _Pragma("clang loop unroll(full)") for (int i = 0; i < SUMS; i++)
#else /* else the sums would stay in memory */
#define EACH_SUM _Pragma("GCC unroll 24") for (int i = 0; i < SUMS; i++)
#endif
typedef float vec __attribute__((vector_size(BYTES)));

enum { L1 = 16 << 10, L2 = 256 << 10, L3 = 3 << 20, MEMORY = 128 << 20, MOST_THREADS = 64, REPETITIONS = 7 };
#define SECONDS 0.02 /* of a repetition, roughly */

typedef struct job {
  size_t (*work)(struct job *); /* returns flops or bytes done */
  vec *from, *to;
  size_t count; /* vectors in each */
  long times;
  vec sums[SUMS]; /* keeps results alive */
  double rate;
} job;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t multiply_add(job *j) {
  vec sums[SUMS], half = {0}, one = {0};
  EACH_SUM sums[i] = j->sums[i];
  half += 0.5f, one += 1.0f;
  for (long t = 0; t < j->times; t++)
    EACH_SUM sums[i] = sums[i] * half + one; /* tends to 2 */
  EACH_SUM j->sums[i] = sums[i];
  return (size_t)j->times * SUMS * LANES * 2;
}

static size_t load_multiply_add(job *j) {
  vec sums[SUMS], half = {0};
  EACH_SUM sums[i] = j->sums[i];
  half += 0.5f;
  size_t blocks = j->count / SUMS;
  for (long t = 0; t < j->times; t++) {
    const vec *from = j->from;
    for (size_t b = 0; b < blocks; b++, from += SUMS)
      EACH_SUM sums[i] += from[i] * half;
    __asm__ volatile("" ::: "memory"); /* what was read may have changed */
  }
  EACH_SUM j->sums[i] = sums[i];
  return (size_t)j->times * blocks * SUMS * LANES * 2;
}

static size_t copy(job *j) {
  for (long t = 0; t < j->times; t++) {
    for (size_t i = 0; i < j->count; i += 8) {
      for (int k = 0; k < 8; k++) j->to[i + k] = j->from[i + k];
      __asm__ volatile("" ::: "memory"); /* a loop as kernels have, not memcpy, which may go around the caches */
    }
  }
  return (size_t)j->times * j->count * BYTES * 2;
}

static void *measure(void *argument) {
  job *j = argument;
  double start = now();
  size_t done = j->work(j);
  j->rate = (double)done / (now() - start) * 1e-9;
  return NULL;
}

/* All threads at once; `bytes` is the size of each buffer of each thread. */
static double best(size_t (*work)(job *), size_t bytes, int threads) {
  static job jobs[MOST_THREADS];
  pthread_t running[MOST_THREADS];
  double top = 0;
  for (int i = 0; i < threads; i++) {
    job *j = &jobs[i];
    *j = (job){.work = work, .count = bytes / BYTES, .times = 1};
    j->from = aligned_alloc(BYTES, bytes);
    j->to = aligned_alloc(BYTES, bytes);
    if (!j->from || !j->to) exit(1);
    for (size_t k = 0; k < j->count; k++) j->from[k] = j->to[k] = (vec){1};
  }
  for (double start = now(); work(&jobs[0]), now() - start < SECONDS; start = now()) jobs[0].times *= 2;
  for (int i = 1; i < threads; i++) jobs[i].times = jobs[0].times;
  for (int r = 0; r < REPETITIONS; r++) {
    double sum = 0;
    for (int i = 0; i < threads; i++)
      if (pthread_create(&running[i], NULL, measure, &jobs[i])) exit(1);
    for (int i = 0; i < threads; i++) pthread_join(running[i], NULL), sum += jobs[i].rate;
    if (sum > top) top = sum;
  }
  for (int i = 0; i < threads; i++) free(jobs[i].from), free(jobs[i].to);
  return top;
}

int main(int count, char **arguments) {
  int threads = count > 1 ? atoi(arguments[1]) : 1;
  if (threads < 1 || threads > MOST_THREADS) return 2;
  printf("{\"peak\":%.1f,", best(multiply_add, BYTES * SUMS, threads));
  printf("\"l1\":%.1f,\"l2\":%.1f,", best(load_multiply_add, L1, threads), best(load_multiply_add, L2, threads));
  printf("\"copyL2\":%.1f,\"copyL3\":%.1f,", best(copy, L2, threads), best(copy, L3, threads));
  printf("\"copyMemory\":%.1f}\n", best(copy, MEMORY, threads));
  return 0;
}
