#!/bin/sh
# sanitizers.sh: the annotations of context/annotate.h work: each sanitizer accepts correct
# switches and finds a seeded bug on a context's stack.
#
# Exits 0 when all do, 1 when one does not, 77 when all that ran do but a tool is missing. CC
# names the compilers to try, separated by spaces.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
compilers=${CC:-gcc clang}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
skipped=0

skip() {
	echo "skipped: $1"
	skipped=77
}

# build NAME COMPILER FLAGS...: DWARF 4, since valgrind 3.19 cannot read clang's DWARF 5.
build() {
	name=$1
	compiler=$2
	shift 2
	"$compiler" -std=c17 -D_GNU_SOURCE -gdwarf-4 "$@" -I"$root/src" \
		"$root"/tests/context/sanitized.c "$root"/src/context/*.c \
		"$root"/src/context/*.S "$root"/src/base/*.c -o "$work/$name" -pthread
}

failed() {
	echo "FAILED: $1" >&2
	cat "$work/output" >&2
	status=1
}

# accepts WHAT COMMAND...: exits with 0, prints "done" and nothing else.
accepts() {
	what=$1
	shift
	if "$@" >"$work/output" 2>&1 && [ "$(cat "$work/output")" = done ]; then
		echo "ok $what"
	else
		failed "$what"
	fi
}

# finds WHAT REPORT COMMAND...: fails, with the report.
finds() {
	what=$1
	report=$2
	shift 2
	if ! "$@" >"$work/output" 2>&1 && grep -q "$report" "$work/output"; then
		echo "ok $what: $report"
	else
		failed "$what: no $report"
	fi
}

check_address() {
	if ! build asan "$1" -O1 -fsanitize=address,undefined 2>"$work/output"; then
		skip "$1 has no ASan"
		return
	fi
	export ASAN_OPTIONS=detect_stack_use_after_return=1
	accepts "$1 ASan accepts a ping-pong" "$work/asan" ping_pong
	accepts "$1 ASan accepts a context on two threads" "$work/asan" two_threads
	finds "$1 ASan" stack-buffer-overflow "$work/asan" overflow
	finds "$1 ASan" stack-use-after-return "$work/asan" returned
}

# gcc's TSan has a fixed and small number of contexts; clang's is the one in use.
check_thread() {
	if ! build tsan "$1" "$2" -fsanitize=thread 2>"$work/output"; then
		skip "$1 has no TSan"
		return
	fi
	accepts "$1 $2 TSan accepts a ping-pong" "$work/tsan" ping_pong
	accepts "$1 $2 TSan accepts a context on two threads" "$work/tsan" two_threads
	finds "$1 $2 TSan" 'data race' "$work/tsan" race
}

check_valgrind() {
	build plain "$1" -O1
	for program in ping_pong two_threads; do
		accepts "valgrind accepts $program" \
			valgrind -q --error-exitcode=1 --leak-check=full "$work/plain" $program
	done
}

for compiler in $compilers; do
	if ! command -v "$compiler" >/dev/null; then
		skip "$compiler is not installed"
		continue
	fi
	check_address "$compiler"
	case $("$compiler" --version) in
	*clang*)
		check_thread "$compiler" -O0
		check_thread "$compiler" -O2
		;;
	esac
done
if ! command -v valgrind >/dev/null; then
	skip 'valgrind is not installed'
elif ! echo '#include <valgrind/valgrind.h>' | cc -E - >/dev/null 2>&1; then
	skip 'the headers of valgrind are not installed'
else
	check_valgrind "${compilers%% *}"
fi
[ $status -ne 0 ] || status=$skipped
exit $status
