#!/bin/sh
# record.sh RUN NEW: what chapter 4 records besides, of the run in the folder RUN, into NEW:
#
#   third.txt      what the story says of the fiber third
#   rejected.tsv   the designs that were rejected, measured; see chapters/tools/rejected.sh
set -eu

grep -w third "$1/story.txt" >"$2/third.txt"
sh chapters/tools/rejected.sh 4 >"$2/rejected.tsv"
