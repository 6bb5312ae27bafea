#!/bin/sh
# fresh.sh: the README's two commands in a Debian 12 root that has git, make and apt, and
# nothing else. A tool that happens to be installed where one develops hides a missing install
# step; here it cannot. Needs root, debootstrap and a Debian mirror; else exits 77.
#
# KEEP=DIR keeps the root there, and starts from it when it exists.
set -eu

[ "$(id -u)" = 0 ] || { echo 'fresh.sh needs root'; exit 77; }
command -v debootstrap >/dev/null || { echo 'fresh.sh needs debootstrap'; exit 77; }

root=${KEEP:-$(mktemp -d)}
clean() {
	[ -n "${KEEP:-}" ] || rm -rf "$root"
}
trap clean EXIT

# The mirror this machine itself installs from.
mirror() {
	sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)*\([^ ]*\).*/\2/p' \
		/etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
		head -n 1
}

if [ ! -d "$root/usr" ]; then
	debootstrap --variant=minbase --include=git,make,ca-certificates bookworm \
		"$root" "$(mirror)" >"$root.log" 2>&1 || { tail "$root.log"; exit 77; }
	rm -f "$root.log"
fi
# How this machine reaches its mirror.
cp /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/"
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true

rm -rf "$root/root/weft"
git clone -q . "$root/root/weft"

cat >"$root/root/steps.sh" <<'STEPS'
set -eu
mount -t proc proc /proc
mount -t devtmpfs dev /dev 2>/dev/null || true
mkdir -p /dev/shm /dev/pts
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
cd /root/weft
seconds() {
	name=$1
	shift
	start=$(date +%s)
	"$@" >/root/log 2>&1 </dev/null || { cat /root/log; echo "fresh: $name failed"; exit 1; }
	tail -n 25 /root/log
	echo "fresh: $name took $(($(date +%s) - start)) s"
}
seconds 'NO_INSTALL=1 make chapter-1 without a compiler' sh -c '! NO_INSTALL=1 make chapter-1'
apt-get update -qq
apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null 2>&1
seconds 'make chapter-1 with a compiler and make alone' env NO_INSTALL=1 make chapter-1
test ! -e build/chapter-1/switches.svg
make -s clean
seconds 'make chapter-1' make chapter-1
seconds 'make chapter-1, again' make chapter-1
for made in index.html switches.svg stacks.svg workers.svg fibers.svg trace.weft trace.fxt story.txt; do
	test -s "build/chapter-1/$made" || { echo "fresh: no $made"; exit 1; }
done
seconds 'make test' make test
test -z "$(git status --porcelain)" || { git status --short; exit 1; }
STEPS

# CI: there a tool that was skipped is a failure; here it is what is tested.
if env -u CI unshare --mount --pid --fork chroot "$root" sh /root/steps.sh; then
	echo '1 passed, 0 failed'
else
	echo '0 passed, 1 failed'
	exit 1
fi
