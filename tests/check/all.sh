#!/bin/sh
# all.sh: the house rules, for `make check`. Every check runs; exits 1 if one failed.
set -u

status=0
sh chapters/tools/python.sh -c pass || {
	echo 'checks: FAILED (they need python3)'
	exit 1
}
for check in layers pairs format conditions confined alone prose functions toplevel; do
	if [ -e "tests/check/$check.sh" ]; then
		sh "tests/check/$check.sh"
	else
		sh chapters/tools/python.sh -B "tests/check/$check.py"
	fi || status=1
done
exit $status
