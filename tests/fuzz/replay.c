/* replay.c: [-o DIRECTORY] FILE...: gives a harness the files, in the place of libFuzzer.
 * Prints a line for each, "PATH CODE", when it is done with it: where the process ends
 * early, the next of the files is the one that ended it. With -o, the trace that the
 * harness made of each goes to DIRECTORY, for other readers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

__attribute__((weak)) int LLVMFuzzerInitialize(int *count, char ***words)
{
	(void)count, (void)words;
	return 0;
}

/* A mutator is linked in but never called here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most)
{
	(void)data, (void)most;
	return size;
}

/* A block of exactly the file's size, the caller's to free; NULL when it cannot be read. */
static uint8_t *read_whole(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		return NULL;
	long length = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
	*size = length > 0 ? (size_t)length : 0;
	rewind(file);
	uint8_t *data = length >= 0 ? malloc(*size ? *size : 1) : NULL;
	if (data && fread(data, 1, *size, file) != *size) {
		free(data);
		data = NULL;
	}
	fclose(file);
	return data;
}

/* Every harness that makes a trace makes it under this name. */
static void write_trace(const char *directory, const char *from)
{
	char path[512];
	size_t size;
	const char *slash = strrchr(from, '/');
	const uint8_t *trace = memory_read("input", &size);
	snprintf(path, sizeof path, "%s/%s", directory, slash ? slash + 1 : from);
	FILE *file = trace ? fopen(path, "wb") : NULL;
	if (!file)
		return; /* text that makes none */
	DEMAND(fwrite(trace, 1, size, file) == size && fclose(file) == 0,
	       "%s cannot be written", path);
}

int main(int count, char **words)
{
	bool writes = count > 2 && strcmp(words[1], "-o") == 0;
	fuzz_thorough = true;
	LLVMFuzzerInitialize(&count, &words);
	for (int i = writes ? 3 : 1; i < count; i++) {
		size_t size;
		uint8_t *data = read_whole(words[i], &size);
		if (!data) {
			fprintf(stderr, "%s: cannot be read\n", words[i]);
			return 1;
		}
		fuzz_code = 0;
		LLVMFuzzerTestOneInput(data, size);
		free(data);
		if (writes)
			write_trace(words[2], words[i]);
		printf("%s %d\n", words[i], fuzz_code);
		fflush(stdout);
	}
	return 0;
}
