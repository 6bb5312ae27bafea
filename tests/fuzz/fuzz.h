/* fuzz.h: what the harnesses share.
 *
 * A harness is one file, fuzz_NAME.c, with libFuzzer's entry points. `make fuzz` links it
 * with libFuzzer, which makes inputs up and learns from the edges they reach; `make test`
 * links it with replay.c, which gives it the files of corpus/NAME/.
 *
 * A harness states more than "no crash": what a tool answers must be one of its exit
 * codes, what it prints must be text that does a terminal no harm, and text and file must
 * say the same thing. A statement that does not hold ends the process, as a crash does.
 *
 * The reader opens paths. memory.c stands in for the system calls below it, so that a
 * path is a buffer and a mapping is a block of exactly the file's size: ASan then sees a
 * read of the first byte behind it.
 *
 * Rejected: a file on a RAM disk. Its mapping ends with a page, which hides an overrun of
 * less than that, and each input costs a dozen system calls. */
#ifndef WEFT_TESTS_FUZZ_FUZZ_H
#define WEFT_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry points. The first is every harness's; the others as it needs them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *count, char ***words);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
			       unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/* What the tool that the harness stands for would have exited with, for the last input:
 * an enum trace_exit. replay.c prints it. */
extern int fuzz_code;

/* Whether every command is asked about every input. Only replay.c sets it. */
extern bool fuzz_thorough;

/* Prints one line and aborts, unless `holds`. */
#define DEMAND(holds, ...)                                                             \
	do {                                                                           \
		if (!(holds))                                                          \
			fuzz_fail(__VA_ARGS__);                                        \
	} while (0)
__attribute__((format(printf, 1, 2), noreturn)) void fuzz_fail(const char *format, ...);

/* Whether the text is UTF-8 without control characters other than line ends. */
bool fuzz_is_safe(const char *text, size_t length);

/* The same of a complaint, which is one line and not empty. */
void fuzz_demand_line(const char *who, const char *line);

/* ---- files in memory: memory.c ---- */

#define MEMORY_MOST (UINT64_C(1) << 20) /* bytes of a file; more is -EFBIG */

/* Makes the file `path` hold a copy of the bytes. `path` is a literal. */
void memory_write(const char *path, const void *bytes, size_t size);

/* Its bytes, until it is written or removed; NULL when there is none. */
const uint8_t *memory_read(const char *path, size_t *size);

/* ---- the commands: use.c ---- */

/* Opens the trace `path` and asks every command about it. Returns the code of check,
 * or EXIT_UNREADABLE for a file that is refused. */
int fuzz_use(const char *path);

/* Makes the trace `path` of text, and returns command_undump's code. What was made must
 * be readable, and must come out the same by dump and undump. */
int fuzz_undump(const char *path, const char *text, size_t length);

#endif
