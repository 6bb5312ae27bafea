/* run [-t SECONDS] [-o FILE] PROGRAM ARGUMENT...: runs a program that may crash or
 * hang, and says on standard output, in one line, how it ended:
 *
 *   exit 3         it ended by itself
 *   signal SEGV    a signal ended it
 *   timeout        the watchdog ended it, after SECONDS (10)
 *
 * Exits 0 when it could run the program, however that ended; 127 when it could not; 2
 * when its own arguments are off.
 *
 * The program's output goes to FILE, or to standard error, so that the verdict stands
 * alone. It reads nothing and leaves no core file. It gets a process group of its own,
 * and whatever is left of that group ends with it.
 *
 * The watchdog is SIGALRM: its handler kills the group, and the wait then sees the end
 * of the program as always. So no moment exists between looking and sleeping that it
 * could hit. Rejected: timeout(1), which macOS lacks and which does not tell a time-out
 * from an exit with 124. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_DEFAULT 10
#define SECONDS_MAX     86400
#define CANNOT_RUN      127

struct request {
	double seconds;
	const char *output; /* NULL: standard error */
	char *const *command;
};

/* For the handlers. `group` is 0 until there is one to kill. */
static volatile sig_atomic_t group, timed_out, interrupted_by;

static void on_alarm(int signal_number)
{
	(void)signal_number;
	timed_out = 1;
	kill(-(pid_t)group, SIGKILL);
}

/* Somebody ends us: the program, in its own group, has not heard of it. */
static void on_interrupt(int signal_number)
{
	interrupted_by = signal_number;
	if (group)
		kill(-(pid_t)group, SIGKILL);
}

static void handle(int signal_number, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	sigfillset(&action.sa_mask);
	sigaction(signal_number, &action, NULL);
}

/* With 0 it stops the watchdog. */
static void watch(double seconds)
{
	struct itimerval timer = {.it_value.tv_sec = (time_t)seconds};
	timer.it_value.tv_usec =
		(suseconds_t)((seconds - (double)timer.it_value.tv_sec) * 1e6);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static int usage(void)
{
	fprintf(stderr, "usage: run [-t SECONDS] [-o FILE] PROGRAM ARGUMENT...\n");
	return 2;
}

static int read_arguments(int count, char **arguments, struct request *request)
{
	int option;
	while ((option = getopt(count, arguments, "+t:o:")) != -1) {
		char *end = NULL;
		if (option == 'o') {
			request->output = optarg;
			continue;
		}
		if (option != 't')
			return usage();
		request->seconds = strtod(optarg, &end);
		/* Less than a microsecond would switch the timer off. */
		if (*end || !(request->seconds >= 0.001) ||
		    request->seconds > SECONDS_MAX)
			return usage();
	}
	request->command = arguments + optind;
	return optind < count ? 0 : usage();
}

/* Opens the program's standard output; -1 after saying why not. */
static int open_output(const char *path)
{
	if (!path)
		return STDERR_FILENO;
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (file < 0)
		perror(path);
	return file;
}

/* The child's half. A byte in `failed` tells the parent that there is no program. */
static _Noreturn void become(char *const *command, int output, int failed)
{
	setpgid(0, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0});
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (dup2(nothing, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0)
		execvp(command[0], command);
	perror(command[0]);
	if (write(failed, "x", 1) != 1)
		perror("pipe");
	_exit(CANNOT_RUN);
}

/* Returns 0 with the program running in the group `group`, or -1 when it cannot run. */
static int start(char *const *command, int output)
{
	int failed[2];
	char byte;
	if (pipe(failed) < 0) {
		perror("pipe");
		return -1;
	}
	fcntl(failed[1], F_SETFD, FD_CLOEXEC);
	pid_t child = fork();
	if (child == 0) {
		close(failed[0]);
		become(command, output, failed[1]);
	}
	close(failed[1]);
	if (child > 0) {
		group = child;
		setpgid(child, child);
	}
	/* The program, once it runs, has closed its end: nothing to read. */
	int running = child > 0 && read(failed[0], &byte, 1) == 0;
	close(failed[0]);
	if (child < 0)
		perror("fork");
	else if (!running)
		waitpid(child, NULL, 0);
	return running ? 0 : -1;
}

/* Waits for the program and ends what it left behind. Its own process, dead and not yet
 * collected, keeps the number of the group from being given to another. */
static int finish(void)
{
	siginfo_t ended;
	int status = 0;
	waitid(P_PID, (id_t)group, &ended, WEXITED | WNOWAIT);
	watch(0);
	kill(-(pid_t)group, SIGKILL);
	waitpid((pid_t)group, &status, 0);
	return status;
}

static void print_signal(int number)
{
	static const struct {
		int number;
		const char *name;
	} known[] = {
		{SIGHUP, "HUP"},   {SIGINT, "INT"},   {SIGQUIT, "QUIT"},
		{SIGILL, "ILL"},   {SIGTRAP, "TRAP"}, {SIGABRT, "ABRT"},
		{SIGFPE, "FPE"},   {SIGKILL, "KILL"}, {SIGBUS, "BUS"},
		{SIGSEGV, "SEGV"}, {SIGPIPE, "PIPE"}, {SIGALRM, "ALRM"},
		{SIGTERM, "TERM"}, {SIGUSR1, "USR1"}, {SIGUSR2, "USR2"},
		{SIGSYS, "SYS"},   {SIGXCPU, "XCPU"}, {SIGXFSZ, "XFSZ"},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].number == number) {
			printf("signal %s\n", known[i].name);
			return;
		}
	printf("signal %d\n", number);
}

static void print_verdict(int status)
{
	if (WIFEXITED(status))
		printf("exit %d\n", WEXITSTATUS(status));
	else if (timed_out && WTERMSIG(status) == SIGKILL)
		printf("timeout\n");
	else
		print_signal(WTERMSIG(status));
}

int main(int count, char **arguments)
{
	struct request request = {.seconds = SECONDS_DEFAULT};
	if (read_arguments(count, arguments, &request) != 0)
		return 2;
	int output = open_output(request.output);
	if (output < 0)
		return CANNOT_RUN;

	handle(SIGINT, on_interrupt);
	handle(SIGTERM, on_interrupt);
	handle(SIGHUP, on_interrupt);
	handle(SIGALRM, on_alarm);
	if (start(request.command, output) < 0)
		return CANNOT_RUN;
	if (interrupted_by) /* before there was a group to kill */
		kill(-(pid_t)group, SIGKILL);
	watch(request.seconds);
	int status = finish();
	if (interrupted_by) {
		signal(interrupted_by, SIG_DFL);
		raise(interrupted_by);
	}
	print_verdict(status);
	return fflush(stdout) == 0 ? 0 : 1;
}
