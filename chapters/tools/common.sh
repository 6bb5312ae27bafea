# common.sh: what the chapter scripts share. They source it, run from the repository's root,
# and are called by the Makefile, which exports CC, CFLAGS_ALL and BUILD.
# shellcheck shell=sh disable=SC2034,SC2154 # some variables are the callers'

: "${BUILD:=build}"
export BUILD

# fail STATUS WORDS...: the last words of a script that cannot go on.
fail() {
	status=$1
	shift
	echo "$*" >&2
	exit "$status"
}

# The width to write for: a terminal says it, a pipe gets 80. Exported for weft-trace.
set_columns() {
	[ -n "${COLUMNS:-}" ] || [ ! -t 1 ] || COLUMNS=$(tput cols 2>/dev/null) || COLUMNS=
	case ${COLUMNS:-} in
	'' | *[!0-9]* | ?) COLUMNS=80 ;;
	esac
	export COLUMNS
}

# wrap N: breaks long lines at spaces; what follows on the next line is indented by N.
wrap() {
	awk -v width="$COLUMNS" -v indent="$1" '{
		line = $0
		while (length(line) > width) {
			cut = width + 1
			while (cut > indent + 1 && substr(line, cut, 1) != " ")
				cut--
			if (cut == indent + 1)
				break # a word longer than a line
			print substr(line, 1, cut - 1)
			line = sprintf("%" indent "s", "") substr(line, cut + 1)
		}
		print line
	}'
}

# chapter_folder N: prints the folder of chapter N.
chapter_folder() {
	for folder in "chapters/0$1-"*/; do
		[ ! -d "$folder" ] || {
			echo "${folder%/}"
			return
		}
	done
	fail 2 "There is no chapter $1."
}

# need_built FILE...: programs that the Makefile makes.
need_built() {
	for program in "$@"; do
		[ -x "$program" ] || fail 2 "$program is not there; run \`make\` first."
	done
}

# apply_patch FILE DIRECTORY: patches the files in DIRECTORY, exactly or not at all: a context
# that has changed since the patch was written is an error. Prints what is wrong.
apply_patch() {
	patch -p1 -s -f -F 0 -d "$2" <"$1" 2>&1
}

# run_program PROGRAM ARGUMENT...: runs it traced, under the watchdog, in the folder $out;
# leaves trace.weft, output.txt and errors.txt there, and its verdict in $verdict. $seconds, if
# set, is when the watchdog bites.
run_program() {
	rm -f "$out/trace.weft" "$out/output.txt" "$out/errors.txt"
	verdict=$(WEFT_TRACE=$out/trace.weft "$BUILD/run" ${seconds:+-t "$seconds"} \
		-o "$out/output.txt" "$@" 2>"$out/errors.txt") || {
		cat "$out/errors.txt" >&2
		fail 2 "$1 cannot be run."
	}
}

# Has the trace in $out checked and told: check.txt, story.txt; what the checker answers in
# $checked (its exit status, or "none" without a trace).
check_trace() {
	rm -f "$out/check.txt" "$out/story.txt"
	checked=none
	[ -e "$out/trace.weft" ] || return 0
	checked=0
	"$BUILD/weft-trace" check "$out/trace.weft" >"$out/check.txt" 2>&1 || checked=$?
	"$BUILD/weft-trace" story "$out/trace.weft" >"$out/story.txt" 2>&1 || true
}

# first_line FILE: prints the first line that is neither empty nor a comment.
first_line() {
	sed -n '/^#/d; /^ *$/d; p; q' "$1"
}
