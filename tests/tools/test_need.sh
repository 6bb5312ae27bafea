#!/bin/sh
# test_need.sh: which tools are missed, what is said of them, and when they are installed. The
# PATH holds a few links, and stand-ins for apt-get, id and sudo that write down their calls.
set -eu
# shellcheck source=tests/tools/fixture/lib.sh
. tests/tools/fixture/lib.sh

bin="$scratch/some bin"
calls=$scratch/calls
mkdir "$bin"
for tool in sh sed grep cut tr awk cat mkdir rm head tail dirname env uname touch chmod cp; do
	ln -s "$(command -v "$tool")" "$bin/"
done
mkdir -p "$scratch/a b/chapters/tools"
cp chapters/tools/need.sh chapters/tools/common.sh "$scratch/a b/chapters/tools/"
cd "$scratch/a b"
unset BUILD PYTHON NO_INSTALL YES CC

# stub NAME <<SCRIPT: makes a program of the PATH.
stub() {
	{
		echo '#!/bin/sh'
		cat
	} >"$bin/$1"
	chmod +x "$bin/$1"
}

# apt-get knows graphviz (after an update, when "empty" exists) and xxd.
stub_apt() {
	stub apt-get <<-END
		echo "apt-get \$*" >>"$calls"
		case \$1 in
		update)
			[ ! -e "$scratch/offline" ] || { echo 'E: no network'; exit 100; }
			rm -f "$scratch/empty" "$scratch/gone"
			exit 0
			;;
		esac
		[ ! -e "$scratch/empty" ] || { echo 'E: Unable to locate package'; exit 100; }
		case \$* in
		*--print-uris*)
			echo 'After this operation, 12.3 MB of additional disk space will be used.'
			exit 0
			;;
		esac
		[ ! -e "$scratch/gone" ] || { echo 'E: 404 Not Found'; exit 100; }
		case \$* in
		*graphviz*) touch "$bin/dot" "$bin/neato"; chmod +x "$bin/dot" "$bin/neato" ;;
		esac
	END
}

# as WHO: from now on root, or a user with or without sudo.
as() {
	rm -f "$bin/sudo" "$bin/dot" "$bin/neato" "$calls" "$scratch/empty" \
		"$scratch/gone" "$scratch/offline"
	: >"$calls"
	number=1000
	[ "$1" != root ] || number=0
	echo "echo $number" | stub id
	[ "$1" != sudoer ] || stub sudo <<-END
		echo "sudo \$*" >>"$calls"
		exec "\$@"
	END
}

need() {
	env PATH="$bin" "$@"
}
installs() {
	grep -q 'apt-get install.* -y --no-install-recommends.* graphviz$' "$calls"
}
unasked() {
	! grep -v -e --print-uris "$calls"
}
script=chapters/tools/need.sh

stub patch </dev/null
stub xxd </dev/null
stub_apt
as user
expect 'a tool that is there' 0 '' need sh $script patch xxd
expect 'no tool at all' 0 '' need sh $script
expect 'an unknown tool' 2 'what is "frobnicate"' need sh $script patch frobnicate
expect 'an unknown tool that is there' 2 'what is "sed"' need sh $script patch sed

expect 'missing, no root, no sudo' 1 'Missing: graphviz (12.3 MB on disk).' \
	need sh $script graphviz
said 'it says how to install' 'as root: apt-get install --no-install-recommends graphviz'
that 'nothing was installed' unasked
expect 'YES=1 without sudo' 1 'as root: apt-get' need YES=1 sh $script graphviz
that 'nothing was installed without sudo' unasked
expect 'optional' 0 'Without graphviz there is no: the fiber-switch diagram.' \
	need sh $script --optional graphviz
expect 'two packages' 1 'Missing: graphviz gdb (' need sh $script graphviz patch gdb
expect 'two additions' 0 \
	'Without graphviz, gdb there is no: the fiber-switch diagram, the test of backtraces.' \
	need sh $script --optional graphviz patch gdb

as sudoer
expect 'sudo, but no YES=1' 1 'YES=1 installs them' need sh $script graphviz
that 'nothing was installed without YES=1' unasked
expect 'YES=1' 0 'Missing: graphviz (12.3 MB on disk).' need YES=1 sh $script graphviz
that 'it was installed' installs
that 'through sudo' grep -q '^sudo env DEBIAN_FRONTEND=noninteractive apt-get' "$calls"
expect 'now it is there' 0 '' need sh $script graphviz
as sudoer
expect 'NO_INSTALL=1 beats YES=1' 1 'To install: sudo apt-get' \
	need YES=1 NO_INSTALL=1 sh $script graphviz
that 'nothing was installed with NO_INSTALL=1' unasked

as root
expect 'NO_INSTALL=1 for root' 1 'To install: apt-get' need NO_INSTALL=1 sh $script graphviz
that 'nothing was installed for root' unasked
expect 'root' 0 'Installing' need sh $script graphviz
that 'root installed it' installs
that 'without an update' sh -c "! grep -q 'apt-get update' '$calls'"
as root
touch "$scratch/empty"
expect 'empty lists' 0 'graphviz (12.3 MB' need sh $script --optional graphviz
that 'installed after an update' installs
as root
touch "$scratch/gone"
expect 'old lists' 0 Installing need sh $script graphviz
that 'an update was tried' grep -q 'apt-get update' "$calls"
as root
touch "$scratch/empty" "$scratch/offline"
expect 'no network' 1 'E: no network' need sh $script graphviz
said 'it says what to do' 'To install: apt-get'
expect 'no network, optional' 0 'there is no: the fiber-switch' need sh $script --optional graphviz
as user
touch "$scratch/empty"
expect 'empty lists for a user' 1 'graphviz (unknown size on disk)' need sh $script graphviz

rm "$bin/apt-get"
as root
expect 'no package manager' 1 'its own way to get: graphviz.' need sh $script graphviz
echo 'exit 1' | stub dnf
expect 'dnf' 1 'To install: dnf install graphviz python3' need sh $script graphviz python
expect 'dnf, optional' 0 'Without graphviz' need sh $script --optional graphviz
echo 'exit 1' | stub brew
expect 'brew goes first' 1 'To install: brew install graphviz' need sh $script graphviz valgrind
said 'brew has no valgrind' 'its own way to get: valgrind.'
rm "$bin/brew" "$bin/dnf"
echo 'exit 1' | stub apk
expect 'apk' 1 'To install: apk add graphviz gdb' need sh $script graphviz gdb
rm "$bin/apk"

stub_apt
expect 'no compiler' 1 'Missing: gcc libc6-dev (' need NO_INSTALL=1 sh $script compiler
expect 'the compiler asked for' 1 'Missing: clang-16 libc6-dev (' \
	need NO_INSTALL=1 CC=clang-16 sh $script compiler

# A crate counts where cargo is to look for it, beside cargo and a compiler.
crates=$scratch/crates
mkdir -p "$crates/tokio-macros-1.7.0"
stub cargo </dev/null
stub rustc </dev/null
expect 'another crate' 1 'Missing: librust-tokio-dev rustc cargo (' \
	need NO_INSTALL=1 CRATES="$crates" sh $script tokio
mkdir "$crates/tokio-1.24.2"
expect 'a crate' 0 '' need CRATES="$crates" sh $script tokio
rm "$bin/cargo"
expect 'a crate without cargo' 0 'Without tokio there is no: the comparison with Tokio.' \
	need NO_INSTALL=1 CRATES="$crates" sh $script --optional tokio

# An interpreter that says it has matplotlib, as long as it and the module are there.
module=$scratch/matplotlib.py
touch "$module"
stub drawing-python <<-END
	echo asked >>"$scratch/questions"
	[ -e "$module" ] || exit 1
	echo "$bin/drawing-python"
	echo "$module"
END
expect 'matplotlib' 0 '' need PYTHON="$bin/drawing-python" sh $script matplotlib
expect 'matplotlib again' 0 '' need PYTHON="$bin/drawing-python" sh $script matplotlib
that 'was asked for once' test "$(cat "$scratch/questions")" = asked
rm "$module"
need PYTHON="$bin/drawing-python" NO_INSTALL=1 sh $script --optional matplotlib >/dev/null
that 'a module that went is not believed' \
	sh -c "! grep -qF '$module' build/.need-matplotlib"
touch "$module"
expect 'a module that came back' 0 '' need PYTHON="$bin/drawing-python" sh $script matplotlib
rm "$bin/drawing-python"
need PYTHON="$bin/drawing-python" NO_INSTALL=1 sh $script --optional matplotlib >/dev/null
that 'an interpreter that went is not believed' \
	sh -c '! grep -qF drawing-python build/.need-matplotlib'
finish
