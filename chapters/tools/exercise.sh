#!/bin/sh
# exercise.sh work N.k: copies the start of exercise N.k to work/N.k/ for the reader. Work that
# is there stays; FORCE=1 moves it aside first.
# exercise.sh check N.k [DIRECTORY]: grades work/N.k/, or DIRECTORY; exits 0 if it is solved.
# exercise.sh selftest N: chapter N's exercises themselves: the start builds and fails, the
# solution passes, each wrong one builds and fails.
#
# An exercise is a folder chapters/0N-*/exercises/k/ with task.md, hints.md, start.c (and
# start.S), solution.patch and at least two wrong-*.patch, for patch -p1 on a copy of the start,
# and check, whose lines are
#   # ...            a comment
#   needs TOOL       a name that need.sh knows
#   build native     (or nothing:) with the library, from start.c and start.S
#   build aarch64    for aarch64, without the library; runs under qemu-aarch64
#   weft no          native, but without the library
#   exit 3           how it ends; also "signal SEGV", "timeout"
#   prints TEXT      it prints this line
#   rule RULE        weft-trace rules finds that the rule holds in its trace
# The last three kinds are the conditions; they are graded in the order in which they stand.
set -eu
# shellcheck source=chapters/tools/common.sh
. "$(dirname "$0")/common.sh"

usage() {
	fail 2 'usage: exercise.sh work N.k | check N.k [DIRECTORY] | selftest N'
}

# What grade returns.
solved=0 unsolved=1 uncompiled=3 unusable=4

# select_exercise N.k: sets $name, $folder (the chapter's) and $exercise; ends the script where
# there is nothing to grade.
select_exercise() {
	name=$1
	case $name in
	*[!0-9.]* | *.*.* | .* | *. | '') usage ;;
	*.*) ;;
	*) usage ;;
	esac
	folder=$(chapter_folder "${name%.*}")
	exercise=$folder/exercises/${name#*.}
	[ ! -e "$exercise/check" ] || return 0
	if [ -e "$exercise/task.md" ]; then
		echo "Exercise $name is not graded; it is described in $exercise/task.md."
	elif mentions "$folder/README.md"; then
		echo "Exercise $name is answered in the chapter: $folder/README.md."
	else
		fail 2 "There is no exercise $name."
	fi
	exit 0
}

mentions() {
	pattern=$(echo "$name" | sed 's/\./\\./')
	grep -qE "(^|[^0-9.])$pattern([^0-9]|\$)" "$1" 2>/dev/null
}

# ---- work ----

copy_start() {
	mkdir -p "$1"
	for file in "$exercise"/start.*; do
		cp "$file" "$1/"
	done
}

# Moves the reader's work to the first free name.
move_aside() {
	free=1
	while [ -e "$1.old.$free" ]; do
		free=$((free + 1))
	done
	mv "$1" "$1.old.$free"
	echo "Your earlier work is now in $1.old.$free/."
}

start_work() {
	select_exercise "$1"
	work=work/$name
	if [ -e "$work" ] && [ "${FORCE:-0}" = 1 ]; then
		move_aside "$work"
	elif [ -e "$work" ]; then
		fail 1 "$work/ is there already and stays as it is; with FORCE=1 it is moved aside."
	fi
	copy_start "$work"
	echo "task:  $exercise/task.md"
	echo "hints: $exercise/hints.md"
	echo Edit "$work"/start.* "and grade it with: make check-$name"
}

# ---- check ----

# Reads $exercise/check: $build, $weft, $needs, and the conditions to $out/conditions.
read_check() {
	build=native weft=yes needs=
	: >"$out/conditions"
	while read -r word rest || [ -n "$word" ]; do
		case $word:$rest in
		: | '#'*) ;;
		build:native | build:aarch64) build=$rest ;;
		weft:yes | weft:no) weft=$rest ;;
		needs:?*) needs="$needs $rest" ;;
		exit:* | signal:* | timeout: | prints:* | rule:?*)
			echo "$word${rest:+ $rest}" >>"$out/conditions"
			;;
		*)
			echo "$exercise/check: cannot read \"$word $rest\"." >&2
			return 1
			;;
		esac
	done <"$exercise/check"
	[ -s "$out/conditions" ] || {
		echo "$exercise/check: it asks for nothing." >&2
		return 1
	}
}

# compile DIRECTORY: the reader's program becomes $out/program. The compiler speaks for itself.
compile() {
	directory=$1
	set -- "$directory/start.c"
	[ ! -e "$directory/start.S" ] || set -- "$@" "$directory/start.S"
	# shellcheck disable=SC2086 # CC and the flags are several words
	case $build:$weft in
	aarch64:*) $(aarch64_compiler) -std=c17 -D_GNU_SOURCE -O2 -g -Wall -static "$@" \
		-lpthread -o "$out/program" ;;
	native:no) ${CC:-cc} ${CFLAGS_ALL:--O2 -g} "$@" -lpthread -o "$out/program" ;;
	native:yes) ${CC:-cc} ${CFLAGS_ALL:--std=c17 -D_GNU_SOURCE -DWEFT_TRACING -O2 -g -Wall -Wextra} \
		-Isrc -I. "$@" "$BUILD/libweft.a" -lpthread -o "$out/program" ;;
	esac
}

on_aarch64() {
	[ "$(uname -sm)" = 'Linux aarch64' ]
}

aarch64_compiler() {
	if on_aarch64; then
		echo "${CC:-cc}"
	else
		echo aarch64-linux-gnu-gcc
	fi
}

run_work() {
	if [ "$build" = aarch64 ] && ! on_aarch64; then
		run_program qemu-aarch64 "$out/program"
	else
		run_program "$out/program"
	fi
}

# holds CONDITION: whether it holds of the last run; what stands against it to $out/against.
holds() {
	: >"$out/against"
	case $1 in
	prints\ * | prints)
		text=${1#prints}
		grep -qxF -e "${text# }" "$out/output.txt" || {
			echo "it printed:" >"$out/against"
			head -n 5 "$out/output.txt" >>"$out/against"
			return 1
		}
		;;
	rule\ *)
		[ -e "$out/trace.weft" ] || {
			echo 'it left no trace' >"$out/against"
			return 1
		}
		"$BUILD/weft-trace" rules "$out/trace.weft" "${1#rule }" >"$out/against" 2>&1
		;;
	*)
		[ "$verdict" = "$1" ] || {
			echo "it ended with: $verdict" >"$out/against"
			return 1
		}
		;;
	esac
}

# Prints a line for each condition; sets $held and $asked.
judge() {
	held=0 asked=0
	while IFS= read -r condition; do
		asked=$((asked + 1))
		if holds "$condition"; then
			held=$((held + 1))
			echo "ok       $condition"
		else
			echo "not yet  $condition"
			sed 's/^/           /' "$out/against"
		fi
	done <"$out/conditions"
}

# grade DIRECTORY: builds, runs and judges what is there; returns how it stands.
grade() {
	rm -rf "$out"
	mkdir -p "$out"
	read_check || return $unusable
	# shellcheck disable=SC2086 # a list of words
	sh chapters/tools/need.sh compiler $needs || return $unusable
	compile "$1" || return $uncompiled
	run_work
	head -n 5 "$out/errors.txt" >&2
	judge
	[ "$held" = "$asked" ] || return $unsolved
}

check_work() {
	select_exercise "$1"
	work=${2:-work/$name}
	out=$BUILD/exercise-$name
	[ -e "$work/start.c" ] ||
		fail 1 "There is no $work/start.c; begin exercise $name with: make work-$name"
	standing=$solved
	grade "$work" || standing=$?
	case $standing in
	"$solved") echo "exercise $name solved" ;;
	"$unsolved")
		echo "hints: $exercise/hints.md"
		echo "exercise $name: $held of $asked hold"
		;;
	"$uncompiled") echo "exercise $name: it does not compile" ;;
	*) echo "exercise $name: it cannot be graded here" ;;
	esac
	[ "$standing" = "$solved" ] || exit 1
}

# ---- selftest ----

# try_patch WANTED NAME [PATCH]: grades a copy of the start, patched, and prints one line.
try_patch() {
	copy=$BUILD/selftest-$name
	rm -rf "$copy" "$copy.log"
	copy_start "$copy"
	if [ -n "${3:-}" ] && ! apply_patch "$3" "$copy"; then
		count failed "$2" "the patch does not apply to the start"
		return
	fi
	standing=$solved
	grade "$copy" >"$copy.log" 2>&1 || standing=$?
	case $standing in
	"$1") count passed "$2" "$(word_for "$standing")" ;;
	*)
		cat "$copy.log"
		count failed "$2" "$(word_for "$standing"), not $(word_for "$1")"
		;;
	esac
}

word_for() {
	case $1 in
	"$solved") echo solved ;;
	"$unsolved") echo 'builds and fails' ;;
	"$uncompiled") echo 'does not compile' ;;
	*) echo 'cannot be graded' ;;
	esac
}

# count passed|failed WHAT WORDS: one line, one more of its kind.
count() {
	if [ "$1" = passed ]; then
		passed=$((passed + 1))
		echo "ok     exercise $name, $2: $3"
	else
		failed=$((failed + 1))
		echo "FAILED exercise $name, $2: $3"
	fi
}

selftest_exercise() {
	name=$1
	exercise=$2
	out=$BUILD/exercise-$name
	try_patch $unsolved start
	if [ -e "$exercise/solution.patch" ]; then
		try_patch $solved solution "$exercise/solution.patch"
	else
		count failed solution 'there is none'
	fi
	wrong=0
	for patch in "$exercise"/wrong-*.patch; do
		[ -e "$patch" ] || continue
		wrong=$((wrong + 1))
		try_patch $unsolved "$(basename "$patch" .patch)" "$patch"
	done
	[ "$wrong" -ge 2 ] || count failed wrong "$wrong wrong patches, at least 2 are asked for"
	rm -rf "$copy" "$copy.log"
}

selftest() {
	folder=$(chapter_folder "$1")
	passed=0 failed=0
	for check in "$folder"/exercises/*/check; do
		[ -e "$check" ] || continue
		path=${check%/check}
		selftest_exercise "$1.${path##*/}" "$path"
	done
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

case $#:${1:-} in
2:work) start_work "$2" ;;
2:check | 3:check)
	need_built "$BUILD/weft-trace" "$BUILD/run"
	check_work "$2" "${3:-}"
	;;
2:selftest)
	need_built "$BUILD/weft-trace" "$BUILD/run"
	sh chapters/tools/need.sh compiler patch
	selftest "$2"
	;;
*) usage ;;
esac
