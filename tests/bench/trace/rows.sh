#!/bin/sh
# rows.sh PROGRAM: more rows for the benchmark's table.
#
# What a yield takes with the trace on, off, and compiled out: three runs a round, in turn,
# medians of the rounds. A yield writes one SWITCH, so the differences, each taken within a
# round, are what an event adds to a program that does something else too. And how many
# system calls a million events make: the difference of two runs under strace.
set -eu

: "${BUILD:=build}"
program=$1
trace=$program-yield.weft
rounds=21 # odd: the median is one of them
events=1000000
goal_on=12 goal_off=0.5 # nanoseconds

trap 'rm -f "$trace" "$program.strace"' EXIT

round=0
while [ "$round" -lt "$rounds" ]; do
	round=$((round + 1))
	on=$("$program-yield" "$trace")
	off=$("$program-yield" "")
	out=$("$program-yield-compiled-out" "")
	echo "$on $off $out"
done >"$program-yield.rounds"
"$BUILD/weft-trace" check "$trace" >"$program-yield.check" || {
	echo 'trace: the trace of the yields is not whole:' >&2
	cat "$program-yield.check" >&2
	exit 1
}

# median EXPRESSION: of the rounds, whose columns are $1, $2 and $3.
median() {
	awk "{ print $1 }" "$program-yield.rounds" | sort -g | sed -n "$((rounds / 2 + 1))p"
}

# row NAME NANOSECONDS GOAL NOTE; a goal of 0 is none.
row() {
	awk -v name="$1" -v ns="$2" -v goal="$3" -v note="$4" 'BEGIN {
		goals = (goal > 0) ? sprintf("%s\t%.3f", goal, ns / goal) : "-\t-"
		printf "%s\t%.2f\t%s\t-\t-\t%s\n", name, ns, goals, note
	}'
}

# shellcheck disable=SC2016 # awk's columns
{
	row yield_traced "$(median '$1')" 0 'a yield among 1,000 fibers, the trace on'
	row yield_untraced "$(median '$2')" 0 'the same, the trace off'
	row yield_compiled_out "$(median '$3')" 0 'the same, without WEFT_TRACING'
	row yield_event_on "$(median '$1 - $2')" $goal_on \
		'what a SWITCH adds to a yield, its pages backed as it goes'
	row yield_event_off "$(median '$2 - $3')" $goal_off \
		'what a SWITCH that is off adds to a yield'
}

if ! command -v strace >/dev/null 2>&1; then
	printf 'system_calls\t-\t-\t-\t-\t-\tnot counted: strace is not installed\n'
	exit 0
fi

# All system calls of the thread that records, from the last line of strace's table.
calls() {
	strace -c -U calls,name -o "$program.strace" "$program" "$trace" write "$1"
	awk '$2 == "total" { print $1 }' "$program.strace"
}

printf 'system_calls\t-\t-\t-\t-\t-\t%d in %d events: each backs the next pages of the file\n' \
	"$(($(calls "$events") - $(calls 0)))" "$events"
