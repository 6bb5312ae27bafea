#!/bin/sh
# run.sh: runs all tests, a line for each part, and closes with "N passed, N failed".
#
# The parts: the chapters' broken variants, exercises and rejected designs, Criterion by module, the
# scripts beside the tests, the fuzzing corpus, Python tests of viz and of the tools. A part that
# exits 77 lacks a tool and is skipped; with CI=true that is a failure. JOBS of them (as many as there
# are processors) run at a time, the longest first. The output of each is in $BUILD/test-logs/.
set -eu

: "${BUILD:=build}" "${JOBS:=$(getconf _NPROCESSORS_ONLN)}"
logs=$BUILD/test-logs
rm -rf "$logs"
mkdir -p "$logs/parts"
parts=0 passed=0 failed=0 skipped=0

# What the part's own closing line says: "passed failed".
count() {
	awk '
	/Synthesis:/ { gsub(/\033\[[0-9;]*m/, ""); gsub(/[^0-9 ]/, " "); passed += $2; failed += $1 - $2 }
	/^Ran [0-9]+ tests? in/ { ran = $2 }
	/^FAILED \(/ { line = $0; gsub(/[^0-9]+/, " ", line); n = split(line, parts, " ")
	               for (i = 1; i <= n; i++) bad += parts[i] }
	/^[0-9]+ passed, [0-9]+ failed/ { passed += $1; failed += $3 }
	/^ok / { oks++ }
	END {
		if (!passed && !ran && !failed) passed = oks
		print passed + ran - bad, failed + bad
	}' "$1"
}

# part NAME COMMAND...: one more to run. No word of it has a quote.
part() {
	parts=$((parts + 1))
	echo "$1" >"$logs/parts/$parts.name"
	shift
	printf "'%s' " "$@" >"$logs/parts/$parts.sh"
}

# Runs all parts, each to a file N.done: its exit status and how many seconds it took.
# shellcheck disable=SC2016 # for the inner shell
run_parts() {
	seq "$parts" | xargs -P "$JOBS" -I "{}" sh -c '
		cd "$1" && started=$(date +%s) && status=0
		sh "$2/parts/{}.sh" >"$2/$(cat "$2/parts/{}.name").log" 2>&1 </dev/null || status=$?
		echo "$status $(($(date +%s) - started))" >"$2/parts/{}.new"
		mv "$2/parts/{}.new" "$2/parts/{}.done"' sh "$PWD" "$logs"
}

# report NUMBER: one line, when the part has ended.
report() {
	while [ ! -e "$logs/parts/$1.done" ]; do
		kill -0 "$runner" 2>/dev/null || [ -e "$logs/parts/$1.done" ] || {
			echo 'the parts cannot be run; is there an xargs that knows -P?'
			exit 1
		}
		sleep 0.2
	done
	name=$(cat "$logs/parts/$1.name")
	read -r status seconds <"$logs/parts/$1.done"
	if [ "$status" = 77 ]; then
		skip "$name"
		return
	fi
	set -- $(count "$logs/$name.log")
	if [ "$status" != 0 ] && [ "$2" = 0 ]; then
		set -- "$1" 1 # it failed outside its tests
	elif [ "$status" = 0 ] && [ "$1" = 0 ]; then
		set -- 0 1 # it ran nothing
	fi
	passed=$((passed + $1)) failed=$((failed + $2))
	printf '%-28s %4d passed, %d failed  (%d s)\n' "$name" "$1" "$2" "$seconds"
	[ "$2" = 0 ] || tail -n 60 "$logs/$name.log"
}

skip() {
	reason=$(tail -n 1 "$logs/$1.log")
	printf '%-28s skipped: %s\n' "$1" "$reason"
	skipped=$((skipped + 1))
	[ "${CI:-}" != true ] || failed=$((failed + 1))
}

# uses PATTERN DIRECTORY: how many lines of its tests have it.
uses() {
	cat "tests/$2"/test_*.c | grep -c "$1" || true
}

# criterion NAME DIRECTORY PROGRAM: at least as many tests as its sources declare. EMULATOR, if
# set, runs the program, with the libraries under EMULATOR_ROOT.
criterion() {
	minimum=$(uses '^\(Test\|ParameterizedTest\|Theory\)(' "$2") left_out=
	if [ "${VALGRIND:-0}" = 1 ]; then
		minimum=$((minimum - $(uses 'SKIP_ON_VALGRIND(\|^LEFT_OUT_ON_VALGRIND(' "$2")))
		left_out=$(cat "tests/$2"/test_*.c |
			sed -n 's/^LEFT_OUT_ON_VALGRIND(\([a-z_]*\), \([a-z_]*\),.*/\1\/\2/p' |
			paste -s -d '|' -)
	fi
	[ "${TSAN:-0}" = 0 ] || minimum=$((minimum - $(uses 'SKIP_ON_TSAN(' "$2")))
	[ -z "${EMULATOR:-}" ] || minimum=$((minimum - $(uses '\<ON_EMULATOR\|SKIP_ON_EMULATOR(' "$2")))
	part "$1" env LEAVE_OUT="$left_out" sh tests/criterion.sh "$1" "$minimum" \
		${EMULATOR:+"$EMULATOR" -L "$EMULATOR_ROOT"} "$3"
}

all_criterion() {
	for program in "$BUILD"/tests/*; do
		[ -x "$program" ] || continue
		criterion "${program##*/}" "${program##*/}" "$program"
	done
}

if [ "${CRITERION_ONLY:-0}" = 0 ]; then
	for chapter in chapters/0[1-9]-*; do
		number=${chapter#chapters/0}
		number=${number%%-*}
		part "chapter-$number-broken" sh chapters/tools/broken.sh selftest "$number" \
			"${BROKEN_TIMES:-3}"
		part "chapter-$number-exercises" sh chapters/tools/exercise.sh selftest "$number"
		[ ! -d "$chapter/rejected" ] ||
			part "chapter-$number-rejected" sh chapters/tools/rejected.sh selftest "$number"
	done
	for script in tests/*/*.sh; do
		case $script in
		tests/check/* | tests/bench/* | tests/fresh/* | tests/platforms/*) continue ;;
		esac
		part "$(echo "${script#tests/}" | sed 's/\.sh$//; s/\//-/g')" sh "$script"
	done
	part fuzz-readers sh tests/fuzz/fuzz.sh readers
	for directory in tests/viz tests/tools; do
		part "${directory#tests/}-python" env PYTHONPATH=viz:chapters/tools \
			sh chapters/tools/python.sh -m unittest discover -s "$directory"
	done
fi
all_criterion

run_parts &
runner=$!
trap 'kill "$runner" 2>/dev/null || true' EXIT
for number in $(seq "$parts"); do
	report "$number"
done
wait "$runner"
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" = 0 ]
