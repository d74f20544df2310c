// The kernels under address and undefined-behaviour sanitizers (sanitized.test.ts): runs one program over an arena in a file,
// of which only the planned buffers may be touched.
//
// usage: sanitized ARENA BUFFERS control call program count
// ARENA: the arena's bytes, changed in place. BUFFERS: [offset, bytes] of each planned buffer, 32-bit words.
#include "../kernels/kernels.c"
#include <fcntl.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void *map(const char *path, int protection, size_t *bytes) {
  const int file = open(path, protection & PROT_WRITE ? O_RDWR : O_RDONLY);
  struct stat s;
  if (file < 0 || fstat(file, &s)) exit(2);
  *bytes = (size_t)s.st_size;
  void *at = mmap(0, *bytes, protection, MAP_SHARED, file, 0);
  if (at == MAP_FAILED) exit(2);
  return at;
}

int main(int count, char **arguments) {
  if (count != 7) return 2;
  size_t bytes, table;
  char *base = map(arguments[1], PROT_READ | PROT_WRITE, &bytes);
  const u32 *buffers = map(arguments[2], PROT_READ, &table);
  ASAN_POISON_MEMORY_REGION(base, bytes);
  for (size_t i = 0; i < table / 4; i += 2) ASAN_UNPOISON_MEMORY_REGION(base + buffers[i], buffers[i + 1]);
  u32 words[4];
  for (int i = 0; i < 4; i++) words[i] = (u32)strtoul(arguments[3 + i], 0, 10);
  run(base, words[0], words[1], 1, words[2], words[3]);
  return 0;
}
