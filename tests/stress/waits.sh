#!/bin/sh
# waits.sh [all]: random waits of all kinds on 1, 2 and 4 workers, by seed (waits.c), with a floor for
# how much was done; then a shorter run whose trace weft-trace checks. Knobs: SEEDS ("1 2"), LIVES (of
# each of the 40 lines; 200), TOTAL (acts, in all runs together). all: 10^7 acts.
#
# PROGRAM, if set, is the program already built, perhaps with a sanitizer; then a report fails it.
set -eu
cd "$(dirname "$0")/../.."

[ "${1:-}" != all ] || : "${LIVES:=3000}" "${TOTAL:=10000000}"
: "${BUILD:=build}" "${SEEDS:=1 2}" "${LIVES:=200}" "${TIMEOUT:=300}" "${PROGRAM:=}"
runs=$(($(echo "$SEEDS" | wc -w) * 3))
: "${TOTAL:=$((runs * 40 * LIVES * 16))}"
acts=0
out=$BUILD/stress
mkdir -p "$out"
. tests/tally.sh

[ -n "$PROGRAM" ] || {
	PROGRAM=$out/waits
	sh chapters/tools/compile.sh "$PROGRAM" . tests/stress/waits.c
}

# run NAME VARIABLE=VALUE...: counts it, and its acts.
run() {
	name=$1
	shift
	if env "$@" timeout "$TIMEOUT" "$PROGRAM" >"$out/waits.txt" 2>&1; then
		verdict "$(tail -n 1 "$out/waits.txt")" 0
		done=$(sed -n 's/.*workers: \([0-9]*\) acts.*/\1/p' "$out/waits.txt")
		acts=$((acts + done))
	else
		verdict "$name" 1
		tail -n 40 "$out/waits.txt"
	fi
}

for seed in $SEEDS; do
	for workers in 1 2 4; do
		run "seed $seed, $workers workers" SEED="$seed" WORKERS="$workers" LIVES="$LIVES"
	done
done
echo "$acts acts; at least $TOTAL are wanted"
[ "$acts" -ge "$TOTAL" ] || verdict 'enough was tried' 1

if [ -x "$BUILD/weft-trace" ]; then
	for workers in 1 2 4; do
		run "traced, $workers workers" SEED=1 WORKERS="$workers" LIVES=20 \
			WEFT_TRACE="$out/waits.weft,400000"
		that "its trace holds" "$BUILD/weft-trace" check "$out/waits.weft"
	done
	rm -f "$out/waits.weft"
fi
finish
