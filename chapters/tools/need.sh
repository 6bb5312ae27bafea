#!/bin/sh
# need.sh [--optional] WHAT...: sees to it that tools are there. Silent when they are.
#
# Missing ones: says which packages and how much disk they take, and installs them with apt-get
# when root, or with YES=1 through sudo. NO_INSTALL=1 never installs. Where there is no apt-get
# it names the packages, as far as the names are certain. Exits 0 if everything is there in the
# end, else 1; with --optional always 0, after saying what the missing tools would add.
#
# Each probe asks for what is used (a header, a library), not for a package, so that a tool
# built by hand counts.
set -eu
# shellcheck source=chapters/tools/common.sh
. "$(dirname "$0")/common.sh"

: "${CC:=cc}" "${CRATES:=/usr/share/cargo/registry}"
log=$BUILD/need.log

# What each tool is called by package managers ("-": not certain), and what it is for.
#    tool|apt-get|brew|dnf|pacman|apk|pkg|what it adds
table='
compiler|gcc libc6-dev|-|gcc glibc-devel|gcc|gcc musl-dev|-|everything
graphviz|graphviz|graphviz|graphviz|graphviz|graphviz|graphviz|the fiber-switch diagram
matplotlib|python3-matplotlib|python-matplotlib|python3-matplotlib|python-matplotlib|py3-matplotlib|-|the lanes and the stack picture
python|python3|python|python3|python|python3|python3|the checks of the text
criterion|libcriterion-dev|criterion|-|-|-|-|the tests of the library
gdb|gdb|gdb|gdb|gdb|gdb|gdb|the test of backtraces
valgrind|valgrind|-|valgrind|valgrind|valgrind|valgrind|the tests under valgrind
clang|clang libclang-rt-MAJOR-dev|llvm|clang compiler-rt|clang compiler-rt|clang compiler-rt|-|the second compiler and its sanitizers
boost|libboost-context1.81-dev libboost-fiber1.81-dev g++|boost|boost-devel|boost|boost-dev|boost-libs|the comparisons with Boost.Context and Boost.Fiber
go|golang-go|go|golang|go|go|go|the comparison with Go
statethreads|libst-dev|-|-|-|-|-|the comparison with State Threads
tokio|librust-tokio-dev rustc cargo|-|-|-|-|-|the comparison with Tokio
pandoc|pandoc|pandoc|pandoc|pandoc|pandoc|-|the book as HTML
clang-format|clang-format|clang-format|clang-tools-extra|clang|-|-|the check of the formatting
patch|patch|gpatch|patch|patch|patch|-|the broken variants
pkg-config|pkg-config|pkgconf|pkgconf|pkgconf|pkgconf|pkgconf|the test of the installation
strace|strace|-|strace|strace|strace|-|the counts of system calls
debootstrap|debootstrap|-|debootstrap|debootstrap|debootstrap|-|the run on a fresh Debian root
lttng|liblttng-ust-dev lttng-tools|-|lttng-ust-devel lttng-tools|-|-|-|the comparison with LTTng-UST
qemu-aarch64|qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross|-|-|-|-|-|programs for aarch64
musl|musl-tools|-|musl-gcc|musl|-|-|the tests with musl
npm|npm|node|npm|npm|npm|npm|zig, for programs for macOS and the BSDs
xxd|xxd|-|-|-|xxd|-|the trace in hexadecimal
shellcheck|shellcheck|shellcheck|ShellCheck|shellcheck|shellcheck|-|the check of the scripts
'

# ---- probes ----

has() {
	command -v "$1" >/dev/null 2>&1
}

has_header() {
	for directory in /usr/include /usr/local/include /opt/homebrew/include; do
		[ ! -e "$directory/$1" ] || return 0
	done
	# shellcheck disable=SC2086 # CC may be several words
	has "${CC%% *}" && echo "#include <$1>" | $CC -x c -E - >/dev/null 2>&1
}

# The import takes a while, so the interpreter and the module it found are remembered, and
# believed as long as both files are there.
has_matplotlib() {
	cache=$BUILD/.need-matplotlib
	if [ -r "$cache" ] && { read -r python && read -r module; } <"$cache" &&
		[ -x "$python" ] && [ -e "$module" ]; then
		return 0
	fi
	rm -f "$cache"
	ask='import sys, matplotlib; print(sys.executable); print(matplotlib.__file__)'
	for python in "${PYTHON:-}" python3 /usr/bin/python3 /usr/local/bin/python3; do
		[ -n "$python" ] || continue
		found=$("$python" -c "$ask" 2>/dev/null) || continue
		mkdir -p "$BUILD"
		echo "$found" >"$cache"
		return 0
	done
	return 1
}

has_clang_with_sanitizers() {
	has clang || return 1
	for runtime in "$(clang -print-resource-dir)"/lib/*/libclang_rt.asan*; do
		[ ! -e "$runtime" ] || return 0
	done
	return 1
}

has_aarch64() {
	case $(uname -sm) in
	'Linux aarch64') return 0 ;;
	esac
	has qemu-aarch64 && has aarch64-linux-gnu-gcc &&
		[ -e /usr/aarch64-linux-gnu/include/stdio.h ]
}

# Where Debian puts crates; cargo is to fetch none.
has_crate() {
	for crate in "$CRATES/$1"-[0-9]*; do
		[ ! -e "$crate" ] || return 0
	done
	return 1
}

have() {
	case $1 in
	compiler) has "${CC%% *}" && has_header stdio.h ;;
	graphviz) has dot && has neato ;;
	matplotlib) has_matplotlib ;;
	python) has "${PYTHON:-python3}" ;;
	criterion) has_header criterion/criterion.h ;;
	clang) has_clang_with_sanitizers ;;
	boost)
		has_header boost/context/detail/fcontext.hpp &&
			has_header boost/fiber/all.hpp && has g++
		;;
	statethreads) has_header st.h ;;
	tokio) has cargo && has rustc && has_crate tokio ;;
	qemu-aarch64) has_aarch64 ;;
	musl) has musl-gcc ;;
	lttng) has_header lttng/tracepoint.h && has lttng ;;
	*) has "$1" ;;
	esac
}

find_missing() {
	missing=
	for what in "$@"; do
		have "$what" || missing="$missing $what"
	done
	missing=${missing# }
}

# ---- names ----

# column TOOL N: the N-th entry of the tool's line.
column() {
	echo "$table" | grep "^$1|" | cut -d '|' -f "$2"
}

known_only() {
	for what in "$@"; do
		echo "$table" | grep -q "^$what|" || fail 2 "need.sh: what is \"$what\"?"
	done
}

# The packages that bring all missing tools, on Debian and its kin.
debian_packages() {
	for what in $missing; do
		case $what:${CC%% *} in
		compiler:clang* | compiler:gcc*) echo "${CC%% *} libc6-dev" ;;
		clang:*) column clang 2 | sed "s/MAJOR/$(clang_major)/" ;;
		*) column "$what" 2 ;;
		esac
	done | tr '\n' ' ' | sed 's/ $//'
}

clang_major() {
	has clang && clang -dumpversion | cut -d . -f 1 || echo 14
}

# What the missing tools would add, with commas.
additions() {
	for what in $missing; do
		column "$what" 8
	done | awk '{ printf "%s%s", (NR > 1 ? ", " : ""), $0 }'
}

# ---- apt-get ----

is_root() {
	[ "$(id -u)" = 0 ]
}

may_install() {
	[ "${NO_INSTALL:-0}" != 1 ] || return 1
	is_root || { [ "${YES:-0}" = 1 ] && has sudo; }
}

as_root() {
	if is_root; then
		"$@"
	else
		sudo "$@"
	fi
}

# Prints how much disk the packages would take. Fails if apt-get does not know one. With
# --print-uris it installs nothing and needs no lock.
measure() {
	LC_ALL=C apt-get install --no-install-recommends --print-uris -y "$@" >"$log" 2>&1 ||
		return 1
	sed -n 's/^After this operation, \(.*\) of additional disk space.*/\1/p
		s/^ *Space needed: \([^/]*[^/ ]\) *\/.*/\1/p' "$log"
}

update() {
	as_root apt-get update -q -o DPkg::Lock::Timeout=120 >"$log" 2>&1 && updated=1
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
		--no-install-recommends -o DPkg::Lock::Timeout=120 "$@" >"$log" 2>&1
}

apt_failed() {
	echo 'apt-get failed:'
	tail -n 6 "$log" | sed 's/^/  /'
	echo "All it said is in $log. Is there a network? To try again:"
	how_to_install
}

# The lists of a machine just made are empty, those of an old one name packages that the
# archive no longer has: so an install that fails is tried again after an update.
# shellcheck disable=SC2086 # $packages is one word a package
with_apt() {
	mkdir -p "$BUILD"
	updated=0
	packages=$(debian_packages)
	size=$(measure $packages) ||
		{ may_install && update && size=$(measure $packages); } || size=
	echo "Missing: $packages (${size:-unknown size} on disk)."
	if ! may_install; then
		how_to_install
		return
	fi
	echo 'Installing, which may take minutes; with NO_INSTALL=1 it would not.'
	apt_install $packages ||
		{ [ "$updated" = 0 ] && update && apt_install $packages; } || apt_failed
}

how_to_install() {
	command="apt-get install --no-install-recommends $packages"
	if is_root; then
		echo "To install: $command"
	elif ! has sudo; then
		echo "To install, as root: $command"
	elif [ "${NO_INSTALL:-0}" = 1 ]; then
		echo "To install: sudo $command"
	else
		echo "YES=1 installs them, or: sudo $command"
	fi
}

# ---- other systems ----

# without_apt: names the packages in the words of the package manager that is there.
without_apt() {
	names='' nameless=''
	number=3 manager=
	for candidate in brew dnf pacman apk pkg; do
		has "$candidate" && manager=$candidate && break
		number=$((number + 1))
	done
	for what in $missing; do
		name=-
		[ -z "$manager" ] || name=$(column "$what" "$number")
		case $name in
		-) nameless="$nameless $what" ;;
		*) names="$names $name" ;;
		esac
	done
	echo "Missing: $missing."
	case $manager in
	pacman) verb=-S ;;
	apk) verb=add ;;
	*) verb=install ;;
	esac
	[ -z "$names" ] || echo "To install: $manager $verb$names"
	[ -z "$nameless" ] || echo "Your system has its own way to get:$nameless."
}

# ---- main ----

optional=0
[ "${1:-}" != --optional ] || {
	optional=1
	shift
}
known_only "$@"
find_missing "$@"
[ -n "$missing" ] || exit 0
if has apt-get; then
	with_apt
	find_missing "$@"
else
	without_apt
fi
[ -n "$missing" ] || exit 0
[ "$optional" = 1 ] || exit 1
echo "Without $(echo "$missing" | sed 's/ /, /g') there is no: $(additions)."
