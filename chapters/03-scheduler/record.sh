#!/bin/sh
# record.sh RUN NEW: what chapter 3 records besides, of the run in the folder RUN, into NEW.
set -eu

grep -w 'fiber 2' "$1/story.txt" >"$2/fiber-2.txt"
sh chapters/tools/rejected.sh 3 >"$2/rejected.tsv"
