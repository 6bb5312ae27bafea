#!/bin/sh
# record.sh RUN NEW: what chapter 3 records besides, of the run in the folder RUN, into NEW:
#
#   fiber-2.txt    what the story says of fiber 2
#   rejected.tsv   the designs that were rejected, measured; see chapters/tools/rejected.sh
#   fair.weft      a few turns of a program of theirs, with the scheduler as it is,
#   starved.weft   and with the design that was rejected
#   explored.tsv   a row for each protocol that `make explore` tries in all orders
set -eu

: "${BUILD:=build}"

# The explorer's rows are many: those of one protocol in one.
summarise() {
	awk -F '\t' '
	BEGIN { OFS = "\t"; print "file", "orders_in_whole_bounds", "orders_beyond", "seeded_bugs_found" }
	$3 == "as is" { file = $2; whole = part = 0 }
	$3 == "all" { whole += $4 }
	$3 == "some" { part += $4 }
	$2 ~ /^bugs killed: / && file { print file, whole, part, substr($2, 14) }
	' "$1"
}

grep -w 'fiber 2' "$1/story.txt" >"$2/fiber-2.txt"
sh chapters/tools/rejected.sh 3 >"$2/rejected.tsv"
measured=$BUILD/chapter-3/rejected-newest-first-for-all
WEFT_TRACE=$2/fair.weft "$measured/ours" 24 >/dev/null
WEFT_TRACE=$2/starved.weft "$measured/theirs" 24 >/dev/null
PROTOCOLS='rendezvous fresh ready injection idle' sh tests/explore/explore.sh run >&2
summarise "$BUILD/explore/explore.tsv" >"$2/explored.tsv"
