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

# peers_in_cpp FOLDER NAME: compiles a folder's C++ peers, where that can be done here, and
# prints what links them.
peers_in_cpp() {
	for source in "$1"*.cpp; do
		[ -e "$source" ] || return 0
		g++ -O2 -c "$source" -o "$BUILD/bench/$2-peer.o" 2>/dev/null || return 0
	done
	links '-lboost_fiber -lboost_context' || return 0
	echo "-DHAVE_BOOST_FIBER $BUILD/bench/$2-peer.o -lboost_fiber -lboost_context -lstdc++"
}

for folder in tests/bench/*/; do
	name=$(basename "$folder")
	sources=$(find "$folder" -name '*.c' -o -name '*.S' | sort)
	# A folder lists what else it is made of, beside the library.
	[ ! -e "${folder}sources" ] || sources="$sources $(cat "${folder}sources")"
	# shellcheck disable=SC2046,SC2086
	$CC $CFLAGS_ALL $sources "$BUILD/libweft.a" $peers $(peers_in_cpp "$folder" "$name") \
		-lpthread -o "$BUILD/bench/$name"
	"$BUILD/bench/$name" >"$BUILD/bench/$name.tsv"
	[ ! -e "${folder}rows.sh" ] ||
		sh "${folder}rows.sh" "$BUILD/bench/$name" >>"$BUILD/bench/$name.tsv"
	printf '\n%s\n' "$name"
	awk -F'\t' '{ printf "%-26s %10s %10s %10s  %s\n", $1, $2, $3, $4, $5 }' \
		"$BUILD/bench/$name.tsv"
done
