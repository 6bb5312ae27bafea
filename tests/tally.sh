# tally.sh: what test scripts count. Sourced; it needs no other file.
# shellcheck shell=sh

passed=0 failed=0

# verdict CLAIM STATUS: counts one test and says so.
verdict() {
	if [ "$2" = 0 ]; then
		passed=$((passed + 1))
		echo "ok $1"
	else
		failed=$((failed + 1))
		echo "FAILED $1"
	fi
}

# that CLAIM COMMAND...: the command succeeds; if not, the end of what it said is shown.
that() {
	tally_claim=$1 tally_status=0 tally_log=$(mktemp)
	shift
	"$@" >"$tally_log" 2>&1 </dev/null || tally_status=1
	verdict "$tally_claim" "$tally_status"
	[ "$tally_status" = 0 ] || tail -n 60 "$tally_log" | sed 's/^/  | /'
	rm -f "$tally_log"
}

# add LOG: counts what its last line "N passed, N failed" says; a log without one failed. Fails
# when something in it did.
add() {
	tally_closing=$(sed -n 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed.*/\1 \2/p' "$1" |
		tail -n 1)
	tally_closing=${tally_closing:-0 1}
	passed=$((passed + ${tally_closing% *})) failed=$((failed + ${tally_closing#* }))
	[ "${tally_closing#* }" = 0 ]
}

# The closing line; fails when a test did.
finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
}
