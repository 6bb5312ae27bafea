#!/bin/sh
# build.sh PROGRAM: makes the benchmark: PROGRAM, which asks, and beside it PROGRAM-weft,
# PROGRAM-limits, and, of PROGRAM-boost, PROGRAM-go and PROGRAM-tokio, those whose tools are here.
# Nothing is fetched: Tokio and what it needs come from the folder where Debian puts crates.
set -eu

: "${BUILD:=build}" "${CC:=cc}" "${CRATES:=/usr/share/cargo/registry}"
program=$1
folder=tests/bench/scheduler

# compile SIDE SOURCE...
compile() {
	side=$1
	shift
	# shellcheck disable=SC2086
	$CC $CFLAGS_ALL -I$folder "$@" "$BUILD/libweft.a" -lpthread -o "$program$side"
}

build_boost() {
	g++ -O2 -Isrc -I. -I$folder $folder/boost_side.cpp tests/bench/fiber/boost_peer.cpp \
		-lboost_fiber -lboost_context -lpthread -o "$program-boost"
}

# With a cache of its own.
build_go() {
	mkdir -p "$program-go.cache" &&
		GOCACHE=$(cd "$program-go.cache" && pwd) GOTOOLCHAIN=local GOPROXY=off \
			GO111MODULE=off go build -o "$program-go" $folder/go_side.go
}

# In a copy, as cargo writes beside the source. TOKIO_VERSION is what the folder of crates has.
build_tokio() {
	copy=$program-tokio.cargo
	version=$(cd "$CRATES" && echo tokio-[0-9]*) &&
		rm -rf "$copy/src" "$copy"/Cargo.* && mkdir -p "$copy" &&
		cp -R $folder/tokio/. "$copy" &&
		TOKIO_VERSION=${version#tokio-} cargo build --quiet --release --offline \
			--manifest-path "$copy/Cargo.toml" --target-dir "$copy/target" \
			--config 'source.crates-io.replace-with="crates"' \
			--config "source.crates.directory=\"$CRATES\"" &&
		cp "$copy/target/release/tokio_side" "$program-tokio"
}

# peer NAME TOOL: builds the side where its tool is; says what went wrong where it does not build.
peer() {
	rm -f "$program-$1"
	command -v "$2" >/dev/null 2>&1 || return 0
	"build_$1" >"$program-$1.log" 2>&1 || {
		echo "scheduler: no side for $1, as it does not build; see $program-$1.log" >&2
		rm -f "$program-$1"
	}
}

compile '' $folder/scheduler_bench.c tests/bench/sides.c
compile -weft $folder/weft_side.c tests/bench/weft_loads.c
compile -limits $folder/limits_side.c
peer boost g++
peer go go
peer tokio cargo
