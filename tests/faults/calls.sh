#!/bin/sh
# calls.sh: nothing that can fail is forgotten: each function that libweft.a takes from the C
# library stands in calls.txt, wrapped by inject.c or with the reason why it cannot fail; and each
# that is wrapped is taken. A list with a call too few, or too many, is refused.
set -eu
cd "$(dirname "$0")/../.."

: "${BUILD:=build}" "${NM:=nm}"
command -v "$NM" >/dev/null || { echo "skipped: $NM is not installed"; exit 77; }
. tests/tally.sh
out=$BUILD/faults
mkdir -p "$out"
list=tests/faults/calls.txt

"$NM" "$BUILD/libweft.a" >"$out/symbols" 2>"$out/nm-said" || { cat "$out/nm-said"; exit 1; }
awk 'NF == 3 { print $3 }' "$out/symbols" | sort -u >"$out/own"
awk '$1 == "U" { print $2 }' "$out/symbols" | sort -u | comm -23 - "$out/own" >"$out/taken"

# known LIST: every function that is taken stands there.
known() {
	awk '$1 == "wrap" || ($1 == "safe" && NF > 2) { print $2 }' "$1" | sort -u >"$out/listed"
	comm -23 "$out/taken" "$out/listed" >"$out/unlisted"
	[ ! -s "$out/unlisted" ] || {
		echo "not in $1: $(paste -s -d ' ' "$out/unlisted"); wrap it in inject.c, or" \
			'give the reason why it cannot fail'
		return 1
	}
}

# wanted LIST: every function that is wrapped is taken.
wanted() {
	awk '$1 == "wrap" { print $2 }' "$1" | sort -u >"$out/wrapped"
	comm -13 "$out/taken" "$out/wrapped" >"$out/untaken"
	[ ! -s "$out/untaken" ] || {
		echo "wrapped, and not called any more: $(paste -s -d ' ' "$out/untaken"); take it" \
			"out of inject.c and $1"
		return 1
	}
}

# refused COMMAND...: it fails.
refused() {
	! "$@" >"$out/refusal"
}

that 'every function that is called is in the list' known "$list"
that 'every function that is wrapped is called' wanted "$list"
that 'there are functions' test "$(wc -l <"$out/taken")" -gt 50
grep -v '^wrap madvise$' "$list" >"$out/forgets"
that 'a call that was forgotten is found' refused known "$out/forgets"
sed 's/^safe fcntl .*/safe fcntl/' "$list" >"$out/no-reason"
that 'a call without a reason is found' refused known "$out/no-reason"
(cat "$list" && echo 'wrap fsync') >"$out/stale"
that 'one that is not called any more is found' refused wanted "$out/stale"
finish
