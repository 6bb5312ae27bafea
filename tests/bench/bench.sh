#!/bin/sh
# bench.sh: builds and runs each benchmark of tests/bench/, one at a time. A benchmark prints
# tab-separated rows; they go to $BUILD/bench/NAME.tsv, the machine they come from to
# $BUILD/bench/machine, a plot of each to $BUILD/bench/NAME.svg where matplotlib is at hand.
#
# A folder's sources are one program, unless the folder has a build.sh, which makes it. run.sh, if
# there is one, runs it; rows.sh, if there is one, prints more rows.
#
# BENCH="NAME..." runs those only.
#
# With CI=true, where every peer is installed, a row without its peer is a failure.
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

# build FOLDER NAME: makes $BUILD/bench/NAME.
build() {
	if [ -e "$1build.sh" ]; then
		sh "$1build.sh" "$BUILD/bench/$2"
		return
	fi
	sources=$(find "$1" -name '*.c' -o -name '*.S' | sort)
	# A folder lists what else it is made of, beside the library.
	[ ! -e "$1sources" ] || sources="$sources $(cat "$1sources")"
	# shellcheck disable=SC2046,SC2086
	$CC $CFLAGS_ALL $sources "$BUILD/libweft.a" $peers $(peers_in_cpp "$1" "$2") \
		-lpthread -o "$BUILD/bench/$2"
}

# run FOLDER NAME: prints the rows.
run() {
	if [ -e "$1run.sh" ]; then
		sh "$1run.sh" "$BUILD/bench/$2"
	else
		"$BUILD/bench/$2"
	fi
	[ ! -e "$1rows.sh" ] || sh "$1rows.sh" "$BUILD/bench/$2"
}

# show NAME: the rows in columns; the last, the note, is as long as it likes.
show() {
	printf '\n%s\n' "$1"
	awk -F'\t' '{
		line = sprintf("%-26s", $1)
		for (i = 2; i < NF; i++)
			line = line sprintf(" %15s", $i)
		print line "  " $NF
	}' "$BUILD/bench/$1.tsv"
}

# plot NAME: draws the rows. Without matplotlib there is no picture, not an old one either.
plot() {
	picture=$BUILD/bench/$1.svg
	rm -f "$picture"
	PYTHONPATH=viz sh chapters/tools/python.sh -m weft_viz bench \
		"$BUILD/bench/$1.tsv" "$picture" --machine "$machine" || [ $? = 4 ]
}

# What a row says whose peer is missing.
skipped='not installed\|not measured'

refuse_skipped() {
	if [ "${CI:-}" = true ] && grep "$skipped" "$BUILD/bench/$1.tsv" >&2; then
		echo "$1: CI installs every peer, so none may be missing" >&2
		exit 1
	fi
}

[ -n "${BENCH:-}" ] || BENCH=$(cd tests/bench && echo */ | tr -d /)
for name in $BENCH; do
	folder=tests/bench/$name/
	[ -d "$folder" ] || { echo "bench: there is no $folder" >&2; exit 2; }
	build "$folder" "$name"
	run "$folder" "$name" >"$BUILD/bench/$name.tsv"
	show "$name"
	plot "$name"
	refuse_skipped "$name"
done
