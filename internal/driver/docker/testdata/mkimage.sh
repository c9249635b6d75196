#!/bin/sh
# Builds the image that the tests of this package run: Debian's static busybox
# with a link for each of its applets, and a password file. It needs a running
# engine, its command-line client and /bin/busybox, and installs nothing.
#
#   mkimage.sh [tag]          DOCKER=podman picks another client
set -eu

tag=${1:-barge-test/busybox:latest}
docker=${DOCKER:-docker}
busybox=${BUSYBOX:-/bin/busybox}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir -p "$root/bin" "$root/etc" "$root/tmp" "$root/root" "$root/proc" "$root/sys" "$root/dev"
chmod 1777 "$root/tmp"
cp "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"

# The change lines make an image without an entry point whose command prints its
# variable and exits, so that the tests can see what of it they replace. Podman
# takes a line for one variable.
old=$("$docker" images -q "$tag")
tar -C "$root" -c . | "$docker" import \
	--change 'ENV PATH=/bin' --change 'ENV FROM_IMAGE=yes' \
	--change 'CMD ["/bin/sh", "-c", "echo image command $FROM_IMAGE"]' \
	- "$tag" >/dev/null

# Otherwise each run would leave the image of the last one behind without a name.
[ -z "$old" ] || "$docker" rmi $old >/dev/null 2>&1 || true
