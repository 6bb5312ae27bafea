#!/bin/sh
# prose.sh [ROOT]: the book's generated parts are up to date and its prose keeps the rules;
# chapters/tools/book.py does it.
set -eu

here=$(dirname "$0")/../..
report=$(mktemp "${TMPDIR:-/tmp}/weft-prose.XXXXXX")
trap 'rm -f "$report"' EXIT
trap 'exit 1' HUP INT TERM
if sh "$here/chapters/tools/python.sh" -B "$here/chapters/tools/book.py" \
	--root "${1:-.}" check >"$report" 2>&1; then
	sed 's/^book:/prose:/; s/^note:/prose:/' "$report"
else
	cat "$report"
	echo "prose: FAILED ($(grep -c '^[^ ]*:[0-9]*: ' "$report") problems)"
	exit 1
fi
