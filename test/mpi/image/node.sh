#!/bin/sh
# What each node of a multi-node parallel job runs, as on AWS: a worker tells the
# main node its address and waits for what mpirun starts; the main node waits for
# all workers, runs the program given (or sum.py) on all nodes, and ends.
set -eu

hosts=/tmp/hosts
address=$(hostname -I | cut -d' ' -f1)

if [ -n "${AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS:-}" ]; then
	i=0
	until ssh "$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS" "echo $address slots=1 >>$hosts"; do
		i=$((i + 1))
		[ $i -lt 60 ] || exit 1
		sleep 1
	done
	echo "node $AWS_BATCH_JOB_NODE_INDEX at $address waits for rank"
	exec /usr/sbin/sshd -D -e
fi

echo "$address slots=1" >>$hosts
/usr/sbin/sshd
i=0
while [ "$(wc -l <$hosts)" -lt "$AWS_BATCH_JOB_NUM_NODES" ]; do
	i=$((i + 1))
	[ $i -lt 600 ] || { echo "only $(wc -l <$hosts) of $AWS_BATCH_JOB_NUM_NODES nodes came" >&2; exit 1; }
	sleep 0.1
done
[ $# -gt 0 ] || set -- sum.py
exec mpirun --allow-run-as-root --hostfile $hosts -np "$AWS_BATCH_JOB_NUM_NODES" \
	-x PATH --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 "$@"
