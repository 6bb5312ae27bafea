#!/bin/sh
# rows.sh PROGRAM: more rows for the benchmark's table: how many system calls a hop makes, of each
# side. Each runs twice under strace, with more hops and fewer, and the row is the difference.
set -eu

program=$1
few=100 many=10100

if ! command -v strace >/dev/null 2>&1; then
	printf 'hop_calls\t-\t-\t-\t-\t-\tnot counted: strace is not installed\n'
	exit 0
fi

# calls SIDE HOPS: all system calls of a run, from the last line of strace's table.
calls() {
	echo "hops 1 $2" | strace -f -c -U calls,name -o "$program.strace" "$program-$1" 1 >/dev/null
	awk '$2 == "total" { print $1 }' "$program.strace"
	rm -f "$program.strace"
}

for side in weft st limits; do
	[ -x "$program-$side" ] || continue
	name=$(echo "${side}_hop_calls" | sed 's/^weft_//; s/^limits_/limit_/')
	hops=$((2 * (many - few)))
	awk -v name="$name" -v calls="$(($(calls $side $many) - $(calls $side $few)))" -v hops="$hops" \
		'BEGIN { printf "%s\t-\t-\t-\t-\t-\t%.2f system calls a hop\n", name, calls / hops }'
done
