#!/bin/sh
# sanitizers.sh: what tests/context/sanitizers.sh is for bare contexts, for fibers: each sanitizer
# accepts a correct program and finds the bug of each wrong one.
#
# SANITIZER_COMPILERS names the compilers to try, separated by spaces. Exits 77 when all that ran is well but a
# tool is missing.
set -eu
cd "$(dirname "$0")/../.."

compilers=${SANITIZER_COMPILERS:-gcc clang}
: "${MAKE:=make}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
skipped=
. tests/tally.sh
unset CFLAGS_ALL MAKEFLAGS

skip() {
	echo "skipped: $1"
	skipped=$1
}

# has COMPILER FLAG
has() {
	echo 'int main(void) { return 0; }' |
		"$1" "$2" -x c - -o "$work/empty" >/dev/null 2>&1 && "$work/empty" 2>/dev/null
}

# build NAME COMPILER VARIABLE=VALUE...: the library as the Makefile builds it, and the program.
build() {
	what=$1
	compiler=$2
	shift 2
	program=$work/$what/fiber/sanitized
	"$MAKE" --no-print-directory "BUILD=$work/$what" "CC=$compiler" OPT=-O1 WERROR=1 "$@" \
		"$program" >"$work/output" 2>&1 || judge 'builds' 1
}

# judge CLAIM STATUS
judge() {
	verdict "$what $1" "$2"
	[ "$2" = 0 ] || head -n 40 "$work/output"
}

# accepts PROGRAM...: each exits with 0, prints "done" and nothing else.
accepts() {
	for name in "$@"; do
		status=0
		timeout 60 "$program" "$name" >"$work/output" 2>&1 || status=$?
		[ "$(cat "$work/output")" = 'done' ] || status=1
		judge "accepts $name" "$status"
	done
}

# finds REPORT PROGRAM...: each fails, with the report.
finds() {
	report=$1
	shift
	for name in "$@"; do
		status=1
		timeout 60 "$program" "$name" >"$work/output" 2>&1 ||
			! grep -q "$report" "$work/output" || status=0
		judge "finds in $name: $report" "$status"
	done
}

check_address() {
	has "$1" -fsanitize=address,undefined || {
		skip "$1 has no ASan"
		return
	}
	build "$1-asan" "$1" \
		SANITIZE='-fsanitize=address,undefined -fno-omit-frame-pointer'
	export ASAN_OPTIONS=detect_stack_use_after_return=1
	accepts correct_alone correct_beside
	finds stack-buffer-overflow local
	finds heap-buffer-overflow heap
	finds stack-overflow deep
	finds stack-use-after-return returned
	# With that option ASan moves locals off the stack, and LSan does not find them there.
	export ASAN_OPTIONS=detect_stack_use_after_return=0
	accepts kept given_small given_large
	finds 'detected memory leaks' lost
}

# To a switch that orders, two fibers of one worker do not race; see src/context/annotate.h.
check_thread() {
	has "$1" -fsanitize=thread || {
		skip "$1 has no TSan"
		return
	}
	build "$1-tsan" "$1" SANITIZE=-fsanitize=thread
	accepts correct_alone correct_beside order turns
	finds 'data race' race
	build "$1-tsan-no-sync" "$1" SANITIZE=-fsanitize=thread \
		SANITIZE_LIBRARY='-DANNOTATE_TSAN -DANNOTATE_TSAN_FLAGS=__tsan_switch_to_fiber_no_sync'
	accepts correct_alone correct_beside
	finds 'data race' race order turns
}

for compiler in $compilers; do
	if ! command -v "$compiler" >/dev/null; then
		skip "$compiler is not installed"
		continue
	fi
	check_address "$compiler"
	# gcc's TSan has room for too few fibers.
	case $("$compiler" --version) in
	*clang*) check_thread "$compiler" ;;
	esac
done
finish || exit 1
[ -z "$skipped" ] || {
	echo "skipped: $skipped"
	exit 77
}
