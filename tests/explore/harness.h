/* harness.h: what each harness_*.c defines, for main.c. */
#ifndef WEFT_TESTS_EXPLORE_HARNESS_H
#define WEFT_TESTS_EXPLORE_HARNESS_H

#include "tests/explore/explorer.h"

extern const struct explore_harness harness;

#endif
