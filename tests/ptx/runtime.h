/* A launch, its memory, and the check of every access.

   Each allocation has a shadow: a byte for each of its bytes that says whether it was written, and a cell for each
   word (or byte, where a launch accesses single bytes) with the last thread that wrote it and the last that read it.

   Time is counted in epochs. A launch begins with an epoch that no earlier launch has reached, and each barrier of a
   block begins the next epoch of the block. Two accesses of a block in different epochs have a barrier between them;
   two of different blocks of a launch never have one. Epochs before the launch's first belong to earlier launches.
   In a kernel with fences each thread has its own epochs, and clocks.h says which accesses it has seen. */

#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64;
typedef int8_t s8; typedef int16_t s16; typedef int32_t s32; typedef int64_t s64;
typedef float f32; typedef double f64;

#define ADDRESS_BITS 40 /* of an address in an allocation; the bits above are the allocation's number */
#define SEVERAL 0xffffffffu /* threads of one block */

enum { OUT_OF_BOUNDS, MISALIGNED, UNINITIALISED, RACE, DIVERGED, HANGS, DIVISION_BY_ZERO }; /* kinds of reports */
enum { READ, WRITE, ATOMIC };
enum { DONE = 1, BARRIER, YIELD, STUCK }; /* why a thread stops */

typedef struct {
  u64 write_epoch, read_epoch;
  u32 write_block, write_thread, write_line, atomic;
  u32 read_block, read_thread, read_line, several_blocks;
  u64 *released, *readers; /* clocks of the atomic accesses, and of several readers */
} Cell;

typedef struct Clock { struct Clock *before; u64 times[]; } Clock; /* an epoch of each thread */

typedef struct { u64 start, stop; } Range;

/* Memory: bytes `base`, the shadow `written` and `cells` (NULL: not checked), a cell for 2^shift bytes, and the
   ranges that a launch may access. */
typedef struct { u64 number; u8 *base, *written; Cell *cells; u64 shift, ranges; Range *range; } Memory;

typedef struct { u64 kind, line, other_line, block, thread, other_block, other_thread, address, count; } Report;

typedef struct {
  u64 *parameters; Memory *memories; u64 memory_count;
  u64 grid[3], block[3], seed, order, first_epoch, last_epoch;
  Memory *shared; u64 shared_bytes;
  Report *reports; u64 most_reports, report_count;
  u64 *blocks, block_count; /* numbers of the blocks that run, in order */
  u64 accesses, barriers, ulps; s64 fuel;
  s64 budget; /* accesses of a thread before it stops */
  u64 epoch, current_block;
  u8 *junk; u64 junk_bytes; /* contents of registers and shared memory before they are written */
  u8 *executed; /* lines of PTX whose access has run */
  u64 resident; /* blocks that run at the same time */
  u64 threads, *clocks; /* of all blocks, and what they have seen; NULL in a kernel without fences */
  Clock *more_clocks;
} Launch;

#define ThreadHead u32 resume, number, barrier, thread[3], block[3]
typedef struct Thread Thread;
typedef struct { ThreadHead; } Head;
#define HEAD(T) ((Head *)(T))

static u64 random_bits(u64 *state) { /* splitmix64 */
  u64 z = (*state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

/* Add a report, or count it if the same lines had one of this kind. */
static __attribute__((noinline)) Report *report(Launch *L, u32 kind, u32 line, u32 other_line, u32 thread, u64 address) {
  static Report overflow;
  for (u64 i = 0; i < L->report_count; i++) {
    Report *old = L->reports + i;
    if (old->kind == kind && old->line == line && old->other_line == other_line) { old->count++; return &overflow; }
  }
  if (L->report_count == L->most_reports) return &overflow;
  Report *new = L->reports + L->report_count++;
  *new = (Report){kind, line, other_line, L->current_block, thread, 0, 0, address, 1};
  return new;
}

static void report_race(Launch *L, u32 line, u32 thread, u64 address, u32 other_line, u32 other_block, u32 other_thread) {
  Report *new = report(L, RACE, line, other_line, thread, address);
  new->other_block = other_block;
  new->other_thread = other_thread;
}

#include "clocks.h"

/* Whether an access of a cell by (block, thread) in an epoch is ordered with the current thread's by nothing. */
static int unordered(Launch *L, u64 epoch, u32 block, u32 other_thread, u32 thread) {
  if (epoch < L->first_epoch) return 0;
  if (L->clocks) {
    u64 number = thread_number(L, L->current_block, thread), other = thread_number(L, block, other_thread);
    return other != number && epoch > clock_of(L, SEEN, number)[other];
  }
  return block != L->current_block || (epoch == L->epoch && other_thread != thread);
}

static void check_read(Launch *L, Cell *c, u32 thread, u64 address, u32 line) {
  if (unordered(L, c->write_epoch, c->write_block, c->write_thread, thread))
    report_race(L, line, thread, address, c->write_line, c->write_block, c->write_thread);
  if (L->clocks) { note_reader(L, c, thread, line); return; }
  int new_launch = c->read_epoch < L->first_epoch;
  if (!new_launch && c->read_block == L->current_block && c->read_epoch == L->epoch) {
    if (c->read_thread != thread) c->read_thread = SEVERAL;
    return;
  }
  c->several_blocks = !new_launch && (c->several_blocks || c->read_block != L->current_block);
  c->read_epoch = L->epoch;
  c->read_block = L->current_block;
  c->read_thread = thread;
  c->read_line = line;
}

static void check_write(Launch *L, Cell *c, u32 thread, u64 address, u32 line, u32 atomic) {
  if (!(atomic && c->atomic) && unordered(L, c->write_epoch, c->write_block, c->write_thread, thread))
    report_race(L, line, thread, address, c->write_line, c->write_block, c->write_thread);
  int read_elsewhere = c->read_epoch >= L->first_epoch && c->several_blocks;
  if (L->clocks) read_elsewhere = read_elsewhere && !has_seen_readers(L, c, thread);
  if (read_elsewhere || unordered(L, c->read_epoch, c->read_block, c->read_thread, thread))
    report_race(L, line, thread, address, c->read_line, c->read_block, c->read_thread);
  if (L->clocks && atomic) share_clock(L, c, thread);
  c->write_epoch = L->epoch;
  c->write_block = L->current_block;
  c->write_thread = thread;
  c->write_line = line;
  c->atomic = atomic;
}

/* Check an access inside an allocation, and note it in the shadow. */
static u8 *check(Launch *L, Memory *m, u64 offset, u32 size, u32 access, u32 thread, u64 address, u32 line) {
  if (m->cells)
    for (u64 cell = offset >> m->shift; cell <= (offset + size - 1) >> m->shift; cell++) {
      if (access == READ) check_read(L, m->cells + cell, thread, address, line);
      else check_write(L, m->cells + cell, thread, address, line, access == ATOMIC);
    }
  if (m->written) {
    if (access != WRITE && memchr(m->written + offset, 0, size)) report(L, UNINITIALISED, line, 0, thread, address);
    if (access != READ) memset(m->written + offset, 1, size);
  }
  return m->base + offset;
}

/* Report an access out of bounds; the thread continues with NaN, or writes to nowhere. */
static u8 *outside(Launch *L, u32 thread, u64 address, u32 line) {
  static u8 nowhere[16];
  static const u8 nan[16] = {0xa5, 0xa5, 0xa5, 0x7f, 0xa5, 0xa5, 0xf5, 0x7f, 0xa5, 0xa5, 0xa5, 0x7f, 0xa5, 0xa5, 0xf5, 0x7f};
  report(L, OUT_OF_BOUNDS, line, 0, thread, address);
  return memcpy(nowhere, nan, 16);
}

static u8 *access_memory(Launch *L, Memory *m, u64 offset, u32 size, u32 access, u32 thread, u64 address, u32 line) {
  L->accesses++;
  L->executed[line] = 1;
  if (address % size) report(L, MISALIGNED, line, 0, thread, address);
  for (u64 i = 0; m && i < m->ranges; i++)
    if (offset >= m->range[i].start && offset + size <= m->range[i].stop)
      return check(L, m, offset, size, access, thread, address, line);
  return outside(L, thread, address, line);
}

/* Where a thread may access `size` bytes of global memory. */
static __attribute__((noinline)) u8 *global_memory(Launch *L, Thread *T, u64 address, u32 size, u32 access, u32 line) {
  Memory *memory = NULL;
  for (u64 i = 0; i < L->memory_count; i++)
    if (L->memories[i].number == address >> ADDRESS_BITS) memory = L->memories + i;
  u64 offset = address & ((1ull << ADDRESS_BITS) - 1);
  return access_memory(L, memory, offset, size, access, HEAD(T)->number, address, line);
}

static __attribute__((noinline)) u8 *shared_memory(Launch *L, Thread *T, u64 address, u32 size, u32 access, u32 line) {
  return access_memory(L, L->shared, address, size, access, HEAD(T)->number, address, line);
}

static int is_zero(Launch *L, Thread *T, u64 divisor, u32 line) {
  if (!divisor) report(L, DIVISION_BY_ZERO, line, 0, HEAD(T)->number, 0);
  return !divisor;
}

/* Whether the launch has used up its jumps. */
static int hangs(Launch *L, Thread *T, u32 line) {
  if (--L->fuel >= 0) return 0;
  report(L, HANGS, line, 0, HEAD(T)->number, 0);
  return 1;
}
