#!/bin/sh
# aarch64.sh: the library for Linux on aarch64, run on another processor by qemu-user: the
# Criterion tests of the modules of src/, the portable tests, and the demos.
#
# Criterion and the libraries it needs are Debian's arm64 packages. apt-get fetches them (some
# 10 MB) with lists and settings of its own in $BUILD/aarch64, and they are unpacked there;
# nothing is installed, and the system's own packages stay as they are.
#
# qemu runs each processor instruction as it is written, but not the reordering that a real
# aarch64 processor may do. Exits 77 without qemu-aarch64, the cross compiler or apt-get, and on
# a machine that is aarch64, where `make test` does all this.
set -eu
cd "$(dirname "$0")/../.."

: "${BUILD:=build}"
out=$BUILD/aarch64
root=$out/root
cc=aarch64-linux-gnu-gcc
modules='base context poller fiber scheduler future'

skip() {
	echo "skipped: $*"
	exit 77
}

[ "$(uname -m)" != aarch64 ] || skip 'this machine is aarch64; make test is enough'
for tool in qemu-aarch64 $cc apt-get dpkg; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done

# ---- Criterion ----

# apt WORDS...: apt-get, as on an arm64 machine on which nothing is installed.
apt() {
	state=$(cd "$out" && pwd)/apt
	mkdir -p "$state/state/lists/partial" "$state/cache/archives/partial"
	: >"$state/status"
	apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
		-o Dir::State="$state/state" -o Dir::State::status="$state/status" \
		-o Dir::Cache="$state/cache" -o APT::Sandbox::User=root \
		-o Debug::NoLocking=1 "$@"
}

# The headers of other libraries and the C library's own are not needed: the cross compiler has
# them.
unpack() {
	rm -rf "$root.new"
	mkdir -p "$root.new"
	for package in "$out"/apt/cache/archives/*.deb; do
		case ${package##*/} in
		libcriterion-dev_*) ;;
		*-dev_* | *-bin_* | pkg*) continue ;;
		esac
		dpkg -x "$package" "$root.new"
	done
	rm -rf "$root"
	mv "$root.new" "$root"
}

fetch() {
	mkdir -p "$out"
	if ! { apt update && apt install -y --download-only --no-install-recommends \
		libcriterion-dev; } >"$out/apt.log" 2>&1; then
		cat "$out/apt.log"
		skip 'the arm64 packages of Criterion cannot be fetched'
	fi
	unpack
}

[ -e "$root/usr/include/criterion/criterion.h" ] || fetch

# ---- building and running ----

EMULATOR=$(command -v qemu-aarch64)
EMULATOR_ROOT=$(cd "$root" && pwd)
export EMULATOR EMULATOR_ROOT
. tests/tally.sh

make_for() {
	"${MAKE:-make}" --no-print-directory ${JOBS:+"-j$JOBS"} WERROR=1 EMULATED=1 CC=$cc \
		AR=aarch64-linux-gnu-ar BUILD="$out" MODULES="$modules" \
		CFLAGS="-I$root/usr/include -L$root/usr/lib/aarch64-linux-gnu -Wl,--allow-shlib-undefined" \
		"$@" >"$out/make.log" 2>&1 || { tail -n 40 "$out/make.log"; exit 1; }
}

emulated() {
	"$EMULATOR" -L "$EMULATOR_ROOT" "$@"
}

make_for criterion
CRITERION_ONLY=1 BUILD="$out" sh tests/run.sh >"$out/criterion.log" 2>&1 || true
grep -v '^qemu: uncaught target signal' "$out/criterion.log"
add "$out/criterion.log" || true # counted

sh tests/platforms/flat.sh "$out/flat"
(cd "$out/flat" && $cc -O2 ./*.c ./*.S -lpthread)
emulated "$out/flat/a.out" >"$out/portable.log" 2>&1 || true
grep -v '^qemu: uncaught target signal' "$out/portable.log" | sed 's/^/portable: /'
add "$out/portable.log" || true

for demo in chapters/*/demo.c; do
	chapter=$(basename "$(dirname "$demo")")
	number=${chapter#0}
	number=${number%%-*}
	make_for "$out/chapter-$number/demo"
	that "$chapter's demo runs" \
		emulated -E "WEFT_TRACE=$out/$chapter.weft" "$out/chapter-$number/demo"
	[ ! -x "$BUILD/weft-trace" ] ||
		that "$chapter's trace holds" "$BUILD/weft-trace" check "$out/$chapter.weft"
done
finish
