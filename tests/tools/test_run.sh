#!/bin/sh
# test_run.sh: the watchdog says how a program ended, and leaves nothing of it behind.
set -eu
# shellcheck source=tests/tools/fixture/lib.sh
. tests/tools/fixture/lib.sh

build_run "$scratch/run"
cd "$scratch"

expect 'a good exit' 0 'exit 0' ./run true
expect 'an exit status' 0 'exit 3' ./run sh -c 'exit 3'
expect 'the status 127 of a program' 0 'exit 127' ./run sh -c 'exit 127'
# shellcheck disable=SC2016 # for the inner shell
for signal in SEGV ABRT TERM KILL USR1 ALRM; do
	expect "signal $signal" 0 "signal $signal" ./run sh -c "kill -$signal \$\$"
done
expect 'a program that is not there' 127 'No such file' ./run ./absent
expect 'a file that is no program' 127 'ermission denied' ./run ./
expect 'no program' 2 usage ./run -t 1
expect 'seconds that are no number' 2 usage ./run -t soon true
expect 'no seconds at all' 2 usage ./run -t 0 true

expect 'a time-out' 0 timeout ./run -t 0.2 sleep 20
expect 'a time-out of a program that ignores signals' 0 timeout \
	./run -t 0.2 sh -c 'trap "" TERM INT HUP ALRM; while :; do sleep 1; done'
# shellcheck disable=SC2016
expect 'a time-out of a stopped program' 0 timeout ./run -t 0.2 sh -c 'kill -STOP $$'

expect 'an output file' 0 'exit 0' ./run -o out echo 'some words'
that 'it has the output' test "$(cat out)" = 'some words'
unsaid 'the verdict stands alone' words
expect 'a shorter output' 0 'exit 0' ./run -o out echo x
that 'it replaced the longer one' test "$(cat out)" = x
expect 'an output file that cannot be' 127 'absent/out' ./run -o absent/out true
that 'output without a file goes to standard error' \
	test "$(./run echo words 2>/dev/null)" = 'exit 0'
expect 'options of the program are its own' 0 'exit 0' ./run -o out echo -t -o
that 'it got them' test "$(cat out)" = '-t -o'
expect 'arguments with spaces' 0 'exit 0' ./run -o 'a file' printf '%s.' 'a b' c
that 'it got each as one' test "$(cat 'a file')" = 'a b.c.'
expect 'it reads nothing' 0 'exit 0' ./run cat

# gone PID: within 5 s the process is no more, but perhaps as a zombie of its new parent.
gone() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		case $(ps -o stat= -p "$1" 2>/dev/null) in
		'' | Z*) return 0 ;;
		esac
		sleep 0.5
	done
	return 1
}
# shellcheck disable=SC2016
expect 'a program that leaves a child' 0 'exit 4' \
	./run sh -c 'sleep 60 & echo $! >child; exit 4'
that 'the child is gone' gone "$(cat child)"
# shellcheck disable=SC2016
expect 'a time-out with a child' 0 timeout \
	./run -t 0.3 sh -c 'sleep 60 & echo $! >child; wait'
that 'that child is gone too' gone "$(cat child)"

# Whoever ends the watchdog ends the program.
# shellcheck disable=SC2016
./run sh -c 'echo $$ >program; exec sleep 60' >said.run 2>&1 &
watchdog=$!
while [ ! -s program ]; do sleep 0.1; done
kill -TERM "$watchdog"
status=0
wait "$watchdog" || status=$?
that 'a watchdog that is told to end dies of the signal' test "$status" = 143
that 'with its program' gone "$(cat program)"
that 'and without a verdict' test ! -s said.run
finish
