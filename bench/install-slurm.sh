#!/bin/sh
# Installs Slurm and munge from Debian's packages and keeps their services from
# being started, now and when the machine starts.
set -eu
packages='slurmctld slurmd slurm-client munge'
# shellcheck disable=SC2086 # several words
dpkg -s $packages >/dev/null 2>&1 && exit 0

policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
fi
apt-get update
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages
if command -v systemctl >/dev/null; then
	systemctl disable slurmctld slurmd munge >/dev/null 2>&1 || echo 'their services stay enabled' >&2
fi
