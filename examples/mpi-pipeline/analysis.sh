#!/bin/sh
# The analysis without MPI, for nodes that are plain processes: the main node
# serves at its own address, the others send it their parts.
set -eu
dir=$1
trap 'exit 143' TERM

part=$(awk -F, -v n="$AWS_BATCH_JOB_NUM_NODES" -v i="$AWS_BATCH_JOB_NODE_INDEX" \
	'(NR - 1) % n == i { count++; sum += $2 } END { print count + 0 "+" sum + 0 }' "$dir/cleaned.csv")

if [ -n "${AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS:-}" ]; then
	until [ "$(busybox wget -qO- "http://$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS:7000/cgi-bin/add?$part" 2>/dev/null)" = ok ]; do
		sleep 0.1
	done
	while :; do sleep 1 & wait $!; done # the main node's end is ours
fi

site=$(mktemp -d)
mkdir "$site/cgi-bin"
echo "$part" >"$site/parts"
cat >"$site/cgi-bin/add" <<EOF
#!/bin/sh
echo "Content-type: text/plain"
echo
echo "\$QUERY_STRING" >>"$site/parts"
echo ok
EOF
chmod +x "$site/cgi-bin/add"
busybox httpd -f -h "$site" -p "$AWS_BATCH_JOB_NODE_PRIVATE_IPV4_ADDRESS:7000" &
until [ "$(wc -l <"$site/parts")" -eq "$AWS_BATCH_JOB_NUM_NODES" ]; do sleep 0.1; done
awk -F+ -v n="$AWS_BATCH_JOB_NUM_NODES" '{ count += $1; sum += $2 } END { print count, sum, n }' "$site/parts" >"$dir/result.txt"
