#!/bin/sh
# overflow.sh: what a program does that runs over the end of a fiber's stack, seen from outside:
# the report, the signal it dies of, and its neighbour's memory, read from a shared file.
#
# Exits 77 when the library is built with a sanitizer, which handles these signals itself.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
: "${CC:=cc}"
: "${CFLAGS_ALL:=-std=c17 -D_GNU_SOURCE -DWEFT_TRACING -O2 -g -Wall -Wextra}"
case $CFLAGS_ALL in
*-fsanitize*)
	echo 'skipped: sanitizers handle these signals themselves'
	exit 77
	;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# run WHAT WORKERS: leaves what it printed in $work/{output,errors}, its status in $status, and
# what it wrote into shared memory in $handled and $intact. A program that a signal ends is not
# to leave a core file.
run() {
	label="$1, $2 workers"
	rm -f "$work/shared"
	status=0
	{
		(ulimit -c 0 && exec "$work/child" "$1" "$2" "$work/shared") \
			>"$work/output" 2>"$work/errors" || status=$?
	} 2>/dev/null
	handled=$(od -An -tu1 -j0 -N1 "$work/shared" | tr -d ' ')
	intact=$(od -An -tu1 -j1 -N1 "$work/shared" | tr -d ' ')
}

# expect WHAT CONDITION...: for test(1).
expect() {
	claim=$1
	shift
	if [ "$@" ]; then
		passed=$((passed + 1))
		echo "ok $label: $claim"
	else
		failed=$((failed + 1))
		echo "FAILED $label: $claim ($*)"
		cat "$work/output" "$work/errors"
	fi
}

# The report names the fiber, its number, its bounds, and an address in its guard.
expect_report() {
	read -r _ number low high <"$work/output"
	text="weft: stack overflow in fiber $number (digger): its stack is $low to $high, it touched "
	expect "names the fiber, its number and bounds" "$(grep -cF "$text" "$work/errors")" = 1
	touched=$(sed -n 's/.*it touched \(0x[0-9a-f]*\);.*/\1/p' "$work/errors")
	page=$(getconf PAGESIZE)
	expect "the address is in its guard" $((${touched:-0} < low && ${touched:-0} >= low - page)) = 1
	expect "in one line" "$(wc -l <"$work/errors")" -eq 1
}

sh "$root/chapters/tools/compile.sh" "$work/child" "$root" "$root/tests/fiber/overflow_child.c"

segv=139 # 128 and SIGSEGV
for workers in 1 2; do
	for what in overflow late protected; do
		run "$what" "$workers"
		expect "dies of the signal" "$status" = $segv
		expect_report
		expect "its neighbour is intact" "$intact" = 1
	done

	run kept "$workers"
	expect "dies of the signal" "$status" = $segv
	expect "nobody reports it" "$(grep -c 'stack overflow' "$work/errors")" = 0

	run null "$workers"
	expect "dies of the signal" "$status" = $segv
	expect "is not called an overflow" "$(grep -c 'stack overflow' "$work/errors")" = 0

	run handled "$workers"
	expect "the program's handler ended it" "$status" = 7
	expect "the program's handler ran" "$handled" = 1
	expect "is not called an overflow" "$(grep -c 'stack overflow' "$work/errors")" = 0

	run sent "$workers"
	expect "dies of the signal" "$status" = $segv
	expect "is not called an overflow" "$(grep -c 'stack overflow' "$work/errors")" = 0
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
