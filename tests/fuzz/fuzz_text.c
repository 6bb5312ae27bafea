/* fuzz_text.c: the input is the text form of a trace. What undump makes of it can be
 * read, and dump and undump lead back to the same bytes. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_code = fuzz_undump("input", (const char *)data, size);
	return 0;
}
