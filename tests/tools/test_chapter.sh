#!/bin/sh
# test_chapter.sh: a chapter's run is shown as it was, also when it failed, and with whatever
# tools there are. The pictures are a stand-in's.
# shellcheck disable=SC2016 # scripts for a stand-in
set -eu
# shellcheck source=tests/tools/fixture/lib.sh
. tests/tools/fixture/lib.sh

enter_fixture
script=chapters/tools/chapter.sh
out=build/chapter-1
mkdir $out

# python PROGRAM: what python.sh runs from now on.
python() {
	echo "$1" >chapters/tools/python.sh
}
# The interpreter writes down what it is asked to draw.
drawing='case $1 in
-c) exit 0 ;;
esac
printf "%s|" "$@" >asked
echo "$PYTHONPATH" >path
touch build/chapter-1/index.html'
none='exit 4'

expect 'without a demo' 2 'build/chapter-1/demo is not there' sh $script 1
sh chapters/tools/compile.sh $out/demo . chapters/01-first/demo.c

python "$none"
echo stale >$out/index.html
echo stale >$out/stacks.svg
expect 'no python' 0 'First: a number' sh $script 1
said 'the knobs' 'MOOD=good'
said 'the story' 'then begin'
said 'the lanes' '==##=='
said 'the verdict' 'all hold'
said 'what is missing' 'No pictures: they need python3 with matplotlib, or graphviz.'
said 'what there is' "$out/story.txt"
unsaid 'no page of an earlier run' index.html
that 'old pictures are gone' test ! -e $out/stacks.svg
said 'what opens in Perfetto' "$out/trace.fxt opens in ui.perfetto.dev"
for file in trace.weft trace.fxt check.txt story.txt lanes.txt output.txt; do
	that "it made $file" test -s "$out/$file"
done

python "$drawing"
expect 'a page' 0 "open $out/index.html" sh $script 1
that 'it was asked for everything' test "$(cat asked)" = "-m|weft_viz|all|$out/trace.weft|--out|$out|--chapter|1|--title|First: a number|--root|.|--story|$out/story.txt|--check|$out/check.txt|--lanes|$out/lanes.txt|"
that 'the package is on the path' test "$(cat path)" = viz
expect 'a knob' 0 'MOOD=bright' env MOOD=bright sh $script 1
expect 'a missing tool is not said twice' 0 'open ' sh $script 1
unsaid 'with a page' 'No pictures'

rm chapters/01-first/README.md
expect 'a chapter without a text' 0 '01-first' sh $script 1

python 'case $1 in -c) exit 0 ;; esac; echo "it broke"; exit 1'
expect 'pictures that fail' 1 'it broke' sh $script 1
said 'the story is there all the same' 'then end'
python "$drawing"

# variant SED: the demo, changed.
variant() {
	sed "$1" chapters/01-first/demo.c >chapters/01-first/changed.c
	sh chapters/tools/compile.sh $out/demo . chapters/01-first/changed.c
}
variant 's/number() != 7/number() == 7/'
expect 'a demo that finds something' 1 'demo: number 7 came out' sh $script 1
said 'how it ended' 'The demo ended with: exit 1.'
said 'its trace is shown' 'then begin'
said 'and drawn' "open $out/index.html"
variant 's/trace_note("end")/abort()/'
expect 'a demo that crashes' 1 'The demo ended with: signal ABRT.' sh $script 1
said 'its trace is shown too' 'then begin'
variant 's/trace_note("end")/trace_note("broken 5")/'
expect 'a broken invariant' 1 'invariant 5 is broken' sh $script 1
variant 's/trace_note("end")/trace_note("no export")/'
expect 'an export that fails' 1 'cannot write' sh $script 1
unsaid 'nor that it opens' 'opens in ui.perfetto.dev'
variant '/trace_note/d'
expect 'no trace' 1 'It left no trace.' sh $script 1
unsaid 'nor one of an earlier run' 'then begin'
variant 's/MOOD=%s/a long line of words that goes on and on until it is past all columns %s/
	s/trace_note("end")/trace_note("words and words and words and words and words and words and words")/'
expect 'narrow terminals' 0 'then words' env COLUMNS=40 sh $script 1
that 'the story is folded' sh -c "! grep -qE '^then.{40}' '$scratch/said'"
expect 'an unknown chapter' 2 'There is no chapter 6.' sh $script 6
finish
