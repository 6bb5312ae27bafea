#!/bin/sh
# kqueue.sh: the portable tests on this machine, built as on one that has no make: flat.sh's
# folder, and one command in it. Then once more under ASan and UBSan, where the compiler has them.
set -eu
cd "$(dirname "$0")/../.."

: "${CC:=cc}" "${BUILD:=build}"
flat=$BUILD/flat
. tests/tally.sh

# run NAME FLAGS...
run() {
	name=$1
	shift
	status=0
	# shellcheck disable=SC2086 # CC may be several words
	(cd "$flat" && $CC "$@" ./*.c ./*.S -lpthread && ./a.out) >"$flat/$name.log" 2>&1 || status=$?
	sed "s/^/$name: /" "$flat/$name.log"
	add "$flat/$name.log" || return 0 # counted
	[ "$status" = 0 ] || verdict "$name: it ended with $status all the same" 1
}

sh tests/platforms/flat.sh
run plain
echo 'int main(void) { return 0; }' >"$flat/empty.txt"
# shellcheck disable=SC2086
if $CC -fsanitize=address,undefined -x c "$flat/empty.txt" -o "$flat/empty" 2>/dev/null; then
	export ASAN_OPTIONS=detect_stack_use_after_return=1:handle_segv=0:handle_sigbus=0:handle_abort=0
	export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	run sanitized -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer
fi
finish
