#!/bin/sh
# Writes the image of the docker driver's tests as `docker save` would, without an
# engine: Debian's static busybox with a link for each of its applets, and a
# password file.
#
#   mkimage.sh FILE.tar TAG
set -eu

file=$1 tag=$2
busybox=${BUSYBOX:-/bin/busybox}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir -p "$root/fs/bin" "$root/fs/etc" "$root/fs/tmp" "$root/fs/root" "$root/fs/proc" "$root/fs/sys" "$root/fs/dev"
chmod 755 "$root/fs"
chmod 1777 "$root/fs/tmp"
cp "$busybox" "$root/fs/bin/busybox"
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$root/fs/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$root/fs/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/fs/etc/group"

tar -C "$root/fs" --owner=0 --group=0 -cf "$root/layer.tar" .
layer=$(sha256sum <"$root/layer.tar" | cut -d' ' -f1)
case $(uname -m) in
x86_64) machine=amd64 ;;
aarch64) machine=arm64 ;;
*) machine=$(uname -m) ;;
esac
cat >"$root/config" <<END
{"architecture":"$machine","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},
"config":{"Env":["PATH=/bin","FROM_IMAGE=yes"],"Cmd":["/bin/sh","-c","echo image command \$FROM_IMAGE"]}}
END
config=$(sha256sum <"$root/config" | cut -d' ' -f1).json
mv "$root/config" "$root/$config"
printf '[{"Config":"%s","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$config" "$tag" >"$root/manifest.json"
tar -C "$root" -cf "$file.new" manifest.json "$config" layer.tar
mv "$file.new" "$file"
