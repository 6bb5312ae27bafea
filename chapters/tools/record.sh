#!/bin/sh
# record.sh [N...]: makes chapters/*/recorded/ anew, of every chapter that has a demo, or of those
# with these numbers. bookkit's recording.py lists the files. Only the predicates in `facts`, written
# by hand, stay. A chapter's own record.sh, if there is one, is given the folder of the run and
# that of the new recordings, and adds to them.
#
# Everything runs with default knobs, in 72 columns of UTF-8 without colour, into a pipe, so
# that two recordings differ where the runs did and nowhere else.
set -eu
# shellcheck source=chapters/tools/common.sh
. "$(dirname "$0")/common.sh"

: "${CC:=cc}"

# plain COMMAND...: runs it with no variable that could be somebody's knob.
plain() {
	env -i PATH="$PATH" HOME="${HOME:-/}" BUILD="$BUILD" CC="$CC" \
		CFLAGS_ALL="${CFLAGS_ALL:-}" PYTHON="${PYTHON:-}" NO_INSTALL=1 \
		COLUMNS=72 LC_ALL=C.UTF-8 NO_COLOR=1 "$@"
}

# Takes the path of this checkout out of what was printed.
without_place() {
	sed "s|$PWD/||g"
}

# A chapter's program beside the demo, as a reader would compile and run it.
record_program() {
	name=$(basename "$1" .c)
	$CC "$1" -o "$new/$name"
	# shellcheck disable=SC3045 # every sh that has ulimit has -s
	verdict=$(ulimit -s 8192 && plain "$BUILD/run" -o "$new/$name.txt" \
		"$new/$name" 2>"$new/$name.errors")
	case $verdict in
	'exit 0') verdict= ;;
	'signal SEGV') verdict='Segmentation fault' ;;
	esac
	{
		cat "$new/$name.errors"
		[ -z "$verdict" ] || echo "$verdict"
	} >>"$new/$name.txt"
	rm "$new/$name" "$new/$name.errors"
}

record_run() {
	plain sh chapters/tools/chapter.sh "$number" </dev/null 2>&1 |
		without_place >"$new/terminal.txt"
	for file in trace.weft check.txt output.txt; do
		[ -s "$out/$file" ] || fail 1 "chapter $number left no $file:
$(cat "$new/terminal.txt")"
	done
	cp "$out/trace.weft" "$out/output.txt" "$new/"
	without_place <"$out/check.txt" >"$new/check.txt"
	"$BUILD/weft-trace" facts "$new/trace.weft" |
		awk '{ value = $NF; sub(/ [^ ]*$/, ""); print $0 "\t" value }' >"$new/facts.tsv"
}

record_variant() {
	name=$(basename "$1")
	plain sh chapters/tools/broken.sh "$number" "$name" </dev/null 2>&1 |
		without_place >"$new/broken-$name.txt"
	grep -q '^caught as promised' "$new/broken-$name.txt" || fail 1 \
		"chapter $number, broken variant $name:
$(cat "$new/broken-$name.txt")"
	[ ! -e "$out/broken-$name/trace.weft" ] ||
		cp "$out/broken-$name/trace.weft" "$new/broken-$name.weft"
}

record_costs() {
	module=${folder##*/[0-9][0-9]-}
	[ -s "$BUILD/bench/$module.tsv" ] ||
		fail 1 "$BUILD/bench/$module.tsv is not there; run \`make bench\` first."
	cp "$BUILD/bench/$module.tsv" "$new/costs.tsv"
	cp "$BUILD/bench/machine" "$new/machine"
	date -u +%Y-%m-%d >"$new/date"
}

# Puts the new recordings in the place of the old ones.
replace() {
	mkdir -p "$folder/recorded"
	for old in "$folder"/recorded/*; do
		[ "$old" = "$folder/recorded/facts" ] || rm -f "$old"
	done
	cp "$new"/* "$folder/recorded/"
}

record_chapter() {
	out=$BUILD/chapter-$number
	new=$BUILD/recorded-$number
	rm -rf "$new"
	mkdir -p "$new"
	record_run
	for program in "$folder"/*.c; do
		[ "$program" = "$folder/demo.c" ] || record_program "$program"
	done
	for variant in "$folder"/broken/*/; do
		[ ! -d "$variant" ] || record_variant "$variant"
	done
	record_costs
	[ ! -e "$folder/record.sh" ] || plain sh "$folder/record.sh" "$out" "$new"
	replace
	sh chapters/tools/python.sh chapters/tools/book.py derive "$number"
	echo "recorded $folder"
}

need_built "$BUILD/weft-trace" "$BUILD/run"
for demo in chapters/[0-9][0-9]-*/demo.c; do
	folder=${demo%/demo.c}
	number=${folder#chapters/}
	number=${number%%-*}
	number=${number#0}
	case " ${*:-$number} " in
	*" $number "*) record_chapter ;;
	esac
done
