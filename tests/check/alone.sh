#!/bin/sh
# alone.sh [ROOT]: src/, copied to an empty folder, is a library without make or trace/; and
# weft.h is a header of C++ too.
set -eu

: "${CC:=cc}" "${CXX:=c++}"
folder=$(mktemp -d "${TMPDIR:-/tmp}/weft-alone.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
cp -R "${1:-.}/src/." "$folder"
cd "$folder"

cat >alone.c <<'PROGRAM'
#include <stdio.h>

#include "weft.h"

int main(void)
{
	return puts(weft_strerror(-WEFT_EDEADLINE)) < 0;
}
PROGRAM

# Exits with what the command printed, where the compiler named file and line.
expect() {
	what=$1
	shift
	"$@" >output 2>&1 || {
		sed 's|^|src/|' output
		echo "alone: FAILED ($what)"
		exit 1
	}
}

sources=$(find . -name '*.c' -o -name '*.S' | sed 's|^\./||' | sort)
# shellcheck disable=SC2086 # no path of ours has a space
expect 'src/ does not compile alone' \
	$CC -std=c17 -D_GNU_SOURCE -Wall -Werror -I. $sources -o alone -lpthread
expect 'the program does not run' ./alone

cxx='no C++ compiler here for weft.h'
if command -v "${CXX%% *}" >/dev/null 2>&1; then
	# shellcheck disable=SC2086 # CXX may be several words
	expect 'weft.h is no C++' $CXX -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c++ weft.h
	cxx='weft.h is C++ too'
fi
echo "alone: ok ($(echo "$sources" | wc -l | tr -d ' ') files, $cxx)"
