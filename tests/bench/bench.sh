#!/bin/sh
# bench.sh: builds and runs each benchmark of tests/bench/, one at a time. A benchmark prints
# tab-separated rows; they go to $BUILD/bench/NAME.tsv, the machine they come from to
# $BUILD/bench/machine, a plot of each to $BUILD/bench/NAME.svg where matplotlib is at hand.
set -eu

: "${BUILD:=build}" "${CC:=cc}"
mkdir -p "$BUILD/bench"
machine=$BUILD/bench/machine

cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1)
[ -n "$cpu" ] || cpu=$(uname -m)
cores=$(getconf _NPROCESSORS_ONLN)
compiler=$($CC --version | head -n 1)
echo "$cpu, $cores cores, $(uname -s) $(uname -r | cut -d. -f1,2), $compiler, -O2" >"$machine"
cat "$machine"

# Whether a program that uses this library links.
links() {
	echo 'int main(void) { return 0; }' >"$BUILD/bench/probe.c"
	# shellcheck disable=SC2086
	$CC "$BUILD/bench/probe.c" $1 -o "$BUILD/bench/probe" 2>/dev/null
}

peers=
if links -lboost_context; then
	peers='-DHAVE_BOOST -lboost_context'
fi

for folder in tests/bench/*/; do
	name=$(basename "$folder")
	sources=$(find "$folder" -name '*.c' -o -name '*.S' | sort)
	# shellcheck disable=SC2086
	$CC $CFLAGS_ALL $sources "$BUILD/libweft.a" $peers -lpthread -o "$BUILD/bench/$name"
	"$BUILD/bench/$name" >"$BUILD/bench/$name.tsv"
	printf '\n%s\n' "$name"
	awk -F'\t' '{ printf "%-26s %10s %10s %10s  %s\n", $1, $2, $3, $4, $5 }' \
		"$BUILD/bench/$name.tsv"
done
