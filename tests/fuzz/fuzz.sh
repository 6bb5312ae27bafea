#!/bin/sh
# fuzz.sh [run|readers]: every harness of tests/fuzz on its corpus; with "run", on inputs that
# libFuzzer makes of it; with "readers", the traces of the corpus in C and in Python.
#
# Without a word, as `make test` has it, each file of corpus/NAME/ is given to its harness, built
# with the compiler at hand, ASan and UBSan. A file passes if the harness comes back from it
# with an exit code of weft-trace, and with the one that `expected` has for it.
#
# With "run", as `make fuzz` has it: RUNS=N executions a harness, or SECONDS_EACH seconds (12), or
# of one harness alone, HARNESS=records. What is new goes to $BUILD/fuzz/corpus/, what fails to
# $BUILD/fuzz/findings/, and a table tells of both. Exits 1 when there was a finding.
#
# With "readers", both readers get each trace of the corpus and CASES (600) damaged copies.
set -eu

here=tests/fuzz
: "${BUILD:=build}"
: "${MAKE:=make}"
: "${HARNESS:=}"
: "${SECONDS_EACH:=12}"
work=$BUILD/fuzz
# A finding ends the process at once, and a harness holds its memory no longer than it must.
export ASAN_OPTIONS="quarantine_size_mb=4:malloc_context_size=8:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
checks='-fsanitize=address,undefined -fno-sanitize-recover=all'

harnesses() {
	for source in "$here"/fuzz_*.c; do
		name=${source#"$here"/fuzz_}
		name=${name%.c}
		[ -n "$HARNESS" ] && [ "$HARNESS" != "$name" ] || echo "$name"
	done
}

# build GOAL DIRECTORY SETTINGS...: says what make says only when it fails.
build() {
	goal=$1 directory=$2
	shift 2
	mkdir -p "$directory"
	"$MAKE" --no-print-directory -j2 BUILD="$directory" "$@" "$goal" \
		>"$directory/make.log" 2>&1 || {
		tail -n 30 "$directory/make.log"
		echo "fuzz.sh: the harnesses do not build"
		exit 1
	}
}

# ---- the corpus, again ----

# Not every compiler has the sanitizers' libraries with it.
sanitizers() {
	program=$work/probe
	echo 'int main(void) { return 0; }' >"$program.c"
	# shellcheck disable=SC2086 # $checks is one word a flag
	if ${CC:-cc} $checks "$program.c" -o "$program" >/dev/null 2>&1; then
		echo "$checks"
	fi
}

# Lines of "PATH CODE" against the files there are and the codes that are expected.
judge() {
	awk -v name="$1" -v status="$2" -v expected="$here/expected" '
	BEGIN {
		while ((getline line <expected) > 0)
			if (split(line, word, " ") == 2 && word[1] !~ /^#/) code[word[1]] = word[2]
	}
	FNR == NR { got[$1] = $2; next }
	{
		key = $1
		sub(/.*corpus\//, "", key)
		if (!($1 in got)) {
			print "FAILED " key ": the harness ended here (status " status "), or before"
			failed++
		} else if (got[$1] !~ /^[0-4]$/ || (key in code && code[key] != got[$1])) {
			print "FAILED " key ": exit code " got[$1] ", not " (key in code ? code[key] : "0 to 4")
			failed++
		} else
			passed++
		seen[key] = 1
	}
	END {
		for (key in code)
			if (index(key, name "/") == 1 && !(key in seen)) {
				print "FAILED " key ": it is expected, and not there"
				failed++
			}
		if (!passed && !failed) {
			print "FAILED " name ": its corpus is empty"
			failed++
		}
		print passed + 0, failed + 0
	}' "$work/$1.codes" "$work/$1.files" >"$work/$1.verdict"
	sed '$d' "$work/$1.verdict"
	# shellcheck disable=SC2046 # two numbers
	set -- $(tail -n 1 "$work/$1.verdict")
	passed=$((passed + $1)) failed=$((failed + $2))
}

build_replays() {
	flags=$(sanitizers)
	[ -n "$flags" ] || echo 'This compiler has no sanitizers: only crashes will be seen.'
	build fuzz-replays "$work/replay" OPT=-O1 "SANITIZE=$flags"
}

replay() {
	passed=0 failed=0
	build_replays
	for name in $(harnesses); do
		status=0
		find "$here/corpus/$name" -type f | LC_ALL=C sort >"$work/$name.files"
		xargs "$work/replay/replay-$name" <"$work/$name.files" \
			>"$work/$name.codes" 2>"$work/$name.log" || status=$?
		[ "$status" = 0 ] || tail -n 30 "$work/$name.log"
		judge "$name" "$status"
		echo "$name: $(wc -l <"$work/$name.files" | tr -d ' ') files"
	done
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
}

# ---- two readers ----

readers() {
	sh chapters/tools/python.sh -c pass 2>/dev/null || {
		echo 'it needs python3'
		exit 77
	}
	build_replays
	traces=$work/traces
	rm -rf "$traces"
	for name in file records text; do
		mkdir -p "$traces/$name"
		"$work/replay/replay-$name" -o "$traces/$name" "$here/corpus/$name"/* \
			>"$work/$name.log" 2>&1 || {
			tail -n 30 "$work/$name.log"
			exit 1
		}
	done
	PYTHONPATH=viz exec sh chapters/tools/python.sh -B "$here/readers.py" "$BUILD/weft-trace" \
		"${CASES:-600}" "$traces/file" "$traces/records" "$traces/text"
}

# ---- something new ----

row() {
	printf '%-10s %12s %8s %8s %12s %9s\n' "$@"
}

# tell NAME LOG FINDINGS: the harness's line of the table, from libFuzzer's last words.
tell() {
	awk -v name="$1" -v findings="$3" '
	/^INFO: Loaded .* counters\)/ { match($0, /\([0-9]+ inline/); edges = substr($0, RSTART + 1, RLENGTH - 8) }
	/^Done / { seconds = $5 }
	/^stat::number_of_executed_units/ { runs = $2 }
	/cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i + 1); if ($i == "corp:") corpus = $(i + 1) } }
	END {
		sub(/\/.*/, "", corpus)
		print name, runs + 0, seconds + 0, corpus + 0, cov + 0 "/" edges + 0, findings
	}' "$2"
}

# one NAME: fuzzes it, with a line of progress now and then. Leaves its row in $work/rows.
one() {
	name=$1
	mkdir -p "$work/corpus/$name" "$work/findings"
	limit="-max_total_time=$SECONDS_EACH"
	[ -z "${RUNS:-}" ] || limit="-runs=$RUNS"
	set -- "$work/corpus/$name" "$here/corpus/$name"
	[ ! -e "$here/$name.dict" ] || set -- "-dict=$here/$name.dict" "$@"
	before=$(find "$work/findings" -name "$name-*" | wc -l)
	"$work/clang/fuzz-$name" "$limit" -max_len=16384 -timeout=10 -rss_limit_mb=1024 \
		-print_final_stats=1 -artifact_prefix="$work/findings/$name-" "$@" \
		>"$work/$name.log" 2>&1 &
	fuzzer=$!
	while kill -0 $fuzzer 2>/dev/null; do
		sleep 4
		awk -v name="$name" '/^#[0-9]/ { line = $0 } END { if (line) print "  " name ": " line }' \
			"$work/$name.log" | cut -c 1-100
	done
	status=0
	wait $fuzzer || status=$?
	after=$(find "$work/findings" -name "$name-*" | wc -l)
	[ "$status" = 0 ] || {
		grep -aE 'does not hold|ERROR|runtime error|Test unit' "$work/$name.log" || true
		[ "$after" -gt "$before" ] || after=$((before + 1)) # it ended without saying why
	}
	tell "$name" "$work/$name.log" $((after - before)) >>"$work/rows"
}

fuzz() {
	edges="-fsanitize-coverage-allowlist=$here/edges"
	edges="$edges -fsanitize-coverage-ignorelist=$here/no-edges"
	build fuzzers "$work/clang" CC=clang OPT=-O2 \
		"SANITIZE=$checks -fsanitize-coverage=inline-8bit-counters,pc-table $edges"
	: >"$work/rows"
	for name in $(harnesses); do
		one "$name"
	done
	row harness executions seconds corpus edges findings
	while read -r name runs seconds corpus edges findings; do
		row "$name" "$runs" "$seconds" "$corpus" "$edges" "$findings"
	done <"$work/rows"
	awk '{ runs += $2; findings += $6 }
	END { print runs " executions, " findings + 0 " findings"; exit findings > 0 }' "$work/rows"
}

mkdir -p "$work"
case ${1:-replay} in
run) fuzz ;;
replay) replay ;;
readers) readers ;;
*)
	echo "fuzz.sh: what is \"$1\"?"
	exit 2
	;;
esac
