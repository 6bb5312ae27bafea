#!/bin/sh
# flat.sh [FOLDER]: copies the library and the portable tests, tests/kqueue/, into one folder
# without subfolders (build/flat), where `cc *.c *.S -lpthread` makes the test program. That
# folder is all that another system needs: take it there, run that line, and run ./a.out.
#
# A file of a module's folder is called module_file, and includes are changed to say so; lines
# keep their numbers.
set -eu
cd "$(dirname "$0")/../.."

folder=${1:-${BUILD:-build}/flat}
mkdir -p "$folder"
rm -f "$folder"/*.[chS]

# copy FILE MODULE
copy() {
	sed '/^#include "/ { s|"tests/|"|; s|/|_|; }' "$1" >"$folder/${2:+$2_}${1##*/}"
}

copy src/weft.h ''
for file in src/*/*.[chS] tests/kqueue/*.[ch] tests/context/registers*.[hS]; do
	module=${file%/*}
	copy "$file" "${module##*/}"
done
echo "$folder: $(find "$folder" -name '*.[chS]' | wc -l | tr -d ' ') files"
