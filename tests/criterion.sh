#!/bin/sh
# criterion.sh NAME MINIMUM PROGRAM [ARGS...]: runs a Criterion program and believes it only if
# it exits 0, ran at least MINIMUM tests, printed its closing line, and left no sanitizer or
# valgrind report. Criterion runs each test in a child and does not see what happens when the
# child ends: a leak found then, or a race reported on the way, would pass.
#
# VALGRIND=1 runs it under valgrind, without the tests in LEAVE_OUT ("suite/name|...").
# TIMEOUT is in seconds for one test (60; 600 in valgrind), and does not end one that sleeps:
# Criterion counts the time that it computes. WHOLE is for all of them together (900; 3,600).
set -eu

name=$1 minimum=$2
shift 2
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT

log="log_path=$reports/report"
export ASAN_OPTIONS="detect_stack_use_after_return=1:handle_segv=0:handle_abort=0:$log:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:handle_segv=0:$log"
export LSAN_OPTIONS="$log"
export TSAN_OPTIONS="handle_segv=0:handle_abort=0:$log:${TSAN_OPTIONS:-}"

if [ "${VALGRIND:-0}" = 1 ]; then
	# fair-sched: else a thread that waits in a loop may keep the others out for minutes.
	set -- valgrind -q --fair-sched=try --trace-children=yes --leak-check=full \
		--show-leak-kinds=definite --errors-for-leak-kinds=definite \
		--log-file="$reports/report.%p" "$@" --timeout "${TIMEOUT:-600}"
	[ -z "${LEAVE_OUT:-}" ] || set -- "$@" --filter "!(@($LEAVE_OUT))"
else
	set -- "$@" --timeout "${TIMEOUT:-60}"
fi

if [ "${VALGRIND:-0}" = 1 ]; then whole=${WHOLE:-3600}; else whole=${WHOLE:-900}; fi
status=0
timeout "$whole" "$@" >"$reports/output" 2>&1 </dev/null || status=$?
cat "$reports/output"
[ "$status" != 124 ] || echo "$name: not done after $whole s: a test hangs, or WHOLE is too small"

ran=$(sed -n 's/.*Synthesis: .*Tested: .*\[0*;*3*4*m*\([0-9][0-9]*\).*/\1/p; s/.*Synthesis: Tested: *\([0-9][0-9]*\).*/\1/p' \
	"$reports/output" | tail -n 1)
for report in "$reports"/report*; do
	[ -s "$report" ] || continue
	# epoll_pwait2, which older valgrinds do not know; the poller then does without.
	[ "${VALGRIND:-0}" = 0 ] ||
		sed -i '/WARNING: unhandled .*syscall: 441$/,/bug_reports\.html/d' "$report"
	[ -s "$report" ] || continue
	echo "$name: a sanitizer or valgrind reports:"
	head -n 40 "$report"
	status=97
done
if [ -z "$ran" ]; then
	echo "$name: Criterion's closing line is missing"
	status=98
elif [ "$ran" -lt "$minimum" ]; then
	echo "$name: only $ran tests ran; its sources hold $minimum"
	status=96
fi
exit "$status"
