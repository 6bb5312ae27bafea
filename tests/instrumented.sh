#!/bin/sh
# instrumented.sh asan | tsan | valgrind: builds with that tool into $BUILD/NAME/, runs the tests
# of the modules and the stress program under it, and closes with "N passed, N failed".
#
# `make asan` and its sisters call it. CC is the compiler: clang unless named, since gcc's TSan
# has room for too few fibers; valgrind takes any. Another compiler has a folder of its own.
# MODULES ("base context"), SWITCHES and MIGRATIONS (the stress's floors, all runs together)
# make it shorter. Skipped where the tool is missing, which with CI=true is a failure.
set -eu
cd "$(dirname "$0")/.."

: "${BUILD:=build}" "${MAKE:=make}" "${MODULES:=}"
tool=$1
. tests/tally.sh

skip() {
	echo "$tool: skipped: $1"
	[ "${CI:-}" != true ] || exit 1
	exit 0
}

# tell NAME LOG: counts it, and says how it closed; shows a log in which something failed.
tell() {
	if add "$2"; then
		echo "$1: $(tail -n 1 "$2")"
	else
		cat "$2"
		echo "$1: FAILED"
	fi
}

# under NAME FLOOR VARIABLE=VALUE...: builds into $BUILD/NAME/ with these variables of make, and
# runs all; FLOOR is how many switches the stress makes in its eight runs.
under() {
	name=$1 floor=${SWITCHES:-$2} folder=$BUILD/$1
	shift 2
	mkdir -p "$folder"
	rm -rf "$folder/tests" # run.sh runs all that is there
	[ -z "$MODULES" ] || set -- "$@" "MODULES=$MODULES"
	echo "$name: building in $folder"
	if ! "$MAKE" --no-print-directory "BUILD=$folder" "CC=$cc" OPT=-O1 WERROR=1 "$@" \
		criterion "$folder/stress/stress" "$folder/stress/waits" >"$folder/build.log" 2>&1; then
		tail -n 40 "$folder/build.log"
		echo "$name: FAILED: it does not build"
		failed=$((failed + 1))
		return
	fi
	CRITERION_ONLY=1 BUILD=$folder sh tests/run.sh >"$folder/modules.log" 2>&1 </dev/null || :
	grep ' passed, .* failed  (' "$folder/modules.log" || :
	tell "$name, modules" "$folder/modules.log"
	SEEDS='1 2' SWITCHES=$((floor / 8)) PROGRAM="$folder/stress/stress" BUILD=$folder \
		sh tests/stress/stress.sh >"$folder/stress.log" 2>&1 </dev/null || :
	grep ' switches, .* wanted$' "$folder/stress.log" || :
	tell "$name, stress" "$folder/stress.log"
	[ "${VALGRIND:-0}" = 0 ] || return 0 # it runs one thread at a time
	PROGRAM="$folder/stress/waits" BUILD=$folder sh tests/stress/waits.sh \
		>"$folder/waits.log" 2>&1 </dev/null || :
	tell "$name, waits" "$folder/waits.log"
}

cc=${CC:-clang}
command -v "${cc%% *}" >/dev/null 2>&1 ||
	skip "$cc is not installed (make $tool CC=... takes another compiler)"
of_compiler=
[ "$cc" = clang ] || of_compiler=-${cc%% *}

case $tool in
asan)
	: "${FAULTS_RUNS:=20}" # of a storm; each takes longer
	export FAULTS_RUNS
	under "asan$of_compiler" 10000000 \
		SANITIZE='-fsanitize=address,undefined -fno-omit-frame-pointer'
	;;
tsan)
	export TSAN=1
	# All but faults, whose wrappers stand where TSan's own are.
	: "${MODULES:=$(printf '%s\n' tests/*/test_*.c | sed 's/^tests\///; s/\/.*//' | sort -u |
		grep -vx faults | tr '\n' ' ')}"
	under "tsan$of_compiler" 1000000 SANITIZE=-fsanitize=thread
	# The second question of src/context/annotate.h: the library is not watched itself.
	under "tsan-no-sync$of_compiler" 1000000 SANITIZE=-fsanitize=thread \
		SANITIZE_LIBRARY='-DANNOTATE_TSAN -DANNOTATE_TSAN_FLAGS=__tsan_switch_to_fiber_no_sync'
	;;
valgrind)
	command -v valgrind >/dev/null 2>&1 || skip 'valgrind is not installed'
	export VALGRIND=1
	: "${MIGRATIONS:=100}" # it runs one thread at a time
	export MIGRATIONS
	# All that switch; the trace's tools do not, and take minutes. Not waitqueue: some of its tests
	# give the kernel memory that is not there, or count on deadlines that are kept.
	: "${MODULES:=base context poller fiber scheduler future}"
	under valgrind 100000
	;;
*)
	echo 'usage: instrumented.sh asan | tsan | valgrind' >&2
	exit 2
	;;
esac
finish
