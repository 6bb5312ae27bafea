#!/bin/sh
# broken.sh N NAME: breaks a copy of the library on purpose, runs chapter N's demo on it, and
# exits 0 only if the bug shows as promised.
# broken.sh selftest N [TIMES]: does so with each variant of chapter N, TIMES times.
#
# A variant is a folder chapters/0N-*/broken/NAME/ with
#   change.patch  a few lines, for patch -p1 in the repository's root
#   expect        one line, how the bug shows:
#                   invariant 3     weft-trace check says that invariant 3 is broken
#                   asan WORDS      AddressSanitizer's report contains the words
#                   demo: WORDS     the demo prints a line that begins so
#                   signal SEGV     how the demo ends: a signal, "exit 3" or "timeout"
#   why           one sentence for people
#   knobs         perhaps: the demo's environment, a NAME=value on each line
#   demo.c        perhaps: a program of its own, in place of the chapter's demo
#   seconds       perhaps: when the watchdog ends a demo that hangs, if not after 10
# The copy, its trace, what is said of it, and a graph of what the checker found, slice.dot and
# slice.svg, stay in build/chapter-N/broken-NAME/.
set -eu
# shellcheck source=chapters/tools/common.sh
. "$(dirname "$0")/common.sh"

usage() {
	fail 2 'usage: broken.sh N NAME | broken.sh selftest N [TIMES]'
}

list_variants() {
	for variant in "$folder"/broken/*/; do
		[ ! -d "$variant" ] || basename "$variant"
	done
}

# Ends the script with the names that exist.
unknown_variant() {
	echo "Chapter $number has no variant \"$1\". It has:"
	list_variants | while read -r known; do
		echo "$known: $(cat "$folder/broken/$known/why")" | wrap 0
	done
	exit 2
}

# select_variant NAME: sets $variant, $expected, $knobs, $seconds and $out.
select_variant() {
	list_variants | grep -qxF -e "$1" || unknown_variant "$1"
	variant=$folder/broken/$1
	out=$BUILD/chapter-$number/broken-$1
	expected=$(first_line "$variant/expect")
	[ -n "$expected" ] || fail 2 "$variant/expect promises nothing."
	read_knobs
	read_seconds
}

# Sets $knobs to words for env(1). They win over the caller's environment.
read_knobs() {
	knobs=
	[ -e "$variant/knobs" ] || return 0
	while read -r line || [ -n "$line" ]; do
		case $line in
		'' | '#'*) ;;
		*[!A-Za-z0-9_=.,/-]* | =*) fail 2 "$variant/knobs: cannot read \"$line\"." ;;
		*=*) knobs="$knobs $line" ;;
		*) fail 2 "$variant/knobs: \"$line\" is no NAME=value." ;;
		esac
	done <"$variant/knobs"
}

read_seconds() {
	seconds=
	[ -e "$variant/seconds" ] || return 0
	seconds=$(first_line "$variant/seconds")
	case $seconds in
	'' | *[!0-9]*) fail 2 "$variant/seconds: a whole number of seconds is wanted." ;;
	esac
}

# Makes the patched copy and compiles it. Prints why it cannot.
build_variant() {
	rm -rf "$out"
	mkdir -p "$out/chapters"
	cp -R src trace "$out/"
	cp -R "$folder" "$out/chapters/"
	apply_patch "$variant/change.patch" "$out" || {
		echo "$variant/change.patch does not apply: the code has changed since."
		return 1
	}
	flags=${CFLAGS_ALL:-}
	case $expected in
	asan*) flags="$flags -fsanitize=address -O1 -g" ;;
	esac
	program=$folder/demo.c
	[ ! -e "$variant/demo.c" ] || program=$variant/demo.c
	# What a bug leaves unused is no error, however the library is built.
	CFLAGS_ALL="${flags:+$flags -Wno-error}" sh chapters/tools/compile.sh "$out/demo" "$out" \
		"$out/$program" ||
		{
			echo "$variant/change.patch makes code that does not compile."
			return 1
		}
}

# Whether the last run shows what $expected promises.
shows_as_promised() {
	case $expected in
	invariant\ *)
		[ "$checked" = 1 ] && grep -q "^$expected is broken" "$out/check.txt"
		;;
	asan\ *)
		grep -q AddressSanitizer "$out/errors.txt" &&
			grep -qF -e "${expected#asan }" "$out/errors.txt"
		;;
	demo:\ *)
		EXPECTED=$expected awk 'index($0, ENVIRON["EXPECTED"]) == 1 { found = 1 }
			END { exit !found }' "$out/output.txt"
		;;
	*) [ "$verdict" = "$expected" ] ;;
	esac
}

# One line for each thing that could have been the promised one.
show_what_happened() {
	echo "the demo ended with: $verdict"
	grep '^demo:' "$out/output.txt" || true
	grep -m 1 'ERROR: AddressSanitizer' "$out/errors.txt" || head -n 5 "$out/errors.txt"
	if [ "$checked" = none ]; then
		echo 'it left no trace'
	else
		grep '^invariant .* is broken' "$out/check.txt" || tail -n 1 "$out/check.txt"
	fi
}

try_variant() {
	# shellcheck disable=SC2086 # a list of words
	run_program env $knobs "$out/demo"
	check_trace
	shows_as_promised
}

# What the reader should see of a bug that was caught: the demo's own words, or the checker's
# report of the promised invariant, from its heading to the empty line after it.
show_evidence() {
	case $expected in
	invariant\ *)
		EXPECTED="$expected is broken" awk '
			index($0, ENVIRON["EXPECTED"]) == 1 { inside = 1; print "" }
			inside && NF == 0 { exit }
			inside' "$out/check.txt" | wrap 4
		;;
	demo:\ *)
		echo
		cat "$out/output.txt"
		;;
	asan\ *)
		echo
		sed -n '/ERROR: AddressSanitizer/,/^ *#3 /{ s/0x[0-9a-f]*/0x.../g; s/^==[0-9]*==//; p; }' "$out/errors.txt" | wrap 4
		;;
	esac
	echo
}

# The records that the failures hang on, as a graph, and as a picture where dot is at hand.
draw_slice() {
	slice=$out/slice.dot
	[ "$checked" = 1 ] || return 0
	"$BUILD/weft-trace" check "$out/trace.weft" --dot="$slice" >"$out/check.txt" || true
	[ -e "$slice" ] || return 0
	! command -v dot >/dev/null || ! dot -Tsvg "$slice" -o "$out/slice.svg" ||
		slice=$out/slice.svg
	echo "the records that matter, drawn: $slice"
}

show_variant() {
	select_variant "$1"
	build_variant || exit 1
	status=0
	if try_variant; then
		echo "caught as promised: $expected"
		wrap 0 <"$variant/why"
		[ -z "$knobs" ] || echo "It ran with$knobs."
		show_evidence
	else
		status=1
		echo "not as promised: expected $expected, but"
		show_what_happened
	fi
	[ "$checked" = none ] || echo "its trace: $out/trace.weft"
	draw_slice
	exit "$status"
}

# test_variant NAME TIMES: prints one line, and for the first failure what happened.
test_variant() {
	select_variant "$1"
	label="broken $number $1 ($expected)"
	build_variant || {
		echo "FAILED $label"
		return 1
	}
	caught=0 tries=0
	while [ "$tries" -lt "$2" ]; do
		tries=$((tries + 1))
		if try_variant; then
			caught=$((caught + 1))
		elif [ "$caught" = $((tries - 1)) ]; then
			show_what_happened
		fi
	done
	if [ "$caught" = "$2" ]; then
		echo "ok     $label: $caught of $2"
	else
		echo "FAILED $label: $caught of $2"
		return 1
	fi
}

selftest() {
	passed=0 failed=0
	for name in $(list_variants); do
		if test_variant "$name" "$1"; then
			passed=$((passed + 1))
		else
			failed=$((failed + 1))
		fi
	done
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

need_built "$BUILD/weft-trace" "$BUILD/run"
sh chapters/tools/need.sh compiler patch
set_columns
case $#:${1:-} in
2:selftest | 3:selftest)
	number=$2
	folder=$(chapter_folder "$number")
	selftest "${3:-1}"
	;;
2:*)
	number=$1
	folder=$(chapter_folder "$number")
	show_variant "$2"
	;;
*) usage ;;
esac
