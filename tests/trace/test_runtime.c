/* test_runtime.c: the traces of the real runtime: whose segment is whose, what a STATUS says,
 * and what is left when the process is killed under load. */
#include "tests/trace/support.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/on_valgrind.h"
#include "weft.h"

TestSuite(runtime, .init = make_directory, .fini = remove_directory, .timeout = 300);

static void open_file(struct trace_file *file, const char *path)
{
	struct trace_message why = {.text = ""};
	cr_assert_eq(trace_file_open(file, path, &why), 0, "%s", why.text);
}

/* ---- segments ---- */

enum { WORKERS = 8 };

static _Atomic int running;

/* Keeps its worker until all have one, so that each is born. */
static void run_beside_others(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
	for (running++; running < WORKERS;)
		(void)sched_yield();
}

static void use_all_workers(struct weft *io)
{
	struct weft_future futures[WORKERS];
	running = 0;
	for (int i = 0; i < WORKERS; i++)
		weft_async(io, &futures[i], run_beside_others, NULL, 0, NULL);
	for (int i = 0; i < WORKERS; i++)
		weft_await(io, &futures[i]);
}

Test(runtime, segment_i_is_worker_is)
{
	const char *path = in_directory("trace.weft");
	for (int round = 0; round < 20; round++) {
		struct weft *io;
		struct trace_file file;
		struct weft_options options = {.workers = WORKERS, .trace_path = path};
		cr_assert_eq(weft_init(&io, &options), 0);
		use_all_workers(io);
		cr_assert_eq(weft_deinit(io), 0);
		open_file(&file, path);
		cr_assert_eq(trace_file_workers(&file), WORKERS);
		for (uint32_t i = 1; i < WORKERS; i++) {
			const struct trace_record *birth =
				trace_file_records(&file, i) + 1;
			cr_assert_eq(birth->type, TRACE_CREATE);
			cr_assert_eq(birth->fiber, TRACE_IDLE_FIBERS + i);
		}
		trace_file_close(&file);
	}
}

/* ---- load ---- */

enum { FIBERS = 6, CHILDREN = 3 };

/* Shared with a child process: how many marks each fiber has surely written. */
struct load {
	_Atomic uint64_t marks[FIBERS];
	uint64_t turns; /* of each fiber; set before */
};

struct task {
	struct load *load;
	uint32_t number;
};

static void nothing(struct weft *io, const void *context, void *result)
{
	(void)io, (void)context, (void)result;
}

/* Marks, switches, and now and then makes children and awaits them. */
static void work(struct weft *io, const void *context, void *result)
{
	const struct task *task = context;
	(void)result;
	weft_name(io, "work");
	for (uint32_t i = 1; i <= task->load->turns; i++) {
		weft_mark(io, "turn", task->number << 24 | i);
		/* Release: the mark is in the trace before it counts. */
		store_release(&task->load->marks[task->number], i);
		weft_yield(io);
		if (i % 8)
			continue;
		struct weft_future children[CHILDREN];
		for (int c = 0; c < CHILDREN; c++)
			weft_async(io, &children[c], nothing, NULL, 0, NULL);
		for (int c = 0; c < CHILDREN; c++)
			weft_await(io, &children[c]);
	}
}

static void run_load(const struct weft_options *options, struct load *load)
{
	struct weft *io;
	struct weft_future futures[FIBERS];
	cr_assert_eq(weft_init(&io, options), 0);
	for (uint32_t f = 0; f < FIBERS; f++) {
		struct task task = {load, f};
		weft_async(io, &futures[f], work, &task, sizeof task, NULL);
	}
	for (uint32_t f = 0; f < FIBERS; f++)
		weft_await(io, &futures[f]);
	cr_assert_eq(weft_deinit(io), 0);
}

/* ---- what a STATUS says ---- */

/* The state of a fiber after its record of some number; 0: that record does not tell. */
struct told {
	uint32_t fiber, sequence;
	uint8_t state;
};

static uint8_t state_after(const struct trace_record *record, bool as_peer)
{
	switch (record->type) {
	case TRACE_READY:
		return TRACE_state_READY;
	case TRACE_SWITCH:
		if (!as_peer)
			return TRACE_state_RUNNING;
		return record->arg == TRACE_leave_PARK     ? TRACE_state_PARKED
		       : record->arg == TRACE_leave_FINISH ? TRACE_state_FINISHED
							   : TRACE_state_READY;
	case TRACE_FINISH:
	case TRACE_MARK:
	case TRACE_AWAIT:
	case TRACE_WORKER_START:
		return TRACE_state_RUNNING;
	default: /* what is about a fiber that is new, or already gone */
		return 0;
	}
}

static int by_record(const void *a, const void *b)
{
	const struct told *left = a, *right = b;
	if (left->fiber != right->fiber)
		return left->fiber < right->fiber ? -1 : 1;
	return (left->sequence > right->sequence) - (left->sequence < right->sequence);
}

/* What all records that are not STATUS tell; sorted. */
static struct told *list_told(const struct trace_file *file, size_t *count)
{
	uint64_t records = 0;
	for (uint32_t s = 0; s < trace_file_segments(file); s++)
		records += file->heads[s];
	struct told *list = calloc(2 * records + 1, sizeof *list);
	cr_assert(list);
	*count = 0;
	for (uint32_t s = 0; s < trace_file_segments(file); s++)
		for (uint64_t i = 0; i < file->heads[s]; i++) {
			const struct trace_record *r = &trace_file_records(file, s)[i];
			if (r->fiber)
				list[(*count)++] =
					(struct told){r->fiber, r->fiber_sequence,
						      state_after(r, false)};
			if (r->type == TRACE_SWITCH)
				list[(*count)++] =
					(struct told){r->peer, (uint32_t)r->value,
						      state_after(r, true)};
		}
	qsort(list, *count, sizeof *list, by_record);
	return list;
}

/* Each STATUS shows the state that the record of its number has left. Returns for how many that
 * could be seen. */
static uint64_t expect_true_statuses(const struct trace_file *file, uint64_t *statuses)
{
	size_t count;
	uint64_t judged = 0;
	struct told *list = list_told(file, &count);
	for (uint32_t s = 0; s < trace_file_segments(file); s++)
		for (uint64_t i = 0; i < file->heads[s]; i++) {
			const struct trace_record *r = &trace_file_records(file, s)[i];
			if (r->type != TRACE_STATUS)
				continue;
			++*statuses;
			struct told key = {.fiber = r->peer,
					   .sequence = (uint32_t)r->value};
			const struct told *told =
				bsearch(&key, list, count, sizeof key, by_record);
			if (!told || told->state == 0)
				continue;
			judged++;
			cr_assert_eq(r->arg, told->state,
				     "fiber %u after its record %u is %u, not %u",
				     r->peer, (unsigned)r->value, told->state, r->arg);
		}
	free(list);
	return judged;
}

static void expect_check(const char *path, const char *words)
{
	struct answer answer = ask(command_check, path);
	cr_assert_eq(answer.code, EXIT_HOLDS, "%s", answer.text);
	cr_assert(!words || strstr(answer.text, words), "%s", answer.text);
	free(answer.text);
}

Test(runtime, a_status_has_state_and_number_of_one_moment)
{
	const char *path = in_directory("trace.weft");
	uint64_t judged = 0, statuses = 0;
	for (uint64_t records = 200; records <= 3200; records *= 2)
		for (uint64_t turns = 300; turns < 320; turns += 5) {
			struct trace_file file;
			struct load load = {.turns = turns};
			struct weft_options options = {.workers = 3,
						       .trace_path = path,
						       .trace_records = records,
						       .trace_mode = WEFT_TRACE_RING};
			run_load(&options, &load);
			open_file(&file, path);
			cr_assert_eq(trace_file_dropped(&file), 0);
			judged += expect_true_statuses(&file, &statuses);
			trace_file_close(&file);
			expect_check(path, NULL);
		}
	cr_assert_gt(statuses, 200, "%llu", (unsigned long long)statuses);
	cr_assert_gt(judged, 50, "of %llu", (unsigned long long)statuses);
}

struct patience {
	struct weft_future *until;
};

static void wait_for_it(struct weft *io, const void *context, void *result)
{
	const struct patience *patience = context;
	(void)result;
	weft_name(io, "patient");
	weft_await(io, patience->until);
}

static void be_busy(struct weft *io, const void *context, void *result)
{
	(void)context, (void)result;
	for (uint32_t i = 0; i < 2000; i++)
		weft_mark(io, "busy", i);
}

/* One fiber has parked long before the ring begins; its STATUS knows it. */
Test(runtime, a_fiber_without_a_record_in_the_ring_is_known)
{
	const char *path = in_directory("trace.weft");
	struct weft *io;
	struct trace_file file;
	struct weft_future busy, patient;
	struct patience patience = {&busy};
	struct weft_options options = {.trace_path = path,
				       .trace_records = 200,
				       .trace_mode = WEFT_TRACE_RING};
	bool seen = false;
	cr_assert_eq(weft_init(&io, &options), 0);
	weft_async(io, &patient, wait_for_it, &patience, sizeof patience, NULL);
	weft_async(io, &busy, be_busy, NULL, 0, NULL);
	weft_await(io, &patient);
	cr_assert_eq(weft_deinit(io), 0);
	open_file(&file, path);
	for (uint64_t i = 0; i < file.heads[0]; i++) {
		const struct trace_record *r = &trace_file_records(&file, 0)[i];
		if (r->type != TRACE_STATUS || r->peer != 2)
			continue;
		cr_assert_eq(r->arg, TRACE_state_PARKED);
		cr_assert_str_eq(trace_file_string(&file, r->value >> 32), "patient");
		seen = true;
	}
	cr_assert(seen);
	cr_assert_eq(load_relaxed(&file.header->lost_statuses), 0);
	trace_file_close(&file);
}

/* Which fibers below 64 the statuses in a trace know of. */
static uint64_t known_fibers(const struct trace_file *file)
{
	uint64_t known = 0;
	for (uint64_t i = 0; i < file->heads[0]; i++) {
		const struct trace_record *r = &trace_file_records(file, 0)[i];
		if (r->type == TRACE_STATUS && r->peer < 64)
			known |= UINT64_C(1) << r->peer;
	}
	return known;
}

/* Looks at the trace while the others still wait. */
static void be_busy_and_look(struct weft *io, const void *context, void *result)
{
	struct trace_file file;
	(void)context;
	be_busy(io, NULL, NULL);
	open_file(&file, in_directory("trace.weft"));
	*(uint64_t *)result = known_fibers(&file);
	trace_file_close(&file);
}

/* A ring with room for few statuses tells of all fibers in turn, and counts the rest. */
Test(runtime, statuses_that_do_not_fit_are_counted)
{
	struct weft *io;
	struct trace_file file;
	struct weft_future busy, patient[40];
	struct patience patience = {&busy};
	struct weft_options options = {.stack_size = 1 << 20,
				       .trace_path = in_directory("trace.weft"),
				       .trace_records = 160, /* 20 at each quarter */
				       .trace_mode = WEFT_TRACE_RING};
	uint64_t known = 0;
	cr_assert_eq(weft_init(&io, &options), 0);
	for (int i = 0; i < 40; i++)
		weft_async(io, &patient[i], wait_for_it, &patience, sizeof patience,
			   NULL);
	weft_async(io, &busy, be_busy_and_look, NULL, 0, &known);
	for (int i = 0; i < 40; i++)
		weft_await(io, &patient[i]);
	cr_assert_eq(weft_deinit(io), 0);
	cr_assert_eq(known, (UINT64_C(1) << 43) - 2, "%llx", (unsigned long long)known);
	open_file(&file, in_directory("trace.weft"));
	cr_assert_gt(load_relaxed(&file.header->lost_statuses), 0);
	cr_assert_eq(trace_file_dropped(&file), 0);
	trace_file_close(&file);
}

/* ---- killed under load ---- */

enum { KILLS = 50, RING = 2000, LINEAR = 200000, TURNS = 3000 };

static struct load *map_load(void)
{
	void *page = mmap(NULL, sizeof(struct load), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(page, MAP_FAILED);
	return page;
}

static uint64_t marks_of_all(struct load *load)
{
	uint64_t sum = 0;
	for (int f = 0; f < FIBERS; f++)
		/* Acquire: what is counted is in the trace. Pairs with: work. */
		sum += load_acquire(&load->marks[f]);
	return sum;
}

/* Kills a child process that runs the load once its fibers have marked `least` times. */
static void run_and_kill(const struct weft_options *options, struct load *load,
			 uint64_t least)
{
	int status;
	*load = (struct load){.turns = TURNS};
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		run_load(options, load);
		for (;;)
			pause();
	}
	while (marks_of_all(load) < least)
		sched_yield();
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Each fiber's last mark is the one that it counted, or one more; a linear trace has all before
 * it, and a ring those behind its first one. */
static void expect_marks(const struct trace_file *file, struct load *load)
{
	uint32_t first[FIBERS] = {0}, last[FIBERS] = {0}, count[FIBERS] = {0};
	for (uint32_t s = 0; s < trace_file_segments(file); s++)
		for (uint64_t i = 0; i < file->heads[s]; i++) {
			const struct trace_record *r = &trace_file_records(file, s)[i];
			if (r->type != TRACE_MARK)
				continue;
			uint32_t f = (uint32_t)(r->value >> 56);
			uint32_t number = (uint32_t)(r->value >> 32) & 0xFFFFFFu;
			cr_assert_lt(f, FIBERS);
			last[f] = number > last[f] ? number : last[f];
			first[f] =
				count[f] == 0 || number < first[f] ? number : first[f];
			count[f]++;
		}
	for (int f = 0; f < FIBERS; f++) {
		uint64_t counted =
			load_acquire(&load->marks[f]); /* its process is gone */
		if (count[f] == 0) {
			cr_assert(counted == 0 || file->window);
			continue;
		}
		cr_assert(last[f] == counted || last[f] == counted + 1,
			  "fiber %d counted %llu, the trace has %u", f,
			  (unsigned long long)counted, last[f]);
		cr_assert(file->window || first[f] == 1);
		cr_assert_eq(count[f], last[f] - first[f] + 1);
	}
}

static bool is_there(const char *path, uint64_t marks)
{
	struct trace_file file;
	struct trace_message why = {.text = ""};
	if (trace_file_open(&file, path, &why) == 0) {
		trace_file_close(&file);
		return true;
	}
	cr_assert_eq(marks, 0, "%s", why.text);
	return false;
}

static void kill_often(bool ring)
{
	struct load *load = map_load();
	const char *path = in_directory("trace.weft");
	struct weft_options options = {.workers = 2,
				       .trace_path = path,
				       .trace_records = ring ? RING : LINEAR,
				       .trace_mode = ring ? WEFT_TRACE_RING
							  : WEFT_TRACE_LINEAR};
	uint64_t random = 2026, windows = 0, statuses = 0;
	for (int kills = 0; kills < KILLS; kills++) {
		struct trace_file file;
		random = random * 6364136223846793005u + 1442695040888963407u;
		unlink(path);
		run_and_kill(&options, load,
			     kills % 10 == 0 ? 0 : (random >> 33) % 8000);
		if (!is_there(path, marks_of_all(load)))
			continue;
		open_file(&file, path);
		cr_assert_eq(trace_file_dropped(&file), 0);
		bool closed = trace_file_clean(&file) && marks_of_all(load) > 0;
		cr_assert(!closed || marks_of_all(load) == FIBERS * TURNS);
		expect_marks(&file, load);
		(void)expect_true_statuses(&file, &statuses);
		windows += file.window;
		trace_file_close(&file);
		expect_check(path, closed || marks_of_all(load) == 0
					   ? NULL
					   : "did not close the trace");
	}
	cr_assert_eq(windows > 0, ring);
}

Test(runtime, killed_under_load_has_all_but_the_last_records)
{
	SKIP_ON_TSAN("it lets no process start threads whose parent had some");
	kill_often(false);
}

Test(runtime, killed_under_load_a_ring_has_its_end)
{
	SKIP_ON_TSAN("it lets no process start threads whose parent had some");
	kill_often(true);
}
