#!/bin/sh
# levels.sh: the switch is compiled code and assembly that must agree at every level of
# optimisation: the module's tests at -O0 and at -O3, besides the level that all are built at.
set -eu
cd "$(dirname "$0")/../.."

: "${BUILD:=build}"
minimum=$(cat tests/context/test_*.c | grep -c '^Test(')
status=0
for level in O0 O3; do
	program=$BUILD/$level/tests/context
	${MAKE:-make} --no-print-directory BUILD="$BUILD/$level" OPT="-$level" "$program" >/dev/null
	sh tests/criterion.sh "context at -$level" "$minimum" "$program" || status=$?
done
exit $status
