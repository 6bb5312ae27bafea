#!/bin/sh
# test_rejected.sh: rejected designs are measured beside the code as it is, and one that cannot be is
# found.
set -eu
# shellcheck source=tests/tools/fixture/lib.sh
. tests/tools/fixture/lib.sh

enter_fixture
script=chapters/tools/rejected.sh
design=chapters/01-first/rejected/eight
mkdir -p $design
cat >$design/change.patch <<END
--- a/src/base/number.c
+++ b/src/base/number.c
@@ -4,3 +4,3 @@
 {
-	return 7;
+	return 8;
 }
END
cat >$design/measure.c <<END
#include <stdio.h>
#include "base/number.h"

int main(void)
{
	printf("%d\\n", number());
	return 0;
}
END
echo 'how many there are' >$design/what
echo 'Eight is more than seven.' >$design/why

expect 'a table' 0 'eight	how many there are	7	8' env ROUNDS=3 sh $script 1
said 'with a header' 'design	what_is_counted	Weft	rejected'
expect 'a self-test' 0 '1 passed, 0 failed' sh $script selftest 1

sed 's/printf.*/puts("seven");/' $design/measure.c >changed
cp $design/measure.c kept
cp changed $design/measure.c
expect 'no number' 1 'FAILED rejected 1 eight' sh $script selftest 1
expect 'no number, no table' 1 'cannot be measured' sh $script 1
sed 's/return 0/return 1/' kept >$design/measure.c
expect 'a program that fails' 1 'FAILED rejected 1 eight' sh $script selftest 1
echo nonsense >$design/measure.c
expect 'a program that does not compile' 1 'does not compile' sh $script selftest 1
cp kept $design/measure.c
sed 's/return 7/return 6/' $design/change.patch >changed
cp changed $design/change.patch
expect 'a patch that does not apply' 1 'does not apply: the code has changed' sh $script selftest 1
expect 'no arguments' 2 usage sh $script

finish
