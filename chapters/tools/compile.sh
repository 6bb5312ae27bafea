#!/bin/sh
# compile.sh OUTPUT ROOT SOURCE...: compiles the library under ROOT and the SOURCEs into the
# program OUTPUT, in one command and beside the Makefile: ROOT is "." or a patched copy.
#
# Takes CC and CFLAGS_ALL from the Makefile. The trace's sites name files as they are called
# under ROOT, so that a patched copy's pictures name the same files as the book.
set -eu

[ $# -ge 3 ] || {
	echo 'usage: compile.sh OUTPUT ROOT SOURCE...' >&2
	exit 2
}
output=$1 root=$2
shift 2

: "${CC:=cc}"
: "${CFLAGS_ALL:=-std=c17 -D_GNU_SOURCE -DWEFT_TRACING -O2 -g -Wall -Wextra}"

# The flags but for the include paths, which lead to the repository's own files.
flags=
for flag in $CFLAGS_ALL; do
	case $flag in
	-Isrc | -I.) ;;
	*) flags="$flags $flag" ;;
	esac
done

# The library's objects are kept, named by what they are made of: most copies differ in one file.
# $1 is a source.
objects=${BUILD:-build}/objects
mkdir -p "$objects"
headers=$(cat "$root"/src/*.h "$root"/src/*/*.h "$root"/trace/*.h "$root"/trace/*.def | cksum)
object_of() {
	made_of=$(printf '%s\n' "$CC $flags" "$headers" "$(cksum <"$1")" | cksum)
	echo "$objects/$(basename "$1")-$(echo "$made_of" | tr ' ' -).o"
}

# Under another name first: somebody else may be making the same.
for file in "$root"/src/*/*.c "$root"/src/*/*.S "$root/trace/trace.c"; do
	[ -e "$file" ] || continue
	object=$(object_of "$file")
	if [ ! -e "$object" ]; then
		# shellcheck disable=SC2086 # CC and the flags are several words
		$CC $flags "-fmacro-prefix-map=$root/=" -I "$root/src" -I "$root" -c "$file" \
			-o "$object.$$"
		mv "$object.$$" "$object"
	fi
	set -- "$@" "$object"
done

# shellcheck disable=SC2086 # CC and the flags are several words
exec $CC $flags "-fmacro-prefix-map=$root/=" -I "$root/src" -I "$root" "$@" \
	-lpthread -o "$output"
