#!/bin/sh
# kqueue_here.sh: the poller's file for kqueue, run on Linux by the portable tests of it and of what
# waits on it, with kqueue() and kevent() made of epoll (stand_in/). It shows that kqueue.c does what it says with a kernel
# that behaves as kqueue(2) describes; it shows nothing about a real one. Three times: with
# the filter EVFILT_USER for a bell, with a pipe for a bell, and where a pipe without a reader is
# answered as on NetBSD.
set -eu
cd "$(dirname "$0")/../.."

: "${CC:=cc}" "${BUILD:=build}"
[ "$(uname -s)" = Linux ] || { echo 'skipped: it needs epoll; a kqueue here is tested as it is'; exit 77; }
out=$BUILD/kqueue-here
rm -rf "$out"
mkdir -p "$out"
. tests/tally.sh
flags='-std=c17 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -Isrc -I.'
sources=$(ls src/*/*.c src/*/*.S | grep -v '^src/poller/')

# build NAME PROGRAM WORD...: words are flags and sources.
build() {
	name=$1 program=$2
	shift 2
	# shellcheck disable=SC2086 # lists of words
	$CC $flags -Itests/poller/stand_in "$@" $sources "$out/$name.o" \
		tests/poller/stand_in/kqueue.c -Wl,--wrap=close -lpthread -o "$out/$program"
}

# run NAME FLAGS...
run() {
	name=$1
	shift
	# shellcheck disable=SC2086
	$CC $flags -Itests/poller/stand_in "$@" -U__linux__ -c src/poller/kqueue.c \
		-o "$out/$name.o"
	build "$name" "$name" "$@" tests/kqueue/*.c tests/context/registers_*.S
	for group in poller waitqueue descriptors; do
		log=$out/$name-$group.log
		"$out/$name" $group: >"$log" 2>&1 || true # its closing line is counted
		sed "s/^/$name, $group: /" "$log"
		add "$log" || true # counted
	done
}

run user-filter
build user-filter refused tests/poller/stand_in/refused.c
that 'a refused direction leaves nothing on the list' "$out/refused"
run pipe -DWITHOUT_EVFILT_USER
run gone-is-ebadf -DGONE_IS_EBADF
finish
