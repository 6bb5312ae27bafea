#!/bin/sh
# readme.sh: the README's last section, followed to the letter: the program after its marker
# "program:" is saved under its name, the lines after "commands:" are typed, and the trace
# that they make is judged to hold.
set -eu

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -R src trace chapters Makefile README.md "$scratch"
cd "$scratch"
unset MAKEFLAGS MAKELEVEL BUILD

# The fenced block that follows the marker $1.
block() {
	awk -v marker="<!-- $1 -->" '
	$0 == marker { wanted = 1; next }
	wanted && /^```/ { if (inside) exit; inside = 1; next }
	inside' README.md
}

program=$(sed -n 's/^<!-- program: \(.*\) -->$/\1/p' README.md)
block "program: $program" >"$program"
block "commands: ${program%.c}" >commands
lines=$(wc -l <"$program")
[ "$lines" -gt 10 ] || { echo "the README's program was not found"; exit 1; }
cat commands
if sh -eu commands >output 2>&1 && grep -q 'all hold' output; then
	cat output
	echo '1 passed, 0 failed'
else
	cat output
	echo '0 passed, 1 failed'
	exit 1
fi
