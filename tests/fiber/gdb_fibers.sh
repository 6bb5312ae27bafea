#!/bin/sh
# gdb_fibers.sh: gdb with src/weft-gdb.py lists the fibers of a process and walks their stacks,
# live and from a core file, and says clearly what is wrong when it cannot.
#
# Exits 77 when gdb, or its Python, is missing. CC is the compiler.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
command -v gdb >/dev/null || {
	echo 'skipped: gdb is not installed'
	exit 77
}
gdb -batch -nx -ex 'python print("it has Python")' 2>&1 | grep -q 'it has Python' || {
	echo 'skipped: this gdb has no Python'
	exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$root/tests/tally.sh"

# ask_gdb ARGUMENT...: commands on standard input; the answers go to $work/answers.
ask_gdb() {
	{
		echo 'set debuginfod enabled off'
		echo "source $root/src/weft-gdb.py"
		cat
	} >"$work/commands"
	# A command that fails ends a file of commands, so each is an argument of its own.
	while IFS= read -r line; do
		set -- "$@" -ex "$line"
	done <"$work/commands"
	gdb -batch -nx "$@" >"$work/answers" 2>&1 || :
}

# expect CLAIM: compares $work/found with standard input.
expect() {
	cat >"$work/expected"
	if diff "$work/expected" "$work/found" >"$work/difference"; then
		verdict "$where: $1" 0
	else
		verdict "$where: $1" 1
		cat "$work/difference"
		tail -n 40 "$work/answers"
	fi
}

# The lists among the answers, without addresses, one space between words.
lists() {
	sed -n '/^runtime 0x/p; /^  *[0-9][0-9]*  *[a-z]/p' "$work/answers" |
		sed 's/0x[0-9a-f]*/ADDRESS/g; s/^ *//; s/  */ /g
			s/left in \(weft_yield\|wait_for_ever\)$/left in a yield/' >"$work/found"
}

expect_lists() {
	lists
	expect 'lists the fibers' <<-'END'
		runtime ADDRESS: 1 worker, 5 fibers
		1 running 0 main
		2 ready sleeper left in a yield
		3 parked waiter waits for the end of fiber 2 (sleeper)
		4 ready has yet to begin never_begun
		4294901760 ready idle runs when no other is ready
		runtime ADDRESS: 1 worker, 2 fibers
		1 running 0 second
		4294901760 ready idle runs when no other is ready
	END
}

# stack_of LINE: the functions of the backtrace after that line, outermost last.
stack_of() {
	awk -v head="$1" '
		/^== / { inside = $0 == head; next }
		inside && /^fiber / && fibers++ { exit } # that number in the other runtime
		inside && /^#/ { printf "%s ", $2 ~ /^0x/ ? $4 : $2 }
		inside && /^Backtrace stopped|corrupt|^Python/ { printf "! %s", $0 }
	' "$work/answers" | sed 's/context_switch_last //; s/scheduler_park //; s/weft_await //
		s/ $//' >"$work/found"
	echo >>"$work/found"
}

expect_stacks() {
	stack_of '== parked'
	expect 'walks a parked fiber' <<-'END'
		context_hop inner_wait middle_call wait_for_another fiber_entry context_entry
	END
	stack_of '== fresh'
	expect 'and one that has not begun' <<-'END'
		context_entry
	END
}

# says CLAIM TEXT
says() {
	grep -cF "$2" "$work/answers" >"$work/found" || :
	expect "$1" <<-'END'
		1
	END
}

look='weft fibers
echo == parked\n
weft bt 3
echo == fresh\n
weft bt 4
echo == main\n
weft bt 1
echo == here\n
backtrace
echo == end\n'

look_into() {
	ask_gdb "$work/fibers" "$1" <<-END
		$look
	END
	expect_lists
	expect_stacks
}

for optimisation in -O0 -O2; do
	CFLAGS_ALL="-std=c17 -D_GNU_SOURCE $optimisation -g" \
		sh "$root/chapters/tools/compile.sh" "$work/fibers" "$root" \
		"$root/tests/fiber/gdb_fibers.c" 2>"$work/warnings"
	where="$optimisation, live"
	ask_gdb "$work/fibers" <<-END
		weft fibers
		break while_they_stand
		run
		$look
		weft bt 99
		weft bt none
		continue
		weft fibers
		kill
	END
	says 'before it runs' 'weft: there is no process and no core file to look into'
	expect_lists
	expect_stacks
	stack_of '== main'
	sed -i 's/ run_first main$/ run_first/; s/ run_first$//' "$work/found"
	expect 'and the one that runs' <<-'END'
		while_they_stand
	END
	stack_of '== here'
	sed -i 's/ run_first main$/ run_first/; s/ run_first$//' "$work/found"
	expect 'and leaves all as it was' <<-'END'
		while_they_stand
	END
	says 'a number that is none' 'weft: no fiber 99 is alive; weft fibers lists the numbers'
	says 'a usage' 'weft: usage: weft bt NUMBER'
	says 'without a runtime' 'weft: no thread of this process runs a runtime now'

	where="$optimisation, a core file of gdb's"
	ask_gdb "$work/fibers" <<-END
		break while_they_stand
		run protect
		generate-core-file $work/core
		kill
	END
	look_into "$work/core"

	# The kernel's is tried where it lands in the current folder.
	where="$optimisation, a core file of the kernel's"
	(cd "$work" && ulimit -c unlimited && exec ./fibers abort) >/dev/null 2>&1 || :
	for core in "$work"/core "$work"/core.[0-9]*; do
		[ ! "$core" -nt "$work/answers" ] || look_into "$core"
	done
done

where='without debug information'
strip -o "$work/stripped" "$work/fibers"
ask_gdb "$work/stripped" "$work/core" <<-'END'
	weft fibers
END
says 'it says so' 'weft: no debug information about Weft in this program'

finish
