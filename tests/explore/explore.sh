#!/bin/sh
# explore.sh [run]: all interleavings of the runtime's protocols, in the code as it is; what that
# means is in explorer.h. Each protocol has a harness_NAME.c beside this file.
#
# Without a word, as `make test` has it: the explorer's own tests (litmus.c), each protocol within
# small bounds, and every seeded bug. With "run", as `make explore` has it: the whole bounds. Prints
# a row for each search, which are also in $BUILD/explore/explore.tsv: "all" of the executions within
# the bounds were tried, or "some", as many as there stand. TxK is T threads of K operations.
#
# A seeded bug is bugs/PROTOCOL-NAME.patch: at most 3 lines of src/ taken out, and 3 put in. It
# is applied to a copy, and must be found within one of the bounds of `ladder`, which are tried
# from the first on; its row has the executions of all of them together.
#
# CC=clang explores what another compiler makes of it. PROTOCOLS="idle fresh" are explored alone.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=chapters/tools/common.sh
. chapters/tools/common.sh
# shellcheck source=tests/tally.sh
. tests/tally.sh

: "${CC:=cc}" "${PROTOCOLS:=rendezvous fresh ready injection idle
ticket cancel waiters timers job
readiness turn use close
}"
here=tests/explore
out=$BUILD/explore
flags="-std=c17 -D_GNU_SOURCE -g -Wall -Wextra -Wconversion -Wpedantic ${WERROR:+-Werror}"
watched='-O1 -fsanitize=thread'
# gcc warns of fences, which TSan does not know; TSan is not linked.
$CC --version | grep -q clang || watched="$watched -Wno-tsan"

# ---- bounds ----

# whole PROTOCOL: a line for each search.
whole() {
	case $1 in
	close)
		echo threads=2 operations=1
		echo threads=2 operations=2 preemptions=3
		echo threads=2 operations=2 executions=1000000
		echo threads=3 operations=1 preemptions=3
		echo threads=3 operations=1 executions=1000000
		;;
	*)
		echo threads=2 operations=2
		echo threads=3 operations=1
		;;
	esac
	echo threads=2 operations=1 weak=1
	echo threads=2 operations=2 weak=1 executions=500000
	echo threads=3 operations=2 executions=1000000
	echo threads=3 operations=2 weak=1 seed=1 executions=200000
	case $1 in
	turn | close) echo threads=4 operations=2 weak=1 seed=1 executions=200000 ;;
	esac
}

# small PROTOCOL: as many as there is time for in every `make test`.
small() {
	most=20000
	case $1 in
	turn | close) most=5000 ;;
	esac
	echo threads=2 operations=1 executions=$most
	echo threads=2 operations=2 executions=$most
	echo threads=3 operations=1 executions=$most
	echo threads=2 operations=1 weak=1 executions=$most
	echo threads=3 operations=2 weak=1 seed=1 executions=10000
}

# For a bug, what finds most at little cost first.
ladder() {
	echo threads=2 operations=1 executions=10000
	echo threads=2 operations=2 executions=5000
	echo threads=3 operations=2 seed=1 executions=10000
	echo threads=3 operations=2 weak=1 seed=1 executions=50000
	echo threads=4 operations=2 seed=1 executions=50000
	echo threads=3 operations=2 preemptions=1 executions=50000
	echo threads=2 operations=4 weak=1 seed=1 executions=50000
	echo threads=2 operations=1
	echo threads=2 operations=1 weak=1 executions=100000
	echo threads=2 operations=2 weak=1 executions=200000
	echo threads=3 operations=1 weak=1 executions=200000
}

# label BOUNDS: "2x2 strong", "3x2 weak, random".
label() {
	echo "$1" | sed 's/threads=\([0-9]*\) operations=\([0-9]*\)/\1x\2/; s/ executions=[0-9]*//
		/weak=1/!s/^[^ ]*/& strong/; s/weak=1/weak/; s/ seed=[0-9]*/, random/'
}

# ---- building ----

# The files of a protocol, under src/; the first is the one that it is called after.
protocol_files() {
	case $1 in
	rendezvous) echo future/rendezvous.h ;;
	ticket | cancel | waiters | timers | job) echo "waitqueue/$1.h" ;;
	readiness) echo waitqueue/readiness.h ;;
	turn) echo waitqueue/turn.h waitqueue/readiness.h waitqueue/waiters.h \
		waitqueue/ticket.h base/lock.h ;;
	use) echo waitqueue/use.h ;;
	close) echo waitqueue/use.h waitqueue/turn.h waitqueue/readiness.h \
		waitqueue/waiters.h waitqueue/ticket.h base/lock.h ;;
	*) echo "scheduler/$1.h" ;;
	esac
}

# The explorer, and what it needs of the runtime; none of it is watched.
build_explorer() {
	objects=
	for source in "$here"/[!hl]*.c src/context/*.c src/context/*.S src/base/assert.c \
		src/base/system_posix.c; do
		object=$out/$(basename "$source").o
		# shellcheck disable=SC2086 # flags are several words
		$CC $flags -O2 -Isrc -I. -c "$source" -o "$object"
		[ "$source" = "$here/main.c" ] || objects="$objects $object"
	done
}

# link SOURCE ROOT OUTPUT OBJECT...: SOURCE, watched, with the headers under ROOT/src.
link() {
	link_output=$3
	# shellcheck disable=SC2086
	$CC $flags $watched -I"$2/src" -I. -MMD -MF "$3.d" -c "$1" -o "$3.o" || return 1
	shift 3
	# shellcheck disable=SC2086
	$CC "$link_output.o" $objects "$@" -o "$link_output"
}

# link_harness PROTOCOL ROOT OUTPUT
link_harness() {
	link "$here/harness_$1.c" "$2" "$3" "$out/main.c.o"
}

# is_as_it_is PROTOCOL FILE: the compiler has read it in src/, byte for byte, and nowhere else.
is_as_it_is() {
	tr -s ' \\' '\n\n' <"$out/$1.d" | sed 's/^\.\///' | grep -F "$2" >"$out/$1.read"
	test "$(cat "$out/$1.read")" = "src/$2"
}

build_bug() {
	rm -rf "${out:?}/bugs/$2"
	mkdir -p "$out/bugs/$2"
	cp -R src "$out/bugs/$2/"
	apply_patch "$here/bugs/$2.patch" "$out/bugs/$2" || return 1
	# What a bug leaves unused is no error.
	(flags="$flags -Wno-error" && link_harness "$1" "$out/bugs/$2" "$out/bugs/$2/explore")
}

# ---- rows ----

row() {
	printf '%-11s %-27s %-7s %11s %9s  %s\n' "$@"
}

# tell CLAIM-HOLDS PROTOCOL WHAT VERDICT EXECUTIONS SECONDS REMARK: a row, and a test counted.
tell() {
	if [ "$1" = 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
	shift
	row "$@"
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$out/explore.tsv"
}

# search PROGRAM BOUNDS: its line's words are in $verdict, $executions, $seconds and $reason, all
# that it said in $out/said. Fails with its exit status.
search() {
	search_status=0
	# shellcheck disable=SC2086 # bounds are several words
	"$1" $2 >"$out/said" || search_status=$?
	verdict=nothing executions=0 seconds=0 reason=
	# shellcheck disable=SC2034 # what was redundant is not shown
	read -r verdict executions redundant seconds reason <"$out/said" || true
	return $search_status
}

# ---- protocols and their bugs ----

explore_protocol() {
	link_harness "$1" . "$out/$1"
	for file in $(protocol_files "$1"); do
		if is_as_it_is "$1" "$file"; then
			tell 0 "$1" "src/$file" 'as is' - - ''
		else
			tell 1 "$1" "src/$file" other - - "read: $(cat "$out/$1.read")"
		fi
	done
	while read -r bounds; do
		held=0
		search "$out/$1" "$bounds print=1" || held=1
		tell "$held" "$1" "$(label "$bounds")" "$verdict" "$executions" "$seconds" "$reason"
		[ "$held" = 0 ] || sed 1d "$out/said"
	done
}

is_short() {
	[ "$(grep -c '^+[^+]' "$1")" -le 3 ] && [ "$(grep -c '^-[^-]' "$1")" -le 3 ]
}

# hunt PROGRAM: the executions of all bounds up to the one that found the bug are in $spent, that
# one's own in $executions, and it in $bounds. Fails if none did.
hunt() {
	spent=0
	ladder >"$out/ladder"
	while read -r bounds; do
		search "$1" "$bounds" && spent=$((spent + executions)) && continue
		spent=$((spent + executions))
		[ "$verdict" = bug ]
		return
	done <"$out/ladder"
	return 1
}

# A bug's row; counts it in $killed.
try_bug() {
	name=${2#"$1-"}
	if ! is_short "$here/bugs/$2.patch"; then
		tell 1 "$1" "$name" long - - 'its patch has more than 3 lines'
	elif ! build_bug "$1" "$2" >"$out/bugs/$2.log" 2>&1; then
		tell 1 "$1" "$name" broken - - 'its patch does not apply, or does not compile:'
		tail -n 20 "$out/bugs/$2.log"
	elif hunt "$out/bugs/$2/explore"; then
		killed=$((killed + 1))
		tell 0 "$1" "$name" killed "$spent" - "$(label "$bounds"), number $executions"
	else
		tell 1 "$1" "$name" alive "$spent" - 'within none of the bounds'
	fi
}

try_bugs() {
	killed=0 bugs=0
	for patch in "$here/bugs/$1"-*.patch; do
		bugs=$((bugs + 1))
		try_bug "$1" "$(basename "$patch" .patch)"
	done
	enough=0
	[ "$bugs" -ge 5 ] || enough=1
	tell "$enough" "$1" "bugs killed: $killed of $bugs" - - - ''
}

# The explorer's own tests.
try_litmus() {
	link "$here/litmus.c" . "$out/litmus"
	status=0
	"$out/litmus" >"$out/litmus.log" || status=1
	tell "$status" explorer 'its own tests' - - - "$(tail -n 1 "$out/litmus.log")"
	[ "$status" = 0 ] || grep '^FAILED' "$out/litmus.log"
}

case ${1:-} in
'') bounds_of=small ;;
run) bounds_of=whole ;;
*) fail 2 "explore.sh: what is \"$1\"?" ;;
esac
sh chapters/tools/need.sh compiler patch
mkdir -p "$out/bugs"
: >"$out/explore.tsv"
started=$(date +%s)
build_explorer
row protocol bounds '' executions seconds ''
try_litmus
for protocol in $PROTOCOLS; do
	$bounds_of "$protocol" >"$out/bounds"
	explore_protocol "$protocol" <"$out/bounds"
	try_bugs "$protocol"
done
echo "in $(($(date +%s) - started)) s; the table is in $out/explore.tsv"
finish
