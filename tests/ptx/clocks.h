/* What happens before what, in kernels whose blocks wait for each other (`L->clocks`).

   Every thread counts its own time, in epochs that begin with the launch's first. `seen` holds up to which of the other
   threads' times it is certain to see their accesses. A barrier shares what the threads of a block have seen. Between
   blocks it takes four steps, as in C++ and PTX: a fence, an atomic access, an atomic access of the same word by another
   thread, and a fence there. The word keeps what the fences before its atomic accesses have released. */

static u64 *clock_of(Launch *L, u32 kind, u64 thread) { return L->clocks + (kind * L->threads + thread) * L->threads; }

enum { SEEN, RELEASED, FOUND, KINDS }; /* FOUND: in atomic words, but with no fence since */

static u64 thread_number(Launch *L, u64 block, u32 thread) {
  return block * (L->block[0] * L->block[1] * L->block[2]) + thread;
}

static u64 *new_clock(Launch *L) {
  Clock *new = calloc(1, sizeof(Clock) + 8 * L->threads);
  new->before = L->more_clocks;
  L->more_clocks = new;
  return new->times;
}

static void join(Launch *L, u64 *clock, const u64 *other) {
  for (u64 i = 0; i < L->threads; i++)
    if (other[i] > clock[i]) clock[i] = other[i];
}

/* Let the time of a thread go on: its accesses up to now are before those after it. */
static void advance_clock(Launch *L, u64 thread) {
  u64 epoch = ++clock_of(L, SEEN, thread)[thread];
  if (epoch > L->last_epoch) L->last_epoch = epoch;
}

static void start_clocks(Launch *L) {
  L->clocks = calloc(KINDS * L->threads * L->threads, 8);
  for (u64 thread = 0; thread < L->threads; thread++) clock_of(L, SEEN, thread)[thread] = L->first_epoch;
}

static void end_clocks(Launch *L) {
  free(L->clocks);
  for (Clock *clock = L->more_clocks, *before; clock; clock = before) {
    before = clock->before;
    free(clock);
  }
}

static void set_epoch(Launch *L, u32 thread) {
  u64 number = thread_number(L, L->current_block, thread);
  L->epoch = clock_of(L, SEEN, number)[number];
}

/* A fence of the whole GPU acquires what the thread has found, and releases what it has seen. */
static void fence(Launch *L, u32 thread) {
  if (!L->clocks) return;
  u64 number = thread_number(L, L->current_block, thread);
  join(L, clock_of(L, SEEN, number), clock_of(L, FOUND, number));
  memcpy(clock_of(L, RELEASED, number), clock_of(L, SEEN, number), 8 * L->threads);
  advance_clock(L, number);
  set_epoch(L, thread);
}

/* An atomic access finds what earlier ones of this launch left in the word, and leaves what its thread has released. */
static void share_clock(Launch *L, Cell *c, u32 thread) {
  u64 number = thread_number(L, L->current_block, thread);
  int first = !c->atomic || c->write_epoch < L->first_epoch;
  if (first) c->released = new_clock(L);
  join(L, clock_of(L, FOUND, number), c->released);
  join(L, c->released, clock_of(L, RELEASED, number));
}

static void share_in_block(Launch *L, u32 count) {
  u64 *all = new_clock(L), first = thread_number(L, L->current_block, 0);
  for (u32 thread = 0; thread < count; thread++) join(L, all, clock_of(L, SEEN, first + thread));
  for (u32 thread = 0; thread < count; thread++) {
    memcpy(clock_of(L, SEEN, first + thread), all, 8 * L->threads);
    advance_clock(L, first + thread);
  }
}

/* Note a thread that reads a word; if others read it at the same time, all of them. */
static void note_reader(Launch *L, Cell *c, u32 thread, u32 line) {
  u64 number = thread_number(L, L->current_block, thread);
  u64 before = thread_number(L, c->read_block, c->read_thread);
  int new_launch = c->read_epoch < L->first_epoch;
  if (new_launch) c->several_blocks = 0;
  if (c->several_blocks) {
    c->readers[number] = L->epoch;
  } else if (!new_launch && before != number && c->read_epoch > clock_of(L, SEEN, number)[before]) {
    c->several_blocks = 1;
    c->readers = new_clock(L);
    c->readers[before] = c->read_epoch;
    c->readers[number] = L->epoch;
  }
  c->read_epoch = L->epoch;
  c->read_block = L->current_block;
  c->read_thread = thread;
  c->read_line = line;
}

/* Whether the current thread has seen the accesses of all readers. */
static int has_seen_readers(Launch *L, Cell *c, u32 thread) {
  u64 number = thread_number(L, L->current_block, thread), *seen = clock_of(L, SEEN, number);
  for (u64 i = 0; c->several_blocks && i < L->threads; i++)
    if (i != number && c->readers[i] > seen[i]) return 0;
  return 1;
}
