#!/bin/sh
# mutants.sh [NAME...]: breaks the runtime on purpose, runs it, and has the trace checked: each
# mutant must be rejected by the invariant that is named for it. So the checker is checked.
#
# A mutant is a folder tests/mutants/NAME/ with
#   change.patch  a few lines, for patch -p1 in the repository's root
#   expect        "invariant K workers W": which invariant, and how many workers it takes;
#                 or "lint K workers W", where it breaks nothing and is only slow
# The driver on the runtime as it is must hold first, on as many workers. Copies, traces and
# verdicts stay in $BUILD/mutants/NAME/. TIMES=20 runs each mutant 20 times.
#
# Exits 77 when the library is built with a sanitizer, which would catch some of them first.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=chapters/tools/common.sh
. chapters/tools/common.sh

case ${CFLAGS_ALL:-} in
*-fsanitize*)
	echo 'skipped: a sanitizer would catch some of them first'
	exit 77
	;;
esac
: "${TIMES:=1}" "${CFLAGS_ALL:=-std=c17 -D_GNU_SOURCE -DWEFT_TRACING -O2 -g}"
passed=0 failed=0

# pass WORDS... and miss WORDS...: one line, and a count.
pass() {
	passed=$((passed + 1))
	echo "ok $*"
}
miss() {
	failed=$((failed + 1))
	echo "FAILED $*"
}

# build NAME: a copy of the library in $out, patched if NAME has a patch, and the driver on it.
build() {
	out=$BUILD/mutants/$1
	rm -rf "$out"
	mkdir -p "$out"
	cp -R src trace "$out/"
	if [ -e "tests/mutants/$1/change.patch" ]; then
		apply_patch "tests/mutants/$1/change.patch" "$out" || return 1
	fi
	# -w: what a mutant leaves unused is no matter.
	CFLAGS_ALL="$CFLAGS_ALL -w" \
		sh chapters/tools/compile.sh "$out/driver" "$out" tests/mutants/driver.c
}

run() {
	run_program env "WORKERS=$1" "$out/driver"
	check_trace
}

# The runtime as it is, on $1 workers.
try_whole() {
	run "$1"
	if [ "$checked" = 0 ] && [ "$verdict" = "exit 0" ]; then
		pass "unpatched, $1 workers: all hold"
	else
		miss "unpatched, $1 workers: $verdict"
		tail -n 20 "$out/check.txt"
	fi
}

# caught KIND K: whether the checker says what it should. A lint tells of one case at least.
caught() {
	case $1 in
	invariant) [ "$checked" = 1 ] && grep -q "^invariant $2 is broken" "$out/check.txt" ;;
	lint) grep -q "^lint $2 ([^)]*): [1-9]" "$out/check.txt" ;;
	esac
}

# A mutant, already built: NAME KIND K WORKERS.
try_mutant() {
	time=0 times_caught=0
	while [ "$time" -lt "$TIMES" ]; do
		time=$((time + 1))
		run "$4"
		if caught "$2" "$3"; then
			times_caught=$((times_caught + 1))
		fi
	done
	if [ "$times_caught" = "$TIMES" ]; then
		pass "$1: $2 $3"
	else
		miss "$1: $2 $3 caught it $times_caught times of $TIMES; the driver: $verdict"
		tail -n 20 "$out/check.txt"
	fi
}

mutate() {
	expected=$(first_line "tests/mutants/$1/expect") || expected=nothing
	# shellcheck disable=SC2086 # four words
	set -- "$1" $expected
	if [ $# != 5 ]; then
		miss "$1: cannot read its expect: $expected"
		return
	fi
	case "$2 $4" in
	'invariant workers' | 'lint workers') ;;
	*)
		miss "$1: cannot read its expect: $expected"
		return
		;;
	esac
	if ! build "$1"; then
		miss "$1: the patch does not apply, or does not compile: the code has changed since"
	else
		try_mutant "$1" "$2" "$3" "$5"
	fi
}

need_built "$BUILD/weft-trace" "$BUILD/run"
sh chapters/tools/need.sh compiler patch
if build unpatched; then
	for workers in 1 2 3; do
		try_whole "$workers"
	done
else
	miss 'unpatched: does not compile'
fi
if [ $# = 0 ]; then
	for mutant in tests/mutants/*/; do
		mutate "$(basename "$mutant")"
	done
else
	for mutant in "$@"; do
		mutate "$mutant"
	done
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
