/* Run the blocks of a launch, and the threads of each in an order that the seed selects.

   `run` (c_writer.py) runs a thread until it ends, reaches a barrier or has used up its budget of accesses. When all
   threads of a block have stopped, the barrier opens. The blocks run one after another. Those of a kernel with fences
   may wait for each other: `resident` of them take turns, and the next one starts where one has ended. */

enum { PADDING = 16 }; /* bytes after shared memory, for a vector access that begins inside */
enum { ASCENDING, DESCENDING, RANDOM, WARPS }; /* settings.ORDERS */

typedef struct {
  Thread *threads;
  u32 *state;   /* of each thread: 0 if it can run, DONE or BARRIER */
  u32 *running; /* numbers of the threads that can run */
  u32 count;
  u64 random;
  u64 number;
  Memory shared;
} Block;

/* Run a thread for a number of accesses; returns 0 if the launch hangs. */
static int advance(Launch *L, Block *B, u32 thread, s64 budget) {
  L->budget = budget;
  if (L->clocks) set_epoch(L, thread);
  u32 reason = run(B->threads + thread, L);
  B->state[thread] = reason == YIELD ? 0 : reason;
  return reason != STUCK;
}

static int run_in_order(Launch *L, Block *B, u32 count) {
  for (u32 i = 0; i < count; i++)
    if (!advance(L, B, B->running[L->order == ASCENDING ? i : count - 1 - i], INT64_MAX)) return 0;
  return 1;
}

static int run_in_random_turns(Launch *L, Block *B, u32 count) {
  while (count) {
    u32 i = random_bits(&B->random) % count, thread = B->running[i];
    if (!advance(L, B, thread, 1 + random_bits(&B->random) % 16)) return 0;
    if (B->state[thread]) B->running[i] = B->running[--count];
  }
  return 1;
}

/* The threads of a warp take turns of one access; the warps run in random order. */
static int run_in_warps(Launch *L, Block *B, u32 count) {
  u32 warps = (B->count + 31) / 32;
  while (count) {
    u32 warp = random_bits(&B->random) % warps, turns = 1 + random_bits(&B->random) % 8;
    for (u32 turn = 0; turn < turns; turn++)
      for (u32 thread = warp * 32; thread < warp * 32 + 32 && thread < B->count; thread++) {
        if (B->state[thread]) continue;
        if (!advance(L, B, thread, 1)) return 0;
        if (B->state[thread]) count--;
      }
  }
  return 1;
}

/* Run all threads that can run until each has ended or waits; returns 0 if the launch hangs. */
static int run_to_barrier(Launch *L, Block *B) {
  u32 count = 0;
  for (u32 thread = 0; thread < B->count; thread++)
    if (!B->state[thread]) B->running[count++] = thread;
  if (L->order == RANDOM) return run_in_random_turns(L, B, count);
  if (L->order == WARPS) return run_in_warps(L, B, count);
  return run_in_order(L, B, count);
}

/* Open the barrier at which threads wait; returns 0 if all have ended. */
static int open_barrier(Launch *L, Block *B) {
  u32 waiting = 0, first = 0;
  for (u32 thread = B->count; thread-- > 0;)
    if (B->state[thread] == BARRIER) { waiting++; first = thread; }
  if (!waiting) return 0;
  u32 line = HEAD(B->threads + first)->barrier;
  for (u32 thread = first; thread < B->count; thread++) {
    u32 other = HEAD(B->threads + thread)->barrier;
    if (B->state[thread] == BARRIER && other != line) {
      Report *new = report(L, DIVERGED, other, line, thread, 0);
      new->other_block = L->current_block;
      new->other_thread = first;
    }
    if (B->state[thread] == BARRIER) B->state[thread] = 0;
  }
  if (waiting < B->count) report(L, DIVERGED, line, 0, first, 0);
  L->barriers++;
  if (L->clocks) share_in_block(L, B->count);
  else L->epoch++;
  if (L->epoch > L->last_epoch) L->last_epoch = L->epoch;
  return 1;
}

static void fill_with_junk(Launch *L, u8 *start, u64 bytes, u64 shift) {
  shift %= L->junk_bytes;
  for (u64 filled = 0, count; filled < bytes; filled += count, shift = 0) {
    count = L->junk_bytes - shift;
    if (count > bytes - filled) count = bytes - filled;
    memcpy(start + filled, L->junk + shift, count);
  }
}

/* Make a block the one that runs. */
static void enter(Launch *L, Block *B) {
  L->current_block = B->number;
  if (L->shared) L->shared = &B->shared;
}

static void start_block(Launch *L, Block *B, u64 block) {
  B->number = block;
  enter(L, B);
  L->epoch = L->first_epoch;
  if (L->shared) {
    memset(L->shared->written, 0, L->shared_bytes);
    memset(L->shared->cells, 0, (L->shared_bytes >> L->shared->shift) * sizeof(Cell));
    fill_with_junk(L, L->shared->base, L->shared_bytes, block);
  }
  for (u32 number = 0; number < B->count; number++) {
    Thread *T = B->threads + number;
    fill_with_junk(L, (u8 *)T, sizeof(Thread), number);
    for (u32 i = 0; i < sizeof T->p; i++) T->p[i] &= 1;
    T->resume = 0;
    T->number = number;
    for (u32 axis = 0, rest = number; axis < 3; rest /= L->block[axis++]) T->thread[axis] = rest % L->block[axis];
    u64 rest = block;
    for (u32 axis = 0; axis < 3; rest /= L->grid[axis++]) T->block[axis] = rest % L->grid[axis];
    B->state[number] = 0;
  }
}

static void run_one_after_another(Launch *L, Block *B) {
  int runs = 1;
  for (u64 i = 0; i < L->block_count && runs; i++) {
    start_block(L, B, L->blocks[i]);
    do runs = run_to_barrier(L, B);
    while (runs && open_barrier(L, B));
  }
}

/* Every thread of a block that can run gets some accesses. Returns how many can run afterwards, or -1: a hang. */
static int take_turns(Launch *L, Block *B) {
  int can_run = 0;
  for (u32 i = 0; i < B->count; i++) {
    u32 thread = L->order == DESCENDING ? B->count - 1 - i : i;
    if (B->state[thread]) continue;
    if (!advance(L, B, thread, 1 + random_bits(&B->random) % 16)) return -1;
    can_run += !B->state[thread];
  }
  return can_run;
}

/* Blocks take turns of random length. */
static void run_together(Launch *L, Block *blocks, u64 resident) {
  u64 started = 0, random = L->seed * 104729 + 7;
  for (u64 i = 0; i < resident; i++) start_block(L, blocks + i, L->blocks[started++]);
  while (resident) {
    Block *B = blocks + random_bits(&random) % resident;
    enter(L, B);
    int can_run = 1;
    for (u64 turns = 1 + random_bits(&random) % 64; turns && can_run > 0; turns--) can_run = take_turns(L, B);
    if (can_run < 0) return;
    if (can_run || open_barrier(L, B)) continue;
    if (started < L->block_count) {
      start_block(L, B, L->blocks[started++]);
    } else {
      Block last = blocks[--resident];
      blocks[resident] = *B; /* freed with the others */
      *B = last;
    }
  }
}

static void allocate_block(Launch *L, Block *B, u64 number) {
  B->count = L->block[0] * L->block[1] * L->block[2];
  B->threads = malloc(B->count * sizeof(Thread));
  B->state = malloc(4 * B->count);
  B->running = malloc(4 * B->count);
  B->random = (L->seed + number) * 7919 + 17;
  if (!L->shared) return;
  B->shared = *L->shared;
  B->shared.base = calloc(L->shared_bytes + PADDING, 1);
  B->shared.written = calloc(L->shared_bytes + PADDING, 1);
  B->shared.cells = calloc((L->shared_bytes >> L->shared->shift) + PADDING, sizeof(Cell));
}

static void free_block(Launch *L, Block *B) {
  free(B->threads);
  free(B->state);
  free(B->running);
  if (!L->shared) return;
  free(B->shared.base);
  free(B->shared.written);
  free(B->shared.cells);
}

void run_launch(Launch *L) {
  u64 resident = L->resident < L->block_count ? L->resident : L->block_count;
  Block *blocks = calloc(resident, sizeof(Block));
  for (u64 i = 0; i < resident; i++) allocate_block(L, blocks + i, i);
  L->last_epoch = L->first_epoch;
  if (L->threads) start_clocks(L);
  if (L->clocks) run_together(L, blocks, resident);
  else run_one_after_another(L, blocks);
  for (u64 i = 0; i < resident; i++) free_block(L, blocks + i);
  free(blocks);
  end_clocks(L);
}
