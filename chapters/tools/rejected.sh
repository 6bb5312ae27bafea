#!/bin/sh
# rejected.sh N: measures each design that chapter N rejects beside the one it has, and prints a
# table, tab-separated.
# rejected.sh selftest N: whether each of them still applies, compiles and runs, once.
#
# A design is a folder chapters/0N-*/rejected/NAME/ with
#   change.patch  makes the library so, for patch -p1 in the repository's root
#   measure.c     a program that prints one number; built with the library as it is and as it was
#                 patched, and run in turn, ROUNDS times each (7): the table has the medians
#   what          one line, what the number is
#   why           one sentence for people, what was wrong with it
#   fact          perhaps: the number is this one of `weft-trace facts`, of the program's trace
set -eu
# shellcheck source=chapters/tools/common.sh
. "$(dirname "$0")/common.sh"

usage() {
	fail 2 'usage: rejected.sh N | rejected.sh selftest N'
}

# select_design FOLDER: sets $design, $name, $out and $fact.
select_design() {
	design=${1%/}
	name=${design##*/}
	out=$BUILD/chapter-$number/rejected-$name
	fact=
	[ ! -e "$design/fact" ] || fact=$(first_line "$design/fact")
}

# Makes $out/ours and $out/theirs. Prints why it cannot.
build_design() {
	rm -rf "$out"
	mkdir -p "$out/copy"
	cp -R src trace "$out/copy/"
	apply_patch "$design/change.patch" "$out/copy" || {
		echo "$design/change.patch does not apply: the code has changed since."
		return 1
	}
	if ! sh chapters/tools/compile.sh "$out/ours" . "$design/measure.c" ||
		! CFLAGS_ALL="${CFLAGS_ALL:+$CFLAGS_ALL -Wno-error}" sh chapters/tools/compile.sh \
			"$out/theirs" "$out/copy" "$design/measure.c"; then
		echo "$design does not compile."
		return 1
	fi
}

# measure PROGRAM: prints the number.
measure() {
	if [ -n "$fact" ]; then
		WEFT_TRACE=$out/trace.weft "$out/$1" >/dev/null
		"$BUILD/weft-trace" facts "$out/trace.weft" |
			awk -v fact="$fact" '$1 == fact { print $2; found = 1 } END { exit !found }'
	else
		WEFT_TRACE='' "$out/$1"
	fi
}

# measure_in_turn TIMES: a number a line, into $out/ours.txt and $out/theirs.txt. False when a
# program fails, or prints something else.
measure_in_turn() {
	for program in ours theirs; do
		: >"$out/$program.txt"
	done
	for _ in $(seq "$1"); do
		for program in ours theirs; do
			measure "$program" >>"$out/$program.txt" || return 1
		done
	done
	! cat "$out/ours.txt" "$out/theirs.txt" | grep -qvE '^[0-9]+(\.[0-9]+)?$'
}

median() {
	sort -n "$1" | awk '{ line[NR] = $0 } END { print line[int((NR + 1) / 2)] }'
}

each_design() {
	for folder in "$chapter"/rejected/*/; do
		[ ! -d "$folder" ] || "$1" "$folder"
	done
}

print_row() {
	select_design "$1"
	if ! build_design >&2 || ! measure_in_turn "${ROUNDS:-7}"; then
		fail 1 "$design cannot be measured."
	fi
	printf '%s\t%s\t%s\t%s\n' "$name" "$(first_line "$design/what")" \
		"$(median "$out/ours.txt")" "$(median "$out/theirs.txt")"
}

test_design() {
	select_design "$1"
	if build_design && measure_in_turn 1; then
		passed=$((passed + 1))
		echo "ok     rejected $number $name"
	else
		failed=$((failed + 1))
		echo "FAILED rejected $number $name"
	fi
}

need_built "$BUILD/weft-trace"
sh chapters/tools/need.sh compiler patch >&2
case $#:${1:-} in
2:selftest)
	number=$2 passed=0 failed=0
	chapter=$(chapter_folder "$number")
	each_design test_design
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
	;;
1:*)
	number=$1
	chapter=$(chapter_folder "$number")
	printf 'design\twhat_is_counted\tWeft\trejected\n'
	each_design print_row
	;;
*) usage ;;
esac
