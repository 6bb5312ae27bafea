#!/bin/sh
# test_bench.sh: how the benchmarks are built, run, shown and drawn, and that CI accepts no row
# without its peer. They stand in a tree of their own, and print what the test tells them to.
set -eu
# shellcheck source=tests/tools/fixture/lib.sh
. tests/tools/fixture/lib.sh

mkdir -p "$scratch/tree/tests/bench/made"
cp -R chapters viz "$scratch/tree/"
cp tests/bench/bench.sh "$scratch/tree/tests/bench/"
cd "$scratch/tree"
unset CI BUILD
export CFLAGS_ALL='-O2'
made=tests/bench/made
tsv=build/bench/made.tsv svg=build/bench/made.svg

header=$(printf 'name\tnanoseconds\tratio_to_goal\tnote')
fast=$(printf 'fast\t9.00\t0.750\twithin it')
gone=$(printf 'boost_gone\t-\t-\tnot installed')
uncounted=$(printf 'system_calls\t-\t-\tnot counted: strace is not installed')
unmeasured=$(printf 'lttng_ust\t-\t-\tnot measured: no session records')

# shellcheck disable=SC2016 # the argument is that script's
echo ': >"$1.built"' >$made/build.sh

# prints ROW...: from now on the benchmark does.
prints() {
	printf '%s\n' "$header" "$fast" "$@" >rows
	echo 'cat rows' >$made/run.sh
}
bench() {
	env "$@" sh tests/bench/bench.sh
}
draws() {
	sh chapters/tools/python.sh -c 'import matplotlib' 2>/dev/null
}

prints "$gone"
expect 'a table is shown' 0 'within it' bench CI=
said 'with rows whose peer is missing' 'not installed'
that 'build.sh got the program' test -e build/bench/made.built
that 'the table is kept as it is' cmp -s rows $tsv
if draws; then
	that 'a picture of it' grep -q 'boost_gone' $svg
fi

for row in "$gone" "$uncounted" "$unmeasured"; do
	prints "$row"
	expect "CI refuses: ${row##*	}" 1 'made: CI installs every peer' bench CI=true
	said 'it shows the row' "$row"
done
prints
expect 'CI accepts whole tables' 0 'within it' bench CI=true

# Without matplotlib there is no picture, not even the last run's.
printf '%s\n' '#!/bin/sh' 'echo "needs matplotlib" >&2' 'exit 4' >chapters/tools/python.sh
touch $svg
expect 'no tool to draw' 0 'needs matplotlib' bench CI=
that 'no picture is left' test ! -e $svg
printf '%s\n' '#!/bin/sh' 'exit 3' >chapters/tools/python.sh
expect 'a picture that fails' 1 'within it' bench CI=

echo 'exit 9' >$made/build.sh
expect 'a benchmark that does not build' 9 '' sh -c 'sh tests/bench/bench.sh >/dev/null'
echo ':' >$made/build.sh
echo 'exit 7' >$made/run.sh
expect 'a benchmark that fails' 7 '' sh -c 'sh tests/bench/bench.sh >/dev/null'
prints
printf 'more\t1.00\t-\tof them\n' >made_rows
echo 'cat made_rows' >$made/rows.sh
printf '%s\n' '#!/bin/sh' 'exit 4' >chapters/tools/python.sh
expect 'more rows' 0 'of them' bench CI=

finish
