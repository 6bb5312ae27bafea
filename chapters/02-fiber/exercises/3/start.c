/* Exercise 2.3: a program that reads its own trace.
 *
 * It runs two fibers, ends the runtime, and reads the file that this left. trace/FORMAT.md says
 * where everything in it is. Nothing of Weft's own reader is used. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "weft.h"

#define RECORD_SIZE 32
#define MARK        7
#define AWAIT       10

/* Where the first record of the file lies, and how many there are. */
struct place {
	uint64_t offset, records;
};

/* ---- to be written ---- */

/* The `size` bytes at `bytes`, as a number. */
static uint64_t number_at(const unsigned char *bytes, int size)
{
	(void)size;
	return bytes[0];
}

/* Finds the segment of worker 0. */
static struct place find_records(FILE *file)
{
	(void)file;
	return (struct place){.offset = 4096, .records = 10};
}

/* Prints a line for an await and a mark, and nothing for any other record. */
static void print_record(const unsigned char *record)
{
	unsigned type = (unsigned)number_at(record, 1);
	if (type == AWAIT)
		printf("fiber %u awaits fiber %u, which has%s finished\n", 0u, 0u, "");
	if (type == MARK)
		printf("fiber %u marks the number %u\n", 0u, 0u);
}

/* ---- a run, and its trace ---- */

static void child(struct weft *io, const void *context, void *result)
{
	uint32_t number = *(const uint32_t *)context;
	weft_mark(io, "number", number);
	weft_yield(io);
	*(uint32_t *)result = number;
}

static int run(void)
{
	struct weft *io;
	struct weft_future future[2];
	uint32_t numbers[2] = {7, 305419896}, results[2];
	int error = weft_init(&io, NULL);
	if (error)
		return error;
	for (int i = 0; i < 2; i++)
		weft_async(io, &future[i], child, &numbers[i], sizeof numbers[i],
			   &results[i]);
	weft_await(io, &future[0]);
	weft_yield(io);
	weft_await(io, &future[1]);
	return weft_deinit(io);
}

static int print_trace(FILE *file)
{
	unsigned char record[RECORD_SIZE] = {0};
	struct place place = find_records(file);
	if (fseek(file, (long)place.offset, SEEK_SET) != 0)
		return 1;
	for (uint64_t i = 0; i < place.records; i++) {
		if (fread(record, RECORD_SIZE, 1, file) != 1)
			return 1;
		print_record(record);
	}
	printf("the last of all is of type %u\n", (unsigned)record[8]);
	return 0;
}

int main(void)
{
	const char *path = getenv("WEFT_TRACE");
	int error = run();
	FILE *file = path ? fopen(path, "rb") : NULL;
	if (error || !file) {
		printf("there is no trace to read\n");
		return 1;
	}
	int status = print_trace(file);
	fclose(file);
	return status;
}
