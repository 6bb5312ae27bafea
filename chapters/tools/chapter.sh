#!/bin/sh
# chapter.sh N: runs chapter N's demo, which the Makefile has built, and shows what happened:
# here in a few lines, in build/chapter-N/ in pictures.
#
# Exits 0 if the demo was content with itself and every invariant holds in its trace. A demo
# that fails or crashes is shown all the same: its trace is then worth most.
set -eu
# shellcheck source=chapters/tools/common.sh
. "$(dirname "$0")/common.sh"

[ $# = 1 ] || fail 2 'usage: chapter.sh N'
number=$1
folder=$(chapter_folder "$number")
out=$BUILD/chapter-$number
set_columns

# The first heading of the README; without one, the name of the folder.
title() {
	heading=
	[ ! -r "$folder/README.md" ] ||
		heading=$(sed -n '/^# /{s/^# *//p;q;}' "$folder/README.md")
	echo "${heading:-${folder##*/}}"
}

# What an earlier run left must not be taken for what this one shows.
remove_old() {
	rm -f "$out"/*.weft "$out"/*.txt "$out"/*.html "$out"/*.svg "$out"/*.dot "$out"/*.fxt
}

show_run() {
	cat "$out/output.txt"
	cat "$out/errors.txt" >&2
	case $verdict in
	'exit 0') ;;
	timeout) echo 'The demo hung; the watchdog ended it.' ;;
	*) echo "The demo ended with: $verdict." ;;
	esac
}

# The story in at most 28 lines: whole, but for who is named what, if that is short enough.
short_story() {
	whole=$("$BUILD/weft-trace" story "$out/trace.weft" --lines=1000 | sed '/ is named /d')
	if [ "$(echo "$whole" | wc -l)" -le 28 ]; then
		echo "$whole"
	else
		"$BUILD/weft-trace" story "$out/trace.weft" --lines=12
	fi
}

show_trace() {
	if [ "$checked" = none ]; then
		echo 'It left no trace.'
		return
	fi
	echo
	short_story | wrap 4
	echo
	"$BUILD/weft-trace" lanes "$out/trace.weft" >"$out/lanes.txt" || true
	"$BUILD/weft-trace" lanes "$out/trace.weft" || true # in colour, where there is any
	echo
	wrap 4 <"$out/check.txt" | head -n 24
}

# draw PYTHON: makes the pictures and the page.
draw() {
	PYTHONPATH=viz sh chapters/tools/python.sh -m weft_viz all "$out/trace.weft" \
		--out "$out" --chapter "$number" --title "$(title)" --root . \
		--story "$out/story.txt" --check "$out/check.txt" --lanes "$out/lanes.txt" \
		>"$out/pictures.txt" 2>&1
}

# Says which file to open. A tool that is missing is no failure, one that fails is.
show_pictures() {
	drawn=0
	if can_draw; then
		draw || drawn=1
	else
		echo 'No pictures: they need python3 with matplotlib, or graphviz.'
	fi
	[ "$drawn" = 0 ] || {
		echo 'The pictures could not be drawn:'
		tail -n 5 "$out/pictures.txt"
	}
	if [ -e "$out/index.html" ]; then
		echo "open $out/index.html"
	else
		echo "The whole story is in $out/story.txt."
	fi
	"$BUILD/weft-trace" fxt "$out/trace.weft" "$out/trace.fxt" || return 1
	echo "$out/trace.fxt opens in ui.perfetto.dev"
	return "$drawn"
}

can_draw() {
	sh chapters/tools/python.sh -c 'import importlib.util, shutil, sys
sys.exit(not (importlib.util.find_spec("matplotlib") or shutil.which("dot")))' 2>/dev/null
}

need_built "$out/demo" "$BUILD/weft-trace" "$BUILD/run"
remove_old
title
run_program "$out/demo"
check_trace
show_run
show_trace
drawn=0
if [ "$checked" != none ]; then
	echo
	show_pictures || drawn=1
fi
[ "$verdict" = 'exit 0' ] && [ "$checked" = 0 ] && [ "$drawn" = 0 ]
