/* io.c: operations on descriptors: try, and on EAGAIN wait for one's turn and try again.
 *
 * The life of an operation, and who makes each transition:
 *
 *   io_begin: has a use, may try -- the system call answers --> io_end
 *                                -- EAGAIN, io_again --> waits in turn, without a use
 *   waits -- its turn --> has a use and the turn, may try
 *   waits -- canceled, timed out, closed --> over
 *
 * While it waits it has no use, so that a close need not wait for it; the generation tells it
 * afterwards whether the number still is its own. */
#include <errno.h> /* for the names of the constants */
#include <limits.h>

#include "base/system.h"
#include "waitqueue/descriptor.h"
#include "waitqueue/turn.h"

/* On the stack of the fiber. Its own. */
struct io {
	struct weft *weft;
	struct descriptor *descriptor;
	int fd, direction;
	uint64_t use;  /* the generation, and what is known of the descriptor */
	uint64_t note; /* of the readiness, before the system call */
	bool has_turn;
};

static struct turns *turns_of(const struct io *io)
{
	return &io->descriptor->turns[io->direction];
}

/* As readiness_clear. */
static void clear(const struct io *io, uint64_t flags)
{
	readiness_clear(&turns_of(io)->readiness, use_generation(io->use), io->note,
			flags);
}

/* ---- uses ---- */

static void drop_use(struct io *io)
{
	/* A close's error is not ours: its closer has had its answer. */
	(void)descriptor_end_use(io->descriptor, io->fd);
}

/* A use of the generation that the operation began with; -EBADF. */
static int take_use(struct io *io, bool begins)
{
	uint64_t word;
	bool taken = use_take(&io->descriptor->use, &word);
	if (begins)
		io->use = word;
	if (taken && use_generation(word) == use_generation(io->use))
		return 0;
	drop_use(io);
	return -EBADF;
}

static void leave_turn(struct io *io)
{
	if (io->has_turn)
		descriptor_leave(scheduler_worker(io->weft), io->descriptor,
				 use_generation(io->use), io->direction);
	io->has_turn = false;
}

/* ---- waiting ---- */

/* Until it has the turn, or need not wait. Has no use meanwhile, and none on an error. */
static int wait_for_turn(struct io *io)
{
	struct worker *worker = scheduler_worker(io->weft);
	uint32_t generation = use_generation(io->use);
	struct one_wait wait;
	drop_use(io);
	wait_open(&wait, worker, WAIT_HEARS_ALL);
	struct waiter waiter = wait_waiter(&wait);
	enum turn_answer answer =
		descriptor_wait(worker, io->descriptor, io->fd, generation,
				io->direction, &waiter, io->has_turn);
	if (answer != TURN_WAITS) {
		wait_close(&wait);
		return answer == TURN_GOES ? take_use(io, false) : -EBADF;
	}
	io->has_turn = false;
	enum ticket_state outcome = wait_park(io->weft, &wait);
	io->has_turn = outcome == TICKET_WOKEN;
	if (io->has_turn)
		return take_use(io, false);
	descriptor_withdraw(scheduler_worker(io->weft), io->descriptor, io->direction,
			    &waiter, outcome);
	return wait_error(io->weft, outcome);
}

/* One more wait, or none: then the next system call is worth trying. On an error the operation is
 * over, and has neither a use nor the turn. */
static int wait_until_worth_trying(struct io *io)
{
	int error = wait_for_turn(io);
	if (error)
		leave_turn(io);
	io->note = readiness_note(&turns_of(io)->readiness);
	return error;
}

/* ---- an operation's beginning, middle and end ---- */

/* Has a use, and has not looked whether it is its turn; else the operation is over. */
static int io_enter(struct io *io, struct weft *weft, int fd, int direction)
{
	struct worker *worker = scheduler_worker_here(weft);
	if (!worker)
		return -EOWNERDEAD;
	*io = (struct io){.weft = weft, .fd = fd, .direction = direction};
	int error = wait_check(worker);
	if (!error)
		error = descriptor_of(weft, fd, &io->descriptor);
	return error ? error : take_use(io, true);
}

/* Returns 0 when the system call may be tried; else the operation is over. */
static int io_begin(struct io *io, struct weft *weft, int fd, int direction)
{
	int error = io_enter(io, weft, fd, direction);
	if (error)
		return error;
	io->note = readiness_note(&turns_of(io)->readiness);
	if (turn_is_free(io->note))
		return 0;
	return wait_until_worth_trying(io);
}

/* The system call has answered EAGAIN. As io_begin. */
static int io_again(struct io *io)
{
	int error = descriptor_watch(scheduler_worker(io->weft), io->descriptor, io->fd,
				     use_generation(io->use), io->direction);
	if (error) {
		drop_use(io);
		leave_turn(io);
		return error;
	}
	clear(io, READINESS_WORTH);
	return wait_until_worth_trying(io);
}

static void io_end(struct io *io)
{
	drop_use(io);
	leave_turn(io);
}

/* ---- the calls ---- */

static int wait_ready(struct weft *weft, int fd, int direction)
{
	struct io io;
	int error, ready;
	for (error = io_begin(&io, weft, fd, direction); !error;
	     error = io_again(&io)) {
		ready = system_is_ready(fd, direction == WRITING);
		if (ready == 0)
			continue;
		io_end(&io);
		return ready < 0 ? ready : 0;
	}
	return error;
}

int weft_wait_readable(struct weft *io, int fd)
{
	return wait_ready(io, fd, READING);
}

int weft_wait_writable(struct weft *io, int fd)
{
	return wait_ready(io, fd, WRITING);
}

/* 0: the call will not block. -EAGAIN: it would; or an error: nobody knows. */
static int ask(const struct io *io)
{
	if (io->use & USE_ADOPTED)
		return 0;
	int ready = system_is_ready(io->fd, io->direction == WRITING);
	if (ready == 0)
		return -EAGAIN;
	return ready < 0 ? ready : 0;
}

static int64_t try_read(struct io *io, void *buffer, size_t length)
{
	int error = ask(io);
	if (error)
		return error;
	int64_t got = system_read(io->fd, buffer, length);
	/* Less than there was room for: a stream has no more now, and the kernel tells when it
	 * has. At its end it stays ready. */
	if (got > 0 && (size_t)got < length && (io->use & USE_STREAM) &&
	    (io->note & (READINESS_HANGUP | READINESS_WATCHED)) == READINESS_WATCHED)
		clear(io, READINESS_READY);
	return got;
}

/* There is always that much. */
static ssize_t read_nothing(struct weft *weft, int fd, void *buffer)
{
	struct io io;
	int error = io_enter(&io, weft, fd, READING);
	if (error)
		return error;
	int64_t got = system_read(fd, buffer, 0);
	drop_use(&io);
	return (ssize_t)got;
}

ssize_t weft_read(struct weft *weft, int fd, void *buffer, size_t length)
{
	struct io io;
	int error;
	if (length == 0)
		return read_nothing(weft, fd, buffer);
	for (error = io_begin(&io, weft, fd, READING); !error; error = io_again(&io)) {
		int64_t got = try_read(&io, buffer, length);
		if (got == -EAGAIN)
			continue;
		io_end(&io);
		return (ssize_t)got;
	}
	return error;
}

static int64_t try_write(struct io *io, const void *buffer, size_t length)
{
	int error = ask(io);
	if (error)
		return error;
	/* A pipe that blocks takes so much at once when it says that it is ready. */
	if (!(io->use & USE_ADOPTED) && length > PIPE_BUF)
		length = PIPE_BUF;
	return system_write(io->fd, buffer, length);
}

ssize_t weft_write(struct weft *weft, int fd, const void *buffer, size_t length)
{
	struct io io;
	int error;
	for (error = io_begin(&io, weft, fd, WRITING); !error; error = io_again(&io)) {
		int64_t written = try_write(&io, buffer, length);
		if (written == -EAGAIN)
			continue;
		io_end(&io);
		return (ssize_t)written;
	}
	return error;
}
