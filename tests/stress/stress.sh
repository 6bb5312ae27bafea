#!/bin/sh
# stress.sh [all]: random trees of fibers on 1 to 4 workers, by seed, and crowds that cross from
# one worker to another, with floors for how much was tried. Knobs: SEEDS ("1 2 3"), SWITCHES (of
# each run's trees); MIGRATIONS and TOTAL (switches), in all runs together. all: 10^7 and 10^8.
#
# PROGRAM, if set, is the stress program already built, perhaps with a sanitizer; then a report
# fails it. VALGRIND=1 runs it under valgrind.
set -eu
cd "$(dirname "$0")/../.."

[ "${1:-}" != all ] || : "${SWITCHES:=3000000}" "${MIGRATIONS:=10000000}" "${TOTAL:=100000000}"
: "${BUILD:=build}" "${SEEDS:=1 2 3}" "${SWITCHES:=1000000}" "${MIGRATIONS:=10000}"
: "${TOTAL:=$SWITCHES}" "${TIMEOUT:=300}" "${PROGRAM:=}"
export SWITCHES PATIENCE=$((TIMEOUT / 3))
runs=$(($(echo "$SEEDS" | wc -w) * 4))
export CROSSINGS=$((MIGRATIONS / runs + 1))
passed=0 failed=0 switches=0 migrations=0
out=$BUILD/stress
mkdir -p "$out"

[ -n "$PROGRAM" ] || {
	PROGRAM=$out/stress
	sh chapters/tools/compile.sh "$PROGRAM" . tests/stress/stress.c
}
[ "${VALGRIND:-0}" = 0 ] ||
	PROGRAM="valgrind -q --error-exitcode=99 --leak-check=full $PROGRAM"

# number WORD: the number before that word in the program's last line.
number() {
	sed -n "s/.* \([0-9][0-9]*\) $1.*/\1/p" "$out/output.txt" | tail -n 1
}

for seed in $SEEDS; do
	for workers in 1 2 3 4; do
		# shellcheck disable=SC2086 # PROGRAM may be several words
		if SEED=$seed WORKERS=$workers timeout "$TIMEOUT" $PROGRAM \
			>"$out/output.txt" 2>&1 && [ "$(number switches)" -ge "$SWITCHES" ]; then
			passed=$((passed + 1))
			switches=$((switches + $(number switches)))
			migrations=$((migrations + $(number migrations)))
			echo "ok $(tail -n 1 "$out/output.txt")"
		else
			failed=$((failed + 1))
			echo "FAILED seed $seed, $workers workers:"
			tail -n 40 "$out/output.txt"
		fi
	done
done

echo "$switches switches, $migrations migrations; at least $TOTAL switches and" \
	"$MIGRATIONS migrations are wanted"
if [ "$migrations" -ge "$MIGRATIONS" ] && [ "$switches" -ge "$TOTAL" ]; then
	passed=$((passed + 1))
else
	failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
