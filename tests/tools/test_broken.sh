#!/bin/sh
# test_broken.sh: a variant is caught only if its bug shows as it promised.
set -eu
# shellcheck source=tests/tools/fixture/lib.sh
. tests/tools/fixture/lib.sh

enter_fixture
script=chapters/tools/broken.sh
out=build/chapter-1

expect "the demo's own line" 0 'caught as promised: demo: number 8' sh $script 1 number
said 'the sentence' 'Seven is eight.'
said 'where the trace is' "its trace: $out/broken-number/trace.weft"
that 'the check is kept' grep -q 'all hold' "$out/broken-number/check.txt"
that 'the story is kept' grep -q 'then begin' "$out/broken-number/story.txt"
that 'the sources are as they were' grep -q 'return 7' src/base/number.c
that 'the copy is patched' grep -q 'return 8' "$out/broken-number/src/base/number.c"
that 'files are named as in the repository' \
	grep -q 'in chapters/01-first/demo.c' "$out/broken-number/output.txt"
expect 'a signal' 0 'caught as promised: signal ABRT' sh $script 1 crash
that 'the trace of a crash is kept' grep -q begin "$out/broken-crash/trace.weft"
expect 'an exit status' 0 'caught as promised: exit 3' sh $script 1 report
expect 'an invariant' 0 'caught as promised: invariant 3' sh $script 1 invariant
said 'where the graph of it is' "drawn: $out/broken-invariant/slice"
that 'the graph is kept' grep -q fails "$out/broken-invariant/slice.dot"
expect 'a bug that no invariant shows' 0 'caught as promised: exit 3' sh $script 1 report
unsaid 'has no graph' 'drawn:'
expect 'AddressSanitizer' 0 'caught as promised: asan heap-use-after-free' sh $script 1 freed

expect 'a bug that does not show' 1 'expected signal SEGV, but' sh $script 1 harmless
said 'what happened instead' 'ended with: exit 0'
unsaid 'no false promise' 'caught as promised'
said 'its trace is kept all the same' "its trace: $out/broken-harmless/trace.weft"
expect 'a patch that does not apply' 1 'does not apply: the code has changed' sh $script 1 stale
expect 'a patch that breaks the code' 1 'does not compile' sh $script 1 uncompilable

# The right kind of end is not enough: it must be the promised one.
echo 'invariant 31' >chapters/01-first/broken/invariant/expect
expect 'another invariant' 1 'invariant 3 is broken' sh $script 1 invariant
echo 'asan stack-overflow' >chapters/01-first/broken/freed/expect
expect 'another report' 1 'heap-use-after-free' sh $script 1 freed
echo 'demo: number 9' >chapters/01-first/broken/number/expect
expect 'another line' 1 'demo: number 8' sh $script 1 number
sed 's/"demo: number/"no demo: number/' chapters/01-first/demo.c >changed
cp chapters/01-first/demo.c kept
cp changed chapters/01-first/demo.c
echo 'demo: number 8' >chapters/01-first/broken/number/expect
expect 'words from the middle of a line' 1 'not as promised' sh $script 1 number
cp kept chapters/01-first/demo.c
echo '# nothing' >chapters/01-first/broken/number/expect
expect 'no promise' 2 'promises nothing' sh $script 1 number
echo 'invariant 3' >chapters/01-first/broken/invariant/expect
echo 'asan heap-use-after-free' >chapters/01-first/broken/freed/expect
printf '# A comment.\n\ndemo: number 8\n' >chapters/01-first/broken/number/expect

# Knobs are for this variant, and win over the caller's.
expect 'a variant without knobs gets the environment' 0 'MOOD=grim' \
	env MOOD=grim sh $script 1 number
unsaid 'and nothing is said of knobs' 'It ran with'
printf '# The mood.\n\nMOOD=low\nWORKERS=2' >chapters/01-first/broken/number/knobs
expect 'knobs win' 0 'MOOD=low' env MOOD=grim sh $script 1 number
said 'they are shown' 'It ran with MOOD=low WORKERS=2.'
echo 'MOOD=so so' >chapters/01-first/broken/number/knobs
expect 'a knob of two words' 2 'knobs: cannot read "MOOD=so so"' sh $script 1 number
echo 'MOOD' >chapters/01-first/broken/number/knobs
expect 'a knob without a value' 2 'knobs: "MOOD" is no NAME=value' sh $script 1 number
rm chapters/01-first/broken/number/knobs

# A variant that hangs names its watchdog.
mkdir chapters/01-first/broken/hangs
cat >chapters/01-first/broken/hangs/change.patch <<END
--- a/src/base/number.c
+++ b/src/base/number.c
@@ -1,6 +1,8 @@
 #include "base/number.h"
+#include <unistd.h>
 
 int number(void)
 {
+	sleep(100);
 	return 7;
 }
END
echo timeout >chapters/01-first/broken/hangs/expect
echo 'It sleeps.' >chapters/01-first/broken/hangs/why
echo 1 >chapters/01-first/broken/hangs/seconds
expect 'a watchdog of its own' 0 'caught as promised: timeout' sh $script 1 hangs
echo soon >chapters/01-first/broken/hangs/seconds
expect 'a watchdog that is no number' 2 'seconds: a whole number of seconds' sh $script 1 hangs
rm -r chapters/01-first/broken/hangs

expect 'an unknown name' 2 'has no variant "nosuch"' sh $script 1 nosuch
said 'the names, with their sentences' 'crash: The demo aborts.'
expect 'a name that is a path' 2 'has no variant' sh $script 1 ../broken/crash
expect 'no name' 2 'has no variant ""' sh $script 1 ''
expect 'an unknown chapter' 2 'There is no chapter 7.' sh $script 7 crash
expect 'no arguments' 2 usage sh $script

expect 'a self-test with bad variants' 1 '5 passed, 3 failed' sh $script selftest 1
said 'it names the bad one' 'FAILED broken 1 harmless (signal SEGV): 0 of 1'
rm -r chapters/01-first/broken/harmless chapters/01-first/broken/stale \
	chapters/01-first/broken/uncompilable
expect 'a self-test, three times each' 0 '5 passed, 0 failed' sh $script selftest 1 3
said 'it counts' 'ok     broken 1 number (demo: number 8): 3 of 3'

# Now and then is not always: the demo hangs its number on a file that the first run makes.
mkdir chapters/01-first/broken/fickle
cat >chapters/01-first/broken/fickle/change.patch <<END
--- a/src/base/number.c
+++ b/src/base/number.c
@@ -1,6 +1,7 @@
 #include "base/number.h"
+#include <stdio.h>
 
 int number(void)
 {
-	return 7;
+	return fopen("made", "r") ? 7 : (fopen("made", "w"), 8);
 }
END
echo 'exit 1' >chapters/01-first/broken/fickle/expect
echo 'It breaks once.' >chapters/01-first/broken/fickle/why
expect 'a variant that is caught now and then' 1 'fickle (exit 1): ' sh $script selftest 1 3
said 'fails the self-test' '5 passed, 1 failed'

# The trace of the first run is not taken for that of the second, which leaves none.
rm -r chapters/01-first/broken/*
mkdir chapters/01-first/broken/traceless
cat >chapters/01-first/broken/traceless/change.patch <<END
--- a/trace/trace.c
+++ b/trace/trace.c
@@ -5,7 +5,8 @@
 
 void trace_note(const char *line)
 {
-	const char *path = getenv("WEFT_TRACE");
+	const char *path = rename("traced", "untraced") == 0 ? getenv("WEFT_TRACE") : NULL;
+	line = "broken 3";
 	FILE *file = path ? fopen(path, "a") : NULL;
 	if (!file)
 		return;
END
echo 'invariant 3' >chapters/01-first/broken/traceless/expect
echo 'It traces once.' >chapters/01-first/broken/traceless/why
touch traced
expect 'a trace of an earlier run' 1 'traceless (invariant 3): 1 of 2' sh $script selftest 1 2
rm -r chapters/01-first/broken/*
expect 'a self-test of nothing' 1 '0 passed' sh $script selftest 1

rm build/run
expect 'without the watchdog' 2 'build/run is not there' sh $script 1 number
finish
