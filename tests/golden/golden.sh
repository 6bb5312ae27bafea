#!/bin/sh
# golden.sh [write]: the text traces of tests/golden/ and what weft-trace says of each.
#
# For NAME.txt, a trace as text: NAME.check, NAME.story, NAME.lanes, NAME.facts hold the
# expected answers, with the exit code on the last line, and dumping the trace gives NAME.txt
# back. `make golden` runs this with "write"; nothing else ever rewrites an expectation.
set -eu

here=tests/golden
tool=$(cd "${BUILD:-build}" && pwd)/weft-trace
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

# answer COMMAND TRACE: what it prints, then how it ends.
answer() {
	status=0
	case $1 in
	lanes) "$tool" lanes "$2" --unicode --width 72 --no-color || status=$? ;;
	lanes-ascii) "$tool" lanes "$2" --ascii --width 40 --no-color || status=$? ;;
	*) "$tool" "$1" "$2" || status=$? ;;
	esac
	echo "exit $status"
}

compare() {
	if [ "${mode:-}" = write ]; then
		cp "$2" "$1"
	elif ! diff -u "$1" "$2"; then
		failed=$((failed + 1))
		return
	fi
	passed=$((passed + 1))
}

mode=${1:-}
for text in "$here"/*.txt; do
	name=$(basename "$text" .txt)
	trace=$scratch/$name.weft
	"$tool" undump "$text" "$trace"
	# The answers name the trace by its path; the golden ones by its name alone.
	for command in check story lanes lanes-ascii facts dump; do
		(cd "$scratch" && answer "$command" "$name.weft") >"$scratch/$name.$command" 2>&1
	done
	for command in check story lanes lanes-ascii facts; do
		compare "$here/$name.$command" "$scratch/$name.$command"
	done
	sed '$d' "$scratch/$name.dump" >"$scratch/$name.text"
	compare "$text" "$scratch/$name.text"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
