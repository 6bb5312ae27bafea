#include "tests/faults/scenarios.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/faults/inject.h"
#include "weft.h"

enum { US = 1000, MS = 1000000 };

/* ---- complaining ---- */

static struct {
	const char *name;
	uint32_t workers;
	int to; /* a copy of descriptor 2; 0: none yet */
} current;

void scenario_begin(const char *name, uint32_t workers)
{
	current.name = name;
	current.workers = workers;
	if (!current.to)
		current.to = fcntl(2, F_DUPFD_CLOEXEC, 100);
}

static _Noreturn void complain(const char *what)
{
	char plan[200], text[800];
	inject_describe(plan, sizeof plan);
	int length = snprintf(text, sizeof text, "faults: %s, %u workers; %s: %s\n",
			      current.name, (unsigned)current.workers, plan, what);
	(void)inject_real_write(current.to, text, (size_t)length);
	abort();
}

void scenario_wrong(const char *format, ...)
{
	char what[400];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	complain(what);
}

void scenario_hangs(void)
{
	complain("it hangs");
}

/* ---- a runtime around a body ---- */

/* The first error counts. */
static void note(int *error, int64_t answer)
{
	if (answer < 0 && *error == 0)
		*error = (int)answer;
}

/* Why there was no fiber, no thread or no watch is told, and what to do. */
static void check_shortage(struct weft *io, int error)
{
	if ((error == -EAGAIN || error == -ENOSPC) && !*weft_shortage(io))
		scenario_wrong("%s, and weft_shortage is silent", weft_strerror(error));
}

static void see_works(struct weft *io);

static void end(struct weft *io)
{
	int error;
	/* What has told its end may be alive for a moment. */
	while ((error = weft_deinit(io)) == -EBUSY)
		weft_yield(io);
	if (error)
		scenario_wrong("weft_deinit: %s", weft_strerror(error));
}

static bool spares_init;

void scenario_spare_init(bool spare)
{
	spares_init = spare;
}

static int with_runtime(struct weft_options options, uint32_t workers,
			int (*body)(struct weft *io))
{
	struct weft *io;
	options.workers = workers;
	if (spares_init)
		inject_pause();
	int error = weft_init(&io, &options);
	if (spares_init)
		inject_resume();
	if (error) {
		if (io)
			scenario_wrong("weft_init failed, and there is a runtime");
		return error;
	}
	error = body(io);
	check_shortage(io, error);
	inject_pause();
	see_works(io);
	inject_resume();
	end(io);
	return error;
}

static const struct weft_options untraced = {.trace_path = ""};

/* ---- fibers ---- */

struct range {
	int from, to;
};

static void add_range(struct weft *io, const void *context, void *result)
{
	const struct range *range = context;
	if (range->to - range->from == 1) {
		weft_yield(io);
		*(int *)result = range->from;
		return;
	}
	int middle = (range->from + range->to) / 2, sums[2] = {0, 0};
	struct range halves[2] = {{range->from, middle}, {middle, range->to}};
	struct weft_future futures[2];
	for (int i = 0; i < 2; i++)
		weft_async(io, &futures[i], add_range, &halves[i], sizeof halves[i],
			   &sums[i]);
	for (int i = 0; i < 2; i++)
		weft_await(io, &futures[i]);
	*(int *)result = sums[0] + sums[1];
}

enum { LARGE = 6, LARGE_BYTES = 3000 };

static void add_bytes(struct weft *io, const void *context, void *result)
{
	const unsigned char *bytes = context;
	int sum = 0;
	(void)io;
	for (int i = 0; i < LARGE_BYTES; i++)
		sum += bytes[i];
	*(int *)result = sum;
}

/* Arguments that do not fit into a slot. */
static int run_large(struct weft *io)
{
	unsigned char bytes[LARGE_BYTES];
	struct weft_future futures[LARGE];
	int error = 0, sums[LARGE], answers[LARGE];
	for (int i = 0; i < LARGE; i++) {
		memset(bytes, i, sizeof bytes);
		answers[i] = weft_concurrent(io, &futures[i], add_bytes, bytes,
					     sizeof bytes, &sums[i]);
		check_shortage(io, answers[i]);
		note(&error, answers[i]);
	}
	for (int i = 0; i < LARGE; i++) {
		if (answers[i])
			continue;
		weft_await(io, &futures[i]);
		if (sums[i] != i * LARGE_BYTES)
			scenario_wrong("a fiber's arguments are not what they were");
	}
	return error;
}

static int fibers(struct weft *io)
{
	struct weft_future future;
	struct range all = {0, 16};
	int sum = 0;
	weft_async(io, &future, add_range, &all, sizeof all, &sum);
	weft_await(io, &future);
	if (sum != 120)
		scenario_wrong("the sum is %d", sum);
	return run_large(io);
}

/* ---- reading and writing ---- */

enum { TALK_BYTES = 9000, WRITE_BYTES = 2000, READ_BYTES = 1300 };

struct end {
	int fd;
	bool adopts;
	int error;
	size_t moved;
};

static unsigned char byte_at(size_t at)
{
	return (unsigned char)(at * 7 % 251);
}

static void finish(struct weft *io, struct end *end)
{
	note(&end->error, weft_close(io, end->fd));
}

static void write_all(struct weft *io, const void *context, void *result)
{
	struct end *end = result;
	unsigned char bytes[WRITE_BYTES];
	(void)context;
	if (end->adopts)
		note(&end->error, weft_adopt(io, end->fd));
	while (!end->error && end->moved < TALK_BYTES) {
		size_t count = TALK_BYTES - end->moved;
		count = count < sizeof bytes ? count : sizeof bytes;
		for (size_t i = 0; i < count; i++)
			bytes[i] = byte_at(end->moved + i);
		ssize_t written = weft_write(io, end->fd, bytes, count);
		note(&end->error, written);
		if (written > 0)
			end->moved += (size_t)written;
		weft_yield(io);
	}
	finish(io, end);
}

static void check_bytes(const unsigned char *bytes, size_t count, size_t at)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] != byte_at(at + i))
			scenario_wrong("byte %zu is another", at + i);
}

static void read_all(struct weft *io, const void *context, void *result)
{
	struct end *end = result;
	unsigned char bytes[READ_BYTES];
	ssize_t got = 1;
	(void)context;
	if (end->adopts)
		note(&end->error, weft_adopt(io, end->fd));
	if (!end->error)
		note(&end->error, weft_wait_readable(io, end->fd));
	while (!end->error && got > 0) {
		got = weft_read(io, end->fd, bytes, sizeof bytes);
		note(&end->error, got);
		if (got <= 0)
			continue;
		check_bytes(bytes, (size_t)got, end->moved);
		end->moved += (size_t)got;
	}
	finish(io, end);
}

/* What was written is read, unless there was an error; the first is returned. */
static int judge(const struct end *reads, const struct end *writes)
{
	int error = reads->error;
	bool left = writes->error == -EPIPE || writes->error == -ECONNRESET;
	if (left && !error)
		scenario_wrong("the writer finds nobody who reads");
	if (!left)
		note(&error, writes->error);
	if (!error && (reads->moved != TALK_BYTES || writes->moved != TALK_BYTES))
		scenario_wrong("%zu bytes written and %zu read", writes->moved,
			       reads->moved);
	return error;
}

/* fds: where one fiber reads, and where another writes. Closes both. */
static int talk(struct weft *io, const int *fds, bool adopts)
{
	struct end reads = {.fd = fds[0], .adopts = adopts};
	struct end writes = {.fd = fds[1], .adopts = adopts};
	struct weft_future reader, writer;
	/* Each needs the other: as fibers, or not at all. */
	inject_pause();
	int error = weft_concurrent(io, &reader, read_all, NULL, 0, &reads);
	note(&error, weft_concurrent(io, &writer, write_all, NULL, 0, &writes));
	inject_resume();
	if (error)
		scenario_wrong("no fiber, without a fault");
	weft_await(io, &reader);
	weft_await(io, &writer);
	return judge(&reads, &writes);
}

static void make_pipe(int *fds)
{
	if (pipe2(fds, O_CLOEXEC) < 0 || fcntl(fds[1], F_SETPIPE_SZ, 4096) < 0)
		scenario_wrong("no pipe");
}

static int pipes(struct weft *io)
{
	int fds[2], error;
	make_pipe(fds);
	error = talk(io, fds, true);
	make_pipe(fds);
	note(&error, talk(io, fds, false));
	return error;
}

static int sockets(struct weft *io)
{
	int fds[2], error;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		scenario_wrong("no sockets");
	error = talk(io, fds, true);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		scenario_wrong("no sockets");
	note(&error, weft_adopt(io, fds[0]));
	if (!error)
		note(&error, weft_adopt(io, fds[0]));
	note(&error, weft_close(io, fds[0]));
	note(&error, weft_close(io, fds[1]));
	return error;
}

/* ---- closing with waiters ---- */

enum { WAITERS = 3 };

struct waits {
	int fd;
	int answer;
	_Atomic bool has_begun;
};

static void read_one(struct weft *io, const void *context, void *result)
{
	struct waits *waits = result;
	char byte;
	(void)context;
	atomic_store(&waits->has_begun, true);
	waits->answer = (int)weft_read(io, waits->fd, &byte, 1);
}

static int closing(struct weft *io)
{
	struct waits waits[WAITERS];
	struct weft_future futures[WAITERS];
	int fds[2], error = 0, answer;
	make_pipe(fds);
	note(&error, weft_adopt(io, fds[0]));
	for (int i = 0; i < WAITERS; i++) {
		waits[i].fd = fds[0];
		waits[i].has_begun = false;
		inject_pause();
		answer = weft_concurrent(io, &futures[i], read_one, NULL, 0, &waits[i]);
		inject_resume();
		if (answer)
			scenario_wrong("no fiber, without a fault");
	}
	for (int i = 0; i < WAITERS; i++)
		while (!atomic_load(&waits[i].has_begun))
			weft_yield(io);
	weft_yield(io);
	note(&error, weft_close(io, fds[0]));
	for (int i = 0; i < WAITERS; i++) {
		weft_await(io, &futures[i]);
		if (waits[i].answer >= 0)
			scenario_wrong("read something from nobody");
		if (waits[i].answer != -EBADF)
			note(&error, waits[i].answer);
	}
	answer = weft_close(io, fds[0]);
	if (answer != -EBADF)
		scenario_wrong("closed twice: %s", weft_strerror(answer));
	note(&error, weft_close(io, fds[1]));
	return error;
}

/* ---- time ---- */

static int sleep_a_little(struct weft *io, int64_t ns)
{
	int64_t start = weft_now(io, WEFT_CLOCK_AWAKE);
	int error = weft_sleep(io, weft_in(ns));
	if (!error && weft_now(io, WEFT_CLOCK_AWAKE) < start + ns)
		scenario_wrong("it has not slept for long enough");
	return error;
}

/* A read for which there will be nothing. */
static int read_until(struct weft *io, int fd, struct weft_timeout timeout)
{
	struct weft_deadline deadline;
	char byte;
	int error = weft_deadline_begin(io, &deadline, timeout);
	if (error)
		return error;
	int answer = (int)weft_read(io, fd, &byte, 1);
	int ended = weft_deadline_end(io, &deadline);
	if (answer >= 0)
		scenario_wrong("read something from nobody");
	if ((ended == -WEFT_EDEADLINE) != (answer == -WEFT_EDEADLINE))
		scenario_wrong("the read says %s and its scope %s",
			       weft_strerror(answer), weft_strerror(ended));
	return answer == -WEFT_EDEADLINE ? 0 : answer;
}

static int deadlines(struct weft *io)
{
	int fds[2], error = 0;
	make_pipe(fds);
	note(&error, sleep_a_little(io, 300 * US));
	note(&error, weft_sleep(io, weft_at(WEFT_CLOCK_REAL,
					    weft_now(io, WEFT_CLOCK_REAL) + 300 * US)));
	note(&error, weft_sleep(io, weft_at(WEFT_CLOCK_BOOT,
					    weft_now(io, WEFT_CLOCK_BOOT) + 300 * US)));
	note(&error, read_until(io, fds[0], weft_in(300 * US)));
	note(&error, read_until(io, fds[0], weft_in(-1)));
	note(&error, weft_close(io, fds[0]));
	note(&error, weft_close(io, fds[1]));
	return error;
}

enum { TIMERS = 40 };

static void sleep_so_long(struct weft *io, const void *context, void *result)
{
	const int64_t *ns = context;
	*(int *)result = sleep_a_little(io, *ns);
}

static int timers(struct weft *io)
{
	struct weft_future futures[TIMERS];
	int error = 0, answers[TIMERS];
	for (int i = 0; i < TIMERS; i++) {
		int64_t ns = i * 37 % 11 * 50 * US;
		weft_async(io, &futures[i], sleep_so_long, &ns, sizeof ns, &answers[i]);
	}
	for (int i = 0; i < TIMERS; i++) {
		weft_await(io, &futures[i]);
		note(&error, answers[i]);
	}
	return error;
}

/* ---- what blocks ---- */

enum { CALLS = 6 };

struct call {
	int in, out, answer;
};

static void multiply(void *argument)
{
	struct call *call = argument;
	call->out = call->in * 3;
}

static void offload_one(struct weft *io, const void *context, void *result)
{
	struct call *call = result;
	(void)context;
	call->answer = weft_offload(io, multiply, call);
	check_shortage(io, call->answer);
	if (!call->answer != (call->out == call->in * 3))
		scenario_wrong("a call that was offloaded: %s, and %d",
			       weft_strerror(call->answer), call->out);
}

static int offloads(struct weft *io)
{
	struct weft_future futures[CALLS];
	struct call calls[CALLS];
	int error = 0;
	for (int i = 0; i < CALLS; i++) {
		calls[i] = (struct call){.in = i + 1};
		weft_async(io, &futures[i], offload_one, NULL, 0, &calls[i]);
	}
	for (int i = 0; i < CALLS; i++) {
		weft_await(io, &futures[i]);
		note(&error, calls[i].answer);
	}
	return error;
}

struct signaled {
	int answer;
	_Atomic bool is_over;
};

static void wait_for_signal(struct weft *io, const void *context, void *result)
{
	static const int numbers[] = {SIGUSR2, SIGUSR1};
	struct signaled *signaled = result;
	(void)context;
	signaled->answer = weft_signal_wait(io, numbers, 2);
	atomic_store(&signaled->is_over, true);
}

static int signals(struct weft *io)
{
	struct weft_future future;
	struct signaled signaled = {0};
	inject_pause();
	int error = weft_concurrent(io, &future, wait_for_signal, NULL, 0, &signaled);
	inject_resume();
	if (error)
		scenario_wrong("no fiber, without a fault");
	while (!atomic_load(&signaled.is_over)) {
		(void)kill(getpid(), SIGUSR1); /* before Weft has it, it is ours */
		note(&error, weft_sleep(io, weft_in(50 * US)));
		weft_yield(io);
	}
	weft_await(io, &future);
	if (signaled.answer >= 0 && signaled.answer != SIGUSR1)
		scenario_wrong("signal %d has come", signaled.answer);
	note(&error, signaled.answer);
	return error;
}

/* ---- foreign threads ---- */

enum { SUBMITS = 4 };

struct visit {
	struct weft *io;
	int error, submitted;
	_Atomic int ran;
	_Atomic bool is_over;
};

static void count_one(struct weft *io, const void *context, void *result)
{
	_Atomic int *const *ran = context;
	weft_yield(io);
	atomic_fetch_add(*ran, 1);
	(void)result;
}

static void answer_question(struct weft *io, const void *context, void *result)
{
	weft_yield(io);
	*(int *)result = *(const int *)context + 1;
}

static void *visit(void *argument)
{
	struct visit *visit = argument;
	struct weft_foreign foreign;
	_Atomic int *ran = &visit->ran;
	int error = weft_attach(visit->io, &foreign);
	for (int i = 0; i < SUBMITS && !error; i++) {
		int answer = weft_submit(&foreign, count_one, &ran, sizeof ran, NULL);
		check_shortage(visit->io, answer);
		visit->submitted += !answer;
		note(&visit->error, answer);
		int question = i, told = 0;
		answer = weft_run(&foreign, answer_question, &question, &told);
		check_shortage(visit->io, answer);
		note(&visit->error, answer);
		if (!answer && told != i + 1)
			scenario_wrong("weft_run has another result");
	}
	note(&error, weft_detach(&foreign));
	if (error)
		scenario_wrong("attached, detached: %s", weft_strerror(error));
	atomic_store(&visit->is_over, true);
	return NULL;
}

static int foreign_threads(struct weft *io)
{
	struct visit visits = {.io = io};
	pthread_t thread;
	int error = 0;
	if (inject_real_thread(&thread, visit, &visits))
		scenario_wrong("no thread, without a fault");
	while (!atomic_load(&visits.is_over) ||
	       atomic_load(&visits.ran) < visits.submitted) {
		note(&error, weft_sleep(io, weft_in(50 * US)));
		weft_yield(io);
	}
	(void)pthread_join(thread, NULL);
	note(&error, visits.error);
	return error;
}

/* ---- traced ---- */

static int a_bit_of_all(struct weft *io)
{
	int fds[2], error = 0;
	struct call call = {.in = 1};
	weft_name(io, "main");
	note(&error, fibers(io));
	make_pipe(fds);
	note(&error, talk(io, fds, true));
	note(&error, sleep_a_little(io, 50 * US));
	offload_one(io, NULL, &call);
	note(&error, call.answer);
	return error;
}

/* What came to descriptor 2: nothing, or a line that says what to do. */
static void check_told(int fd)
{
	static const char begins[] = "weft: cannot write the trace ",
			  ends[] = "; running untraced\n";
	char text[1000];
	ssize_t length = pread(fd, text, sizeof text - 1, 0);
	text[length < 0 ? 0 : length] = '\0';
	size_t size = strlen(text);
	if (size == 0)
		return;
	if (!inject_may_tell())
		scenario_wrong("it is not traced: %s", text);
	if (strncmp(text, begins, sizeof begins - 1) || size < sizeof ends ||
	    strcmp(text + size - (sizeof ends - 1), ends) ||
	    strchr(text, '\n') != text + size - 1)
		scenario_wrong("told of the trace: %s", text);
	/* The file that is there is our last trace. */
	if (strstr(text, "without a text") || strstr(text, weft_strerror(-EEXIST)))
		scenario_wrong("the wrong reason is told: %s", text);
}

static int traced(uint32_t workers, enum weft_trace_mode mode)
{
	static const char memory[] = "/dev/shm"; /* much faster than a disk */
	char path[64];
	(void)snprintf(path, sizeof path, "%s/weft-faults-%ld.weft",
		       access(memory, W_OK) == 0 ? memory : "/tmp", (long)getpid());
	int told = memfd_create("told", MFD_CLOEXEC);
	if (told < 0 || dup2(told, 2) < 0)
		scenario_wrong("descriptor 2 cannot be replaced");
	int error = with_runtime((struct weft_options){.trace_path = path,
						       .trace_records = 300,
						       .trace_mode = mode},
				 workers, a_bit_of_all);
	inject_pause();
	check_told(told);
	(void)dup2(current.to, 2);
	(void)inject_real_close(told);
	inject_resume();
	return error;
}

/* The next run finds the file of this one, and replaces it. */
static int traced_linear(uint32_t workers)
{
	return traced(workers, WEFT_TRACE_LINEAR);
}

static int traced_ring(uint32_t workers)
{
	return traced(workers, WEFT_TRACE_RING);
}

/* ---- without faults ---- */

static void double_it(struct weft *io, const void *context, void *result)
{
	weft_yield(io);
	*(int *)result = *(const int *)context * 2;
}

static void see_works(struct weft *io)
{
	struct weft_future futures[3];
	int fds[2], results[3] = {0};
	for (int i = 0; i < 3; i++)
		weft_async(io, &futures[i], double_it, &i, sizeof i, &results[i]);
	for (int i = 0; i < 3; i++) {
		weft_await(io, &futures[i]);
		if (results[i] != i * 2)
			scenario_wrong("afterwards a fiber's result is another");
	}
	make_pipe(fds);
	int error = talk(io, fds, true);
	note(&error, sleep_a_little(io, 10 * US));
	if (error)
		scenario_wrong("afterwards, without a fault: %s", weft_strerror(error));
}

static int nothing(struct weft *io)
{
	(void)io;
	return 0;
}

void scenario_check(void)
{
	int error = with_runtime(untraced, 1, nothing);
	if (error)
		scenario_wrong("a runtime after it: %s", weft_strerror(error));
}

/* ---- the list ---- */

static int begin_and_end(uint32_t workers)
{
	return with_runtime(untraced, workers, nothing);
}

static int spawn_and_await(uint32_t workers)
{
	return with_runtime(untraced, workers, fibers);
}

static int spawn_protected(uint32_t workers)
{
	struct weft_options options = untraced;
	options.guard = WEFT_GUARD_PROTECT;
	return with_runtime(options, workers, fibers);
}

static int over_pipes(uint32_t workers)
{
	return with_runtime(untraced, workers, pipes);
}

static int over_sockets(uint32_t workers)
{
	return with_runtime(untraced, workers, sockets);
}

static int close_with_waiters(uint32_t workers)
{
	return with_runtime(untraced, workers, closing);
}

static int sleep_and_deadline(uint32_t workers)
{
	return with_runtime(untraced, workers, deadlines);
}

static int many_timers(uint32_t workers)
{
	return with_runtime(untraced, workers, timers);
}

static int offload(uint32_t workers)
{
	struct weft_options options = untraced;
	options.helpers = 2;
	return with_runtime(options, workers, offloads);
}

static int wait_for_signals(uint32_t workers)
{
	return with_runtime(untraced, workers, signals);
}

static int from_foreign_threads(uint32_t workers)
{
	return with_runtime(untraced, workers, foreign_threads);
}

/* Of weft_init, always: its memory, its two descriptors, and that one of them is watched. */
#define OF_INIT -ENOMEM, -EMFILE, -ENFILE, -ENOSPC

const struct scenario scenarios[] = {
	{"begin and end", begin_and_end, {OF_INIT}, false},
	{"spawn and await", spawn_and_await, {OF_INIT, -EAGAIN}, false},
	{"spawn, guards by page protection",
	 spawn_protected,
	 {OF_INIT, -EAGAIN},
	 false},
	{"pipes", over_pipes, {OF_INIT, -EIO}, false},
	{"socket pairs", over_sockets, {OF_INIT, -EIO}, false},
	{"close with waiters", close_with_waiters, {OF_INIT, -EIO}, false},
	{"sleep and deadline", sleep_and_deadline, {OF_INIT, -EIO}, false},
	{"many timers", many_timers, {OF_INIT}, false},
	{"offload", offload, {OF_INIT, -EAGAIN}, false},
	{"wait for signals", wait_for_signals, {OF_INIT, -EINVAL}, false},
	{"foreign threads", from_foreign_threads, {OF_INIT, -EAGAIN}, false},
	{"traced", traced_linear, {OF_INIT, -EAGAIN, -EIO}, true},
	{"traced, ring", traced_ring, {OF_INIT, -EAGAIN, -EIO}, true},
};
const size_t scenario_count = sizeof scenarios / sizeof scenarios[0];
