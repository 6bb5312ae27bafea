#!/bin/sh
# build.sh PROGRAM: makes the benchmark: PROGRAM and, beside it, PROGRAM-yield and
# PROGRAM-yield-compiled-out, the same source with a library that was compiled without
# WEFT_TRACING. Fails if a TRACE that is compiled out leaves a trace in the machine code.
set -eu

: "${BUILD:=build}" "${CC:=cc}"
program=$1
folder=tests/bench/trace

# compile SOURCE OBJECT FLAGS...
compile() {
	source=$1 object=$program-$2.o
	shift 2
	# shellcheck disable=SC2086
	$CC $CFLAGS_ALL -I$folder "$@" -c "$source" -o "$object"
}

compile $folder/loop.c traced -DLOOP=loop_traced
compile $folder/loop.c compiled-out -DLOOP=loop_compiled_out -UWEFT_TRACING
compile $folder/loop.c without -DLOOP=loop_without -UWEFT_TRACING -DLOOP_WITHOUT_TRACE
for loop in compiled-out without; do
	objcopy -O binary -j .text "$program-$loop.o" "$program-$loop.text"
done
if [ ! -s "$program-without.text" ] ||
	! cmp "$program-compiled-out.text" "$program-without.text" >&2; then
	echo 'trace: a TRACE that is compiled out leaves something in the machine code' >&2
	exit 1
fi

peer=
if compile $folder/lttng_loops.c lttng 2>/dev/null &&
	echo 'int main(void) { return 0; }' >"$program-probe.c" &&
	$CC "$program-probe.c" -llttng-ust -o "$program-probe" 2>/dev/null; then
	peer="-DHAVE_LTTNG $program-lttng.o -llttng-ust"
fi
# shellcheck disable=SC2086
$CC $CFLAGS_ALL -I$folder $folder/trace_bench.c "$program-traced.o" "$program-compiled-out.o" \
	"$program-without.o" "$BUILD/libweft.a" $peer -lpthread -lm -o "$program"

# shellcheck disable=SC2086
$CC $CFLAGS_ALL -I$folder $folder/yield.c "$BUILD/libweft.a" -lpthread -o "$program-yield"
# shellcheck disable=SC2086
$CC $CFLAGS_ALL -UWEFT_TRACING -I$folder $folder/yield.c src/*/*.c src/*/*.S -lpthread \
	-o "$program-yield-compiled-out"
