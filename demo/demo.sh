#!/bin/sh
# demo.sh BARGE - set up AWS Batch for high-performance computing, on this
# machine: an environment, two queues, a definition, a job, an array of 100.
# Where the image of a real one would run its Python program, run_simulation.sh
# runs here, as a plain process.
#
# It starts a server of its own on a free port and a temporary directory, and
# leaves nothing behind. It needs Linux with a POSIX shell, awk and setsid, and
# the barge program. It fails when anything is not as it should be.
set -eu

barge=${1:?usage: demo.sh path/to/barge}
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/barge-demo.XXXXXX")
server='' jobs='' answer=''
depth=8 # how far members that are shown may be indented

# The jobs first: they would outlive the server, and so would their parent, the
# runner, for some seconds.
cleanup() {
	code=$?
	trap '' INT TERM
	trap - EXIT
	if [ -n "$server" ]; then
		for id in $jobs; do
			"$barge" call terminate-job "{\"jobId\":\"$id\",\"reason\":\"the demo ends\"}" >/dev/null 2>&1 || true
		done
		[ -z "$jobs" ] || "$barge" wait --timeout 20s $jobs >/dev/null 2>&1 || true
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
		for p in /proc/[0-9]*; do
			case $(tr '\0' ' ' 2>/dev/null <"$p/cmdline" || true) in
			*"runner $dir/data/process "*) kill "${p#/proc/}" 2>/dev/null || true ;;
			esac
		done
	fi
	[ "$code" != 1 ] || [ ! -s "$dir/server.log" ] || tail -n 5 "$dir/server.log" >&2
	rm -rf "$dir"
	exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
	printf '\nThe demo has failed: %s\n' "$*" >&2
	exit 1
}

step() { printf '\n=== %s\n' "$*"; }

# expect IS SHOULD WHAT
expect() { [ "$1" = "$2" ] || fail "$3 is '$1' and should be '$2'"; }

# api OPERATION JSON [MEMBERS] prints a call and its answer, of which only the
# members named, such as 'status|startedAt', where some are. The whole answer is
# left in $answer.
api() {
	printf "\n\$ barge call %s '%s'\n" "$1" "$2"
	answer=$("$barge" call "$1" "$2") || fail "$1"
	if [ $# -gt 2 ]; then
		printf '%s\n' "$answer" | grep -E "^ {2,$depth}\"($3)\":" || fail "the answer of $1 has none of $3"
	elif [ -n "$answer" ]; then
		printf '%s\n' "$answer"
	fi
}

# run COMMAND... prints and runs a command of barge.
run() {
	printf '\n$ barge %s\n' "$*"
	"$barge" "$@" || fail "barge $*"
}

# member NAME prints the first value of that name in the answer.
member() {
	printf '%s\n' "$answer" | sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" | sed -n 1p
}

step "A server, on a free port, with its data in $dir"
printf '\n$ barge serve --listen 127.0.0.1:0 --driver process --data %s\n' "$dir/data"
# In a session of its own, so that Ctrl-C leaves it alive for the cleanup.
$(command -v setsid) "$barge" serve --listen 127.0.0.1:0 --driver process --data "$dir/data" >"$dir/ready" 2>"$dir/server.log" &
server=$!
tries=0
until AWS_ENDPOINT_URL=$(sed -n 's|^Barge is ready on \(http://[^ ]*\) .*|\1|p' "$dir/ready") && [ -n "$AWS_ENDPOINT_URL" ]; do
	kill -0 "$server" 2>/dev/null || fail "the server has ended"
	tries=$((tries + 1))
	[ "$tries" -lt 300 ] || fail "the server is not ready after 30 seconds"
	sleep 0.1
done
export AWS_ENDPOINT_URL
unset AWS_ENDPOINT_URL_BATCH
cat "$dir/ready"

step "A compute environment of up to 256 vCPUs"
api create-compute-environment '{
  "computeEnvironmentName": "hpc-compute-env",
  "type": "MANAGED",
  "state": "ENABLED",
  "serviceRole": "arn:aws:iam::123456789012:role/AWSBatchServiceRole",
  "computeResources": {
    "type": "EC2",
    "allocationStrategy": "BEST_FIT_PROGRESSIVE",
    "minvCpus": 0, "maxvCpus": 256, "desiredvCpus": 0,
    "instanceTypes": ["c5.xlarge", "c5.2xlarge", "c5.4xlarge", "m5.xlarge", "m5.2xlarge"],
    "subnets": ["subnet-abc123", "subnet-def456"],
    "securityGroupIds": ["sg-abc123"],
    "instanceRole": "arn:aws:iam::123456789012:instance-profile/ecsInstanceRole",
    "tags": {"Environment": "production", "Workload": "hpc"}
  }
}'
api describe-compute-environments '{"computeEnvironments": ["hpc-compute-env"]}' 'state|status'
expect "$(member status)" VALID "the environment's status"

step "Two queues that share it: what waits in the high one goes first"
for queue in high:10 low:1; do
	api create-job-queue '{
  "jobQueueName": "hpc-'"${queue%:*}"'-priority",
  "state": "ENABLED",
  "priority": '"${queue#*:}"',
  "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "hpc-compute-env"}]
}'
done
api describe-job-queues '{"jobQueues": ["hpc-high-priority"]}' 'jobQueueName|status|priority'
expect "$(member status)/$(member priority)" VALID/10 "the queue's status and priority"

step "A job definition: what to run, with 4 vCPUs and 8 GiB"
api register-job-definition '{
  "jobDefinitionName": "hpc-simulation",
  "type": "container",
  "containerProperties": {
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-hpc-app:latest",
    "vcpus": 4,
    "memory": 8192,
    "command": ["sh", "'"$here"'/run_simulation.sh"],
    "environment": [
      {"name": "SIMULATION_TYPE", "value": "monte-carlo"},
      {"name": "OUTPUT_BUCKET", "value": "my-results-bucket"}
    ],
    "jobRoleArn": "arn:aws:iam::123456789012:role/batch-job-role",
    "logConfiguration": {
      "logDriver": "awslogs",
      "options": {
        "awslogs-group": "/aws/batch/hpc-simulation",
        "awslogs-region": "us-east-1",
        "awslogs-stream-prefix": "batch"
      }
    }
  }
}'
expect "$(member revision)" 1 "the definition's revision"

step "A single job, with more iterations"
api submit-job '{
  "jobName": "simulation-001",
  "jobQueue": "hpc-high-priority",
  "jobDefinition": "hpc-simulation",
  "containerOverrides": {"environment": [{"name": "ITERATIONS", "value": "5000000"}]}
}'
single=$(member jobId)
jobs=$single

step "What is running, and what is known about the job"
request='{"jobQueue": "hpc-high-priority", "jobStatus": "RUNNING"}'
printf "\n\$ barge call list-jobs '%s'\n" "$request"
until answer=$("$barge" call list-jobs "$request") && [ "$(member jobId)" = "$single" ]; do
	answer=$("$barge" call describe-jobs "{\"jobs\":[\"$single\"]}")
	case $(member status) in
	SUCCEEDED)
		echo "(it was too quick to be seen)"
		break
		;;
	FAILED) fail "job $single" ;;
	esac
	sleep 0.05
done
printf '%s\n' "$answer"
api describe-jobs '{"jobs": ["'"$single"'"]}' 'status|startedAt|statusReason'
run wait --timeout 60s "$single"
api describe-jobs '{"jobs": ["'"$single"'"]}' 'status|startedAt|stoppedAt|statusReason'
expect "$(member status)" SUCCEEDED "the job's status"

step "Its log, by AWS's API and in short"
api logs.GetLogEvents '{
  "logGroupName": "/aws/batch/hpc-simulation",
  "logStreamName": "batch/hpc-simulation/'"$single"'",
  "startFromHead": true
}' 'message'
case $answer in
*"Starting monte-carlo simulation with 5000000 iterations"*"Job ID: $single"*"Results: "*) ;;
*) fail "the log is not that of the job" ;;
esac
run logs "$single"

step "An array of 100 jobs, and one in the low queue, which has to wait for them"
api submit-job '{
  "jobName": "simulation-array",
  "jobQueue": "hpc-high-priority",
  "jobDefinition": "hpc-simulation",
  "arrayProperties": {"size": 100},
  "containerOverrides": {"environment": [{"name": "ITERATIONS", "value": "1000000"}]}
}'
array=$(member jobId)
jobs="$jobs $array"
api submit-job '{
  "jobName": "simulation-low",
  "jobQueue": "hpc-low-priority",
  "jobDefinition": "hpc-simulation",
  "containerOverrides": {"environment": [{"name": "ITERATIONS", "value": "1000000"}]}
}'
low=$(member jobId)
jobs="$jobs $low"
run jobs
run jobs --array "$array" --status RUNNING --limit 5
run wait --timeout 240s "$array" "$low"
run jobs

step "All 100 have succeeded, and each did its own part"
depth=10
api describe-jobs '{"jobs": ["'"$array"'"]}' 'status|size|SUCCEEDED|FAILED'
expect "$(member status)" SUCCEEDED "the array job's status"
expect "$(member SUCCEEDED)" 100 "the number of children that have succeeded"
run logs "$array:42"

# 64 of the array fit at a time, so the low job's turn came when 37 had ended.
low_started=$("$barge" jobs --json --queue hpc-low-priority | sed -n 's/.*"startedAt":\([0-9]*\).*/\1/p')
"$barge" jobs --json --array "$array" --limit 100 | awk -F '"stoppedAt":' -v low="$low_started" '
	{ split($2, at, /[^0-9]/); if (at[1] "" <= low "") before++ }
	END {
		printf "\nThe job in the low queue started when %d of the 100 had ended.\n", before
		exit before < 37
	}' || fail "the low queue's job did not wait for the high queue's"
i=0
while [ "$i" -lt 100 ]; do
	"$barge" logs "$array:$i"
	i=$((i + 1))
done | awk '
	/^Results: / { for (f = 1; f < NF; f++) if ($f == "{\"pi\":") { sum += $(f + 1) + 0; n++; seen[$(f + 1)] } }
	END {
		for (s in seen) different++
		mean = n ? sum / n : 0
		printf "\nThe mean of the %d estimates of pi, of which %d are different: %.5f\n", n, different, mean
		exit !(n == 100 && different > 90 && mean > 3.13 && mean < 3.15)
	}' || fail "the results are not those of 100 simulations"

step "Done"
cat <<END

Start a server to keep with: $barge serve
END
if command -v aws >/dev/null 2>&1; then
	cat <<'END'
The AWS CLI works with it as well, once AWS_ENDPOINT_URL is set as it says:
  aws batch list-jobs --job-queue hpc-high-priority --job-status RUNNING
END
fi
