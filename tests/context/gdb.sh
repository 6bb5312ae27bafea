#!/bin/sh
# gdb.sh: a debugger walks out of a parked context, and out of the switch at every instruction.
#
# It asks for registers by their names on x86_64, and stays there: under qemu-user gdb would see
# the emulator. Exits 0 when it does, 1 when it does not, 77 when a tool is missing or on another
# processor. CC is the compiler; OPTIMISATION, if set, is tried alone.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cc=${CC:-cc}
[ "$(uname -m)" = x86_64 ] || {
	echo 'skipped: it knows the registers of x86_64 only'
	exit 77
}
for tool in gdb "$cc"; do
	if ! command -v "$tool" >/dev/null; then
		echo "skipped: $tool is not installed"
		exit 77
	fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAILED: $1" >&2
	shift
	cat "$@" >&2
	exit 1
}

# Gives gdb commands on standard input; its answers go to $work/answers.
ask_gdb() {
	cat >"$work/commands"
	gdb -batch -nx -ex 'set debuginfod enabled off' -x "$work/commands" "$work/parked" \
		>"$work/answers" 2>&1
}

# Turns each backtrace after a line "== ..." into one line with its function names, outermost
# last, and whatever gdb complains of.
name_frames() {
	awk '
		/^== / { if (chain != "") print chain; chain = ""; inside = 1; next }
		!inside { next }
		/^#/ {
			name = $2 == "0x" || $2 ~ /^0x/ ? $4 : $2
			chain = chain (chain == "" ? "" : " ") name
			next
		}
		/^Backtrace stopped|^Cannot access|corrupt|^Python Exception/ { chain = chain " !" $0 }
		END { if (chain != "") print chain }
	' "$work/answers"
}

outer_frames='middle_call outer_entry context_entry'
parked_frames="inner_park $outer_frames"

# without_switch: takes the names of the switch's own functions off the innermost end.
without_switch() {
	sed 's/^context_arrive //; s/^context_switch //
		s/^context_hop //; s/^context_switch_last //; s/^hop_away //'
}

# The three words of a parked context are all a debugger needs. It parks twice: in inner_park
# by context_switch, in inner_hop by context_switch_last.
check_parked() {
	ask_gdb <<-'END'
		define walk
			set $running_sp = $rsp
			set $running_fp = $rbp
			set $running_pc = $pc
			set $parked_sp = (unsigned long)parked.sp
			set $parked_fp = (unsigned long)parked.fp
			set $parked_pc = (unsigned long)parked.pc
			set $rsp = $parked_sp
			set $rbp = $parked_fp
			set $pc = $parked_pc
			echo == parked\n
			backtrace
			set $rsp = $running_sp
			set $rbp = $running_fp
			set $pc = $running_pc
		end
		break while_it_is_parked
		run
		walk
		continue
		walk
		kill
	END
	frames=$(name_frames | without_switch | tr '\n' ';')
	[ "$frames" = "$parked_frames;inner_hop $outer_frames;" ] ||
		fail "$1: a parked context's frames are: $frames" "$work/answers"
	echo "ok $1: from its three words, a parked context walks to context_entry"
}

# From the first instruction of the switch to the last: before the stack changes, the frames of
# the one that leaves, after it, those of the one that comes.
check_every_instruction() {
	ask_gdb <<-'END'
		break context_swap
		break context_hop
		break context_drop
		run
		while $_isvoid($_exitcode)
			while $pc >= (unsigned long)&context_swap && $pc < (unsigned long)&context_entry
				echo == step\n
				backtrace
				stepi
			end
			continue
		end
	END
	# The innermost name is the part of the switch that runs.
	name_frames | sed 's/^[a-z_]* //' | without_switch | sed 's/^context_leave //' |
		sort | uniq -c >"$work/chains"
	from_main=0 to_fresh=0 parked=0 hopped=0 leaving=0
	while read -r count chain; do
		case $chain in
		'resume_parked main') from_main=$count ;;
		'context_entry') to_fresh=$count ;;
		"$parked_frames") parked=$count ;;
		"inner_hop $outer_frames") hopped=$count ;;
		'outer_entry context_entry') leaving=$count ;;
		*) fail "$1: inside the switch gdb sees: $chain" "$work/chains" ;;
		esac
	done <"$work/chains"
	for seen in $from_main $to_fresh $parked $hopped $leaving; do
		[ "$seen" -gt 0 ] || fail "$1: gdb did not see all kinds of switch" "$work/chains"
	done
	echo "ok $1: at each instruction of a switch, gdb walks to the end" \
		"($from_main + $to_fresh + $parked + $hopped + $leaving backtraces)"
}

for optimisation in ${OPTIMISATION:--O0 -O2}; do
	"$cc" -std=c17 -D_GNU_SOURCE -g "$optimisation" -I"$root/src" \
		"$root"/tests/context/gdb_parked.c "$root"/src/context/*.c \
		"$root"/src/context/*.S "$root"/src/base/*.c -o "$work/parked" -pthread
	check_parked "$optimisation"
	check_every_instruction "$optimisation"
done
