#!/bin/sh
# rows.sh PROGRAM: more rows for the benchmark's table, as PROGRAM prints them: how many system
# calls a million warm spawns and awaits make. The program runs twice under strace, with them and
# without, and the row is the difference.
set -eu

program=$1
fibers=1000000

if ! command -v strace >/dev/null 2>&1; then
	printf 'system_calls\t-\t-\t-\tnot counted: strace is not installed\n'
	exit 0
fi

# All system calls of a run, from the last line of strace's table.
calls() {
	strace -f -c -U calls,name -o "$program.strace" "$program" warm "$1"
	awk '$2 == "total" { print $1 }' "$program.strace"
	rm -f "$program.strace"
}

without=$(calls 0)
with=$(calls "$fibers")
printf 'system_calls\t-\t-\t-\t%d in %d warm spawns and awaits\n' \
	"$((with - without))" "$fibers"
