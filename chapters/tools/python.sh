#!/bin/sh
# python.sh ARGS...: runs the interpreter that can draw. More than one python3 may be on the
# PATH, and matplotlib, from the package manager, belongs to one of them. With no such
# interpreter it takes any python3; with none at all it says so and exits 4.
set -eu
export PYTHON

for python in "${PYTHON:-}" python3 /usr/bin/python3 /usr/local/bin/python3; do
	[ -n "$python" ] || continue
	"$python" -c "import matplotlib" 2>/dev/null && PYTHON=$python exec "$python" "$@"
done
for python in "${PYTHON:-}" python3 /usr/bin/python3; do
	[ -n "$python" ] || continue
	"$python" -c pass 2>/dev/null && PYTHON=$python exec "$python" "$@"
done
echo 'python.sh: no python3 here; install the package python3' >&2
exit 4
