#!/bin/sh
# install.sh: `make install` puts what a program needs where it says, a program outside the tree
# is built with what pkg-config answers, and `make uninstall` leaves nothing behind.
#
# Exits 77 without pkg-config.
set -eu
cd "$(dirname "$0")/../.."

: "${MAKE:=make}" "${BUILD:=build}" "${CC:=cc}"
command -v pkg-config >/dev/null || {
	echo 'skipped: pkg-config is not installed'
	exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. tests/tally.sh

# to_make TARGET VARIABLE=VALUE...
to_make() {
	"$MAKE" --no-print-directory "BUILD=$BUILD" "$@"
}

files_in() {
	(cd "$1" && find . -type f | sort | tr '\n' ' ')
}
installed='./bin/weft-trace ./include/weft.h ./lib/libweft.a ./lib/pkgconfig/weft.pc ./share/weft/weft-gdb.py '

# A folder with a space: paths are quoted. pkg-config quotes it too, for eval.
prefix="$work/a prefix"
that 'it installs' to_make install "PREFIX=$prefix"
that 'these files, and no others' test "$(files_in "$prefix")" = "$installed"

cat >"$work/hello.c" <<'PROGRAM'
#include <stdio.h>
#include "weft.h"
static void hello(struct weft *io, const void *who, void *n) { (void)io; *(int *)n = printf("hello, %s\n", (const char *)who); }
static int run(struct weft *io, int n) { struct weft_future f; weft_async(io, &f, hello, "fiber", 6, &n); weft_await(io, &f); return n == 13 ? weft_deinit(io) : 1; }
int main(void) { struct weft *io; return weft_init(&io, NULL) == 0 ? run(io, 0) : 1; }
PROGRAM
# Alone, as whoever types it has it: no flags of ours, and away from the tree.
build() {
	(
		cd "$work"
		PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
		export PKG_CONFIG_PATH
		flags=$(pkg-config --cflags --libs weft)
		eval "$CC $* hello.c $flags -o hello"
	)
}
hello_says_so() {
	[ "$("$work/hello")" = 'hello, fiber' ]
}
that 'a program is built with pkg-config' build
that 'and runs' hello_says_so
if echo 'int main(void) { return 0; }' | $CC -x c -static - -o "$work/static" 2>/dev/null; then
	that 'a static program too' build -static
	that 'and runs' hello_says_so
fi
that 'weft-trace runs from there' "$prefix/bin/weft-trace" format

# For a package: files below DESTDIR, paths without it.
that 'it installs below DESTDIR' to_make install PREFIX=/usr "DESTDIR=$work/root"
that 'the same files' test "$(files_in "$work/root/usr")" = "$installed"
that 'whose paths do not name it' grep -q '^libdir=/usr/lib$' "$work/root/usr/lib/pkgconfig/weft.pc"

echo x >"$prefix/lib/of-others"
that 'it uninstalls' to_make uninstall "PREFIX=$prefix"
that 'what it installed, and nothing else' test "$(files_in "$prefix")" = './lib/of-others '
that 'and again, when nothing is there' to_make uninstall "PREFIX=$prefix"

finish
