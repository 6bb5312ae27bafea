#!/bin/sh
# run.sh PROGRAM: runs PROGRAM while LTTng records its tracepoint, and prints its rows. The
# session's daemon is this script's own and ends with it; only where root has one already, for
# whom there is one place, that one is asked. What it records goes to a folder that is removed
# in the end. Where LTTng records nothing PROGRAM runs alone, and its row says so.
set -eu

program=$1
trace=$program.weft
session=weft_bench_$$
folder=
daemon=

clean_up() {
	if [ -n "$folder" ]; then
		lttng --no-sessiond destroy "$session" >/dev/null 2>&1 || true
	fi
	if [ -n "$daemon" ]; then
		kill "$daemon" 2>/dev/null || true
		wait "$daemon" 2>/dev/null || true
	fi
	[ -z "$folder" ] || rm -rf "$folder"
	rm -f "$trace"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

daemon_answers() {
	lttng --no-sessiond list >/dev/null 2>&1
}

start_daemon() {
	! daemon_answers || return 0
	lttng-sessiond --no-kernel >"$program-sessiond.log" 2>&1 &
	daemon=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		! daemon_answers || return 0
		sleep 0.2
	done
	return 1
}

# A channel with room for more than the warm-up's bytes on each core, so that none is lost.
start_session() {
	lttng --no-sessiond create "$session" --output="$folder/recorded" &&
		lttng --no-sessiond enable-channel --session="$session" --userspace \
			--subbuf-size=1M --num-subbuf=16 bench &&
		lttng --no-sessiond enable-event --session="$session" --userspace \
			--channel=bench weft_bench:on &&
		lttng --no-sessiond start "$session"
}

start_lttng() {
	command -v lttng-sessiond >/dev/null 2>&1 || return 1
	folder=$(mktemp -d)
	export LTTNG_HOME="$folder"
	start_daemon && start_session >"$program-lttng.log" 2>&1
}

# What LTTng recorded, for the row: the time of an event that is lost says nothing. The events
# are counted where there is a reader for them.
what_was_recorded() {
	lttng --no-sessiond stop "$session" >/dev/null
	lost=$(lttng --no-sessiond list "$session" | sed -n 's/.*[Dd]iscarded events: *//p')
	bytes=$(find "$folder/recorded" -name 'bench_*' -exec cat {} + | wc -c)
	for reader in babeltrace2 babeltrace; do
		! command -v "$reader" >/dev/null 2>&1 || {
			printf '%d recorded, ' "$("$reader" "$folder/recorded" | wc -l)"
			break
		}
	done
	echo "${lost:-unknown} discarded, $bytes bytes"
}

if start_lttng; then
	"$program" "$trace" >"$program.rows"
	awk -F'\t' -v OFS='\t' -v recorded="$(what_was_recorded)" \
		'$1 == "lttng_ust" { $NF = $NF ", " recorded } { print }' "$program.rows"
else
	"$program" "$trace"
fi
