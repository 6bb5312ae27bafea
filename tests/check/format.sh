#!/bin/sh
# format.sh [ROOT]: every .c and .h file is laid out as .clang-format says.
set -eu
cd "${1:-.}"

: "${CLANG_FORMAT:=clang-format}"
command -v "$CLANG_FORMAT" >/dev/null 2>&1 || {
	echo 'format: skipped (clang-format is not here)'
	exit 0
}

folders=
for folder in src trace tests chapters; do
	[ ! -d "$folder" ] || folders="$folders $folder"
done
# shellcheck disable=SC2086 # no path of ours has a space
files=$(find $folders -type f \( -name '*.c' -o -name '*.h' \) | sort)
total=0 bad=0
for file in $files; do
	total=$((total + 1))
	first=$("$CLANG_FORMAT" --dry-run -Werror "$file" 2>&1 >/dev/null | head -n 1)
	[ -z "$first" ] || {
		bad=$((bad + 1))
		echo "$first" | sed 's/: error: .*/: not as clang-format lays it out/'
	}
done
if [ "$bad" = 0 ]; then
	echo "format: ok ($total files)"
else
	echo "format: FAILED ($bad of $total files; clang-format -i rewrites them)"
	exit 1
fi
