#!/bin/sh
# Makes an image with Open MPI, an SSH server and the programs in image/, from
# Debian's packages. It needs root, apt and a running Docker Engine, and installs
# debootstrap where that is missing. An image that was made of the very same
# files is used again.
#
#   mkimage.sh [tag]
set -eu

tag=${1:-barge-test/openmpi:latest}
here=$(cd "$(dirname "$0")" && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
sum=$(cat "$here/mkimage.sh" "$here"/image/* | sha256sum | cut -c1-32)

made=$(docker image inspect --format '{{index .Config.Labels "org.bargehq.barge.sum"}}' "$tag" 2>/dev/null) || made=
if [ "$made" = "$sum" ]; then
	exit 0
fi

if ! command -v debootstrap >/dev/null; then
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null 2>&1
fi

root=$(mktemp -d)
log=$root.log
trap 'rm -rf "$root" "$log"' EXIT
quietly() {
	"$@" >"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		exit 1
	}
}

quietly debootstrap --variant=minbase bookworm "$root" "$mirror"
# No package may start a service while the image is made.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
quietly env DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y -qq --no-install-recommends \
	-o Dpkg::Options::=--force-unsafe-io openmpi-bin openssh-server openssh-client python3-mpi4py

# One key for all nodes, as images for multi-node jobs have: whoever has the
# image can log in to a node of a job that runs it, so it is for tests only.
mkdir -p -m 700 "$root/root/.ssh" "$root/run/sshd"
chroot "$root" ssh-keygen -q -t ed25519 -N '' -C mpi -f /root/.ssh/id_ed25519
cp "$root/root/.ssh/id_ed25519.pub" "$root/root/.ssh/authorized_keys"
printf 'Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n' >"$root/root/.ssh/config"
chmod 600 "$root"/root/.ssh/*
cp "$here"/image/* "$root/usr/local/bin/"
chmod 755 "$root"/usr/local/bin/*
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/*

old=$(docker images -q "$tag")
tar -C "$root" --one-file-system -c . | docker import \
	--change "LABEL org.bargehq.barge.sum=$sum" \
	--change 'CMD ["node.sh"]' \
	- "$tag" >/dev/null
[ -z "$old" ] || docker rmi $old >/dev/null 2>&1 || true
