#!/bin/sh
# run.sh: runs all tests, a line for each part, and closes with "N passed, N failed".
#
# The parts: Criterion by module (and the context's once more at -O0 and -O3), golden traces,
# Python tests of viz, tests of the scripts, the chapters' exercises and broken variants, and
# what the README tells people to type. A part that exits 77 lacks a tool and is skipped; with
# CI=true that is a failure. The output of each part is in $BUILD/test-logs/.
set -eu

: "${BUILD:=build}"
logs=$BUILD/test-logs
rm -rf "$logs"
mkdir -p "$logs"
passed=0 failed=0 skipped=0

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

# part NAME COMMAND...
part() {
	name=$1
	shift
	status=0
	started=$(date +%s)
	"$@" >"$logs/$name.log" 2>&1 </dev/null || status=$?
	seconds=$(($(date +%s) - started))
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

# criterion NAME DIRECTORY PROGRAM: at least as many tests as its sources declare.
criterion() {
	minimum=$(cat "tests/$2"/test_*.c | grep -c '^\(Test\|ParameterizedTest\|Theory\)(')
	if [ "${VALGRIND:-0}" = 1 ]; then
		minimum=$((minimum - $(cat "tests/$2"/test_*.c |
			grep -c -e 'SKIP_ON_VALGRIND(' -e '^LEFT_OUT_ON_VALGRIND(' || :)))
		LEAVE_OUT=$(cat "tests/$2"/test_*.c |
			sed -n 's/^LEFT_OUT_ON_VALGRIND(\([a-z_]*\), \([a-z_]*\),.*/\1\/\2/p' |
			paste -s -d '|' -)
		export LEAVE_OUT
	fi
	part "$1" sh tests/criterion.sh "$1" "$minimum" "$3"
}

all_criterion() {
	for program in "$BUILD"/tests/*; do
		[ -x "$program" ] || continue
		criterion "${program##*/}" "${program##*/}" "$program"
	done
}

# The switch is compiled code and assembly that must agree at every level of optimisation.
context_at() {
	${MAKE:-make} --no-print-directory BUILD="$BUILD/$1" OPT="-$1" "$BUILD/$1/tests/context" \
		>"$logs/build-$1.log" 2>&1 || { cat "$logs/build-$1.log"; exit 1; }
	criterion "context at -$1" context "$BUILD/$1/tests/context"
}

all_criterion
if [ "${CRITERION_ONLY:-0}" = 0 ]; then
	context_at O0
	context_at O3
	for script in tests/*/*.sh; do
		case $script in
		tests/check/* | tests/bench/* | tests/fresh/*) continue ;;
		esac
		part "$(echo "${script#tests/}" | sed 's/\.sh$//; s/\//-/g')" sh "$script"
	done
	for directory in tests/viz tests/tools; do
		part "${directory#tests/}-python" env PYTHONPATH=viz:chapters/tools \
			sh chapters/tools/python.sh -m unittest discover -s "$directory"
	done
	for chapter in chapters/0[1-9]-*; do
		number=${chapter#chapters/0}
		number=${number%%-*}
		part "chapter-$number-exercises" sh chapters/tools/exercise.sh selftest "$number"
		part "chapter-$number-broken" sh chapters/tools/broken.sh selftest "$number" \
			"${BROKEN_TIMES:-3}"
	done
fi
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" = 0 ]
