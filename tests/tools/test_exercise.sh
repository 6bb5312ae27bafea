#!/bin/sh
# test_exercise.sh: readers' work is kept and graded; exercises that do not grade well are found.
set -eu
# shellcheck source=tests/tools/fixture/lib.sh
. tests/tools/fixture/lib.sh

enter_fixture
script=chapters/tools/exercise.sh
exercises=chapters/01-first/exercises

expect 'no work yet' 1 'make work-1.2' sh $script check 1.2
expect 'a start' 0 'make check-1.2' sh $script work 1.2
said 'the task' "$exercises/2/task.md"
that 'it is a copy' cmp work/1.2/start.c $exercises/2/start.c
expect 'a start that fails' 1 'exercise 1.2: 1 of 4 hold' sh $script check 1.2
said 'what holds' 'ok       rule has begin'
said 'the exit' 'not yet  exit 0'
said 'how it ended instead' 'it ended with: exit 1'
said 'the line' 'not yet  prints seven is 7'
said 'what it printed instead' 'seven is 8'
said 'the rule' 'not yet  rule has end'
said 'the first event that breaks it' 'first: line 1'

echo '// mine' >>work/1.2/start.c
expect 'work that is there' 1 'stays as it is' sh $script work 1.2
that 'it stayed' grep -q mine work/1.2/start.c
expect 'FORCE=1' 0 'work/1.2.old.1/' env FORCE=1 sh $script work 1.2
that 'the start is new' cmp work/1.2/start.c $exercises/2/start.c
that 'the work is aside' grep -q mine work/1.2.old.1/start.c
expect 'FORCE=1 again' 0 'work/1.2.old.2/' env FORCE=1 sh $script work 1.2
that 'the first work is still aside' grep -q mine work/1.2.old.1/start.c

patch -s -p1 -d work/1.2 <$exercises/2/solution.patch
expect 'a solution' 0 'exercise 1.2 solved' sh $script check 1.2
mkdir 'my work'
sed 's/seven is %d/and seven is %d or so/' work/1.2/start.c >'my work/start.c'
expect 'a line that only contains the words' 1 'exercise 1.2: 3 of 4 hold' \
	sh $script check 1.2 'my work'
cp work/1.2/start.c 'my work/'
expect 'a folder of its own' 0 'exercise 1.2 solved' sh $script check 1.2 'my work'
echo 'int;' >'my work/start.c'
expect 'no program' 1 'exercise 1.2: it does not compile' sh $script check 1.2 'my work'
echo 'what is this' >'my work/start.c'
expect 'no C' 1 'error:' sh $script check 1.2 'my work'
cat >'my work/start.c' <<'END'
int main(void)
{
	__builtin_trap();
}
END
expect 'a crash' 1 'it ended with: signal ' sh $script check 1.2 'my work'
said 'without a trace' 'it left no trace'
said 'no condition holds' 'exercise 1.2: 0 of 4 hold'

expect 'without the library' 0 'start.S' sh $script work 1.3
expect 'the last line of a check counts' 1 'exercise 1.3: 0 of 1 hold' sh $script check 1.3
patch -s -p1 -d work/1.3 <$exercises/3/solution.patch
expect 'C and assembly' 0 'exercise 1.3 solved' sh $script check 1.3

expect 'a question' 0 'is answered in the chapter' sh $script check 1.1
expect 'an open exercise' 0 'is not graded' sh $script work 1.4
expect 'no such exercise' 2 'There is no exercise 1.9' sh $script check 1.9
expect 'no such chapter' 2 'There is no chapter 8' sh $script work 8.1
for odd in 1 1. .1 1.2.3 ../1 ''; do
	expect "\"$odd\" is no exercise" 2 usage sh $script check "$odd"
done

expect 'a self-test' 0 '8 passed, 0 failed' sh $script selftest 1
said 'the start' 'ok     exercise 1.2, start: builds and fails'
said 'the solution' 'ok     exercise 1.2, solution: solved'
said 'a wrong one' 'ok     exercise 1.3, wrong-three: builds and fails'

# broken_selftest NAME WORDS COMMAND...: the self-test notices what the command did to exercise 2.
broken_selftest() {
	name=$1 words=$2
	shift 2
	rm -rf saved
	cp -R $exercises/2 saved
	"$@"
	expect "self-test: $name" 1 "$words" sh $script selftest 1
	rm -rf "${exercises:?}/2"
	mv saved $exercises/2
}
append() {
	echo "$2" >>"$1"
}
broken_selftest 'a wrong one that passes' 'wrong-trace: solved, not builds and fails' \
	cp $exercises/2/solution.patch $exercises/2/wrong-trace.patch
broken_selftest 'a solution that fails' 'solution: builds and fails, not solved' \
	cp $exercises/2/wrong-trace.patch $exercises/2/solution.patch
broken_selftest 'a start that does not compile' 'start: does not compile' \
	append $exercises/2/start.c 'oops'
broken_selftest 'a patch that does not apply' 'wrong-trace: the patch does not apply' \
	cp $exercises/3/solution.patch $exercises/2/wrong-trace.patch
broken_selftest 'one wrong one' '1 wrong patches, at least 2' rm $exercises/2/wrong-trace.patch
broken_selftest 'no solution' 'solution: there is none' rm $exercises/2/solution.patch
broken_selftest 'a line nobody understands' 'cannot read "prnts 7"' \
	append $exercises/2/check 'prnts 7'
broken_selftest 'a rule nobody understands' 'unknown rule: frob' \
	append $exercises/2/check 'rule frob'
broken_selftest 'a tool nobody knows' 'what is "frob"' append $exercises/2/check 'needs frob'
broken_selftest 'a check that asks for nothing' 'it asks for nothing' \
	cp $exercises/2/task.md $exercises/2/check
rm -r $exercises/2 $exercises/3
expect 'a self-test of nothing' 1 '0 passed' sh $script selftest 1

rm build/weft-trace
expect 'without weft-trace' 2 'build/weft-trace is not there' sh $script check 1.2
finish
