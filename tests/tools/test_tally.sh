#!/bin/sh
# test_tally.sh: what tests/tally.sh counts. The inner shells print "passed failed".
set -eu
# shellcheck source=tests/tools/fixture/lib.sh
. tests/tools/fixture/lib.sh

tally() {
	sh -eu -c ". tests/tally.sh; $1; echo \"\$passed \$failed\""
}
log() {
	printf '%s\n' "$@" >"$scratch/log"
}

expect 'a claim that holds' 0 'ok it is so' tally 'that "it is so" true'
said 'is counted' '1 0'
expect 'one that does not' 0 'FAILED it is so' tally 'that "it is so" sh -c "echo why; exit 3"'
said 'is counted, too' '0 1'
said 'and shows why' '| why'
expect 'a verdict' 0 '1 1' tally 'verdict a 0; verdict b 1'

log 'ok a' '7 passed, 0 failed'
expect 'a closing line' 0 '7 0' tally "add $scratch/log"
log '1 passed, 1 failed' '5 passed, 2 failed, 3 skipped'
expect 'the last closing line counts' 0 '5 2' tally "add $scratch/log || true"
expect 'add says that something failed' 1 '' tally "add $scratch/log"
log 'ok a' 'Segmentation fault'
expect 'a log without one failed' 0 '0 1' tally "add $scratch/log || true"

expect 'the closing line' 0 '2 passed, 0 failed' tally 'verdict a 0; verdict b 0; finish'
expect 'finish fails when a test did' 1 '0 passed, 1 failed' tally 'verdict a 1; finish'
finish
