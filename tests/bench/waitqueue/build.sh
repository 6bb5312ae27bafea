#!/bin/sh
# build.sh PROGRAM: makes the benchmark: PROGRAM, which asks, and beside it PROGRAM-weft,
# PROGRAM-limits, and PROGRAM-st where State Threads is at hand.
set -eu

: "${BUILD:=build}" "${CC:=cc}"
program=$1
folder=tests/bench/waitqueue

# compile SIDE WHAT...
compile() {
	side=$1
	shift
	# shellcheck disable=SC2086
	$CC $CFLAGS_ALL -I$folder "$@" -lpthread -o "$program$side"
}

compile '' $folder/waitqueue_bench.c tests/bench/sides.c
compile -weft $folder/weft_side.c "$BUILD/libweft.a"
compile -limits $folder/limits_side.c
rm -f "$program-st"
if echo '#include <st.h>' | $CC -E - >/dev/null 2>&1; then
	compile -st $folder/st_side.c -lst
fi
