#!/bin/sh
# musl.sh: the library, the portable tests and the demos with musl in the place of glibc: built
# with warnings as errors, linked statically, and run. What a demo recorded is checked, when
# $BUILD/weft-trace is there. Exits 77 without musl-gcc (Debian: musl-tools).
set -eu
cd "$(dirname "$0")/../.."

: "${BUILD:=build}"
command -v musl-gcc >/dev/null || { echo 'skipped: musl-gcc is not installed'; exit 77; }
out=$BUILD/musl
flags='-std=c17 -D_GNU_SOURCE -DWEFT_TRACING -O2 -Wall -Wextra -Wconversion -Wpedantic -Werror'
rm -rf "$out"
mkdir -p "$out"
. tests/tally.sh

# build PROGRAM SOURCE...: with the library.
build() {
	program=$1
	shift
	# shellcheck disable=SC2086 # flags are several words
	musl-gcc -static $flags -Isrc -I. src/*/*.c src/*/*.S trace/trace.c "$@" -lpthread \
		-o "$out/$program"
}

build tests tests/kqueue/*.c tests/context/registers_*.S
"$out/tests" | tee "$out/tests.log"
add "$out/tests.log" || true # counted

for demo in chapters/*/demo.c; do
	chapter=$(basename "$(dirname "$demo")")
	that "$chapter is built" build "$chapter" "$demo"
	that "$chapter runs" env WEFT_TRACE="$out/$chapter.weft" "$out/$chapter"
	[ ! -x "$BUILD/weft-trace" ] ||
		that "$chapter's trace holds" "$BUILD/weft-trace" check "$out/$chapter.weft"
done
finish
