#!/bin/sh
# seeds.sh BARGE process|docker [IMAGE] - a guide to AWS Batch for HPC, with the AWS CLI.
#
# Runs the commands of the guide as they are printed there (a compute
# environment, two queues, a definition, a job, an array of 100, listing,
# describing, reading the log) against a server that it starts itself, and
# checks what comes of them: the states, and the jobs' own output in their logs.
# Only the names that the guide leaves open are filled in: the image's and the
# jobs' ids.
#
# The job's command is the guide's, `python3 /app/run_simulation.py`. What runs is
# a stand-in that reads the same variables and prints the same lines, without
# numpy and S3:
#   process  needs python3, and to write /app/run_simulation.py, which is put
#            back, or removed, at the end;
#   docker   needs an engine, its command-line client and a static /bin/busybox,
#            of which it makes an image with a python3 of its own, removed at
#            the end; with IMAGE that image is run instead.
#
# It needs the AWS CLI, of either version. Version 1 has no `aws logs tail`: there
# filter-log-events, from which tail is made, is checked in its place.
#
# It leaves nothing behind. It exits with 1, and says what is wrong, when anything
# is not as it should be.
set -eu

barge=${1:?usage: seeds.sh path/to/barge process|docker [image]}
driver=${2:?usage: seeds.sh path/to/barge process|docker [image]}
image=${3:-}
docker=${DOCKER:-docker}
program=/app/run_simulation.py
dir=$(mktemp -d "${TMPDIR:-/tmp}/barge-awscli.XXXXXX")
server='' follow='' jobs='' built='' placed='' made_app=''

export AWS_ACCESS_KEY_ID=barge AWS_SECRET_ACCESS_KEY=barge AWS_DEFAULT_REGION=us-east-1 AWS_DEFAULT_OUTPUT=json
export AWS_EC2_METADATA_DISABLED=true AWS_PAGER='' AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
export PYTHONUNBUFFERED=1
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_BATCH AWS_ENDPOINT_URL_CLOUDWATCH_LOGS

# The CLI that distributions have may be too old for AWS_ENDPOINT_URL.
aws() { command aws --endpoint-url "$endpoint" "$@"; }

fail() {
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

ok() { printf 'ok: %s\n' "$*"; }

# expect IS SHOULD WHAT
expect() {
	[ "$1" = "$2" ] || fail "$3 is '$1' and should be '$2'"
	ok "$3 is $2"
}

# holds FILE TEXT WHAT
holds() {
	grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$3 lacks '$2'"; }
	ok "$3 has '$2'"
}

# The jobs first: they would outlive the server, and so would their parent, the
# runner, for some seconds.
cleanup() {
	code=$?
	trap '' INT TERM
	trap - EXIT
	set +e
	[ -z "$follow" ] || kill "$follow" 2>/dev/null
	if [ -n "$server" ]; then
		if [ "$code" != 0 ]; then
			for id in $jobs; do
				aws batch terminate-job --job-id "$id" --reason "the test ends" >/dev/null 2>&1
			done
			AWS_ENDPOINT_URL=$endpoint "$barge" wait --timeout 60s $jobs >/dev/null 2>&1
			tail -n 20 "$dir/server.log" >&2
		fi
		kill "$server" 2>/dev/null
		wait "$server" 2>/dev/null
		for p in /proc/[0-9]*; do
			case $(tr '\0' ' ' 2>/dev/null <"$p/cmdline") in
			*"runner $dir/data/process "*) kill "${p#/proc/}" 2>/dev/null ;;
			esac
		done
		if [ "$driver" = docker ] && [ -s "$dir/data/installation" ]; then
			$docker ps -aq --filter "label=org.bargehq.barge.owner=$(cat "$dir/data/installation")" |
				while read -r id; do $docker rm -f "$id" >/dev/null; done
		fi
	fi
	[ -z "$built" ] || $docker rmi -f "$built" >/dev/null
	if [ -n "$placed" ]; then
		if [ -e "$dir/original.py" ]; then cp -p "$dir/original.py" "$program"; else rm -f "$program"; fi
		[ -z "$made_app" ] || rmdir /app 2>/dev/null
	fi
	rm -rf "$dir"
	exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# write_python and write_shell print the stand-ins: the guide's program with a
# Monte Carlo estimate in place of numpy's, which does at most 20,000 of the
# iterations asked for, and a note in place of the upload.
write_python() {
	cat <<'END'
import json
import os
import random


def run_simulation():
    sim_type = os.environ.get('SIMULATION_TYPE', 'default')
    iterations = int(os.environ.get('ITERATIONS', '1000000'))
    job_id = os.environ.get('AWS_BATCH_JOB_ID', 'local')
    output_bucket = os.environ.get('OUTPUT_BUCKET')

    print(f"Starting {sim_type} simulation with {iterations} iterations")
    print(f"Job ID: {job_id}")
    print(f"Array index: {os.environ.get('AWS_BATCH_JOB_ARRAY_INDEX', 'none')}", flush=True)

    points = min(iterations, 20000)
    inside = sum(random.random()**2 + random.random()**2 < 1 for _ in range(points))
    summary = {'pi': 4 * inside / points, 'iterations': iterations, 'job_id': job_id}
    print(f"Results: {json.dumps(summary, indent=2)}")
    if output_bucket:
        print(f"Results would go to s3://{output_bucket}/results/{job_id}.json")


if __name__ == '__main__':
    run_simulation()
END
}

write_shell() {
	cat <<'END'
iterations=${ITERATIONS:-1000000}
job_id=${AWS_BATCH_JOB_ID:-local}
echo "Starting ${SIMULATION_TYPE:-default} simulation with $iterations iterations"
echo "Job ID: $job_id"
echo "Array index: ${AWS_BATCH_JOB_ARRAY_INDEX:-none}"
awk -v n="$iterations" -v seed="${AWS_BATCH_JOB_ARRAY_INDEX:-0}" -v job="$job_id" 'BEGIN {
	srand(seed + 1)
	points = n < 20000 ? n : 20000
	for (i = 0; i < points; i++) { x = rand(); y = rand(); if (x * x + y * y < 1) inside++ }
	printf "Results: {\n  \"pi\": %.6f,\n  \"iterations\": %d,\n  \"job_id\": \"%s\"\n}\n", 4 * inside / points, n, job
}'
[ -z "${OUTPUT_BUCKET:-}" ] || echo "Results would go to s3://$OUTPUT_BUCKET/results/$job_id.json"
END
}

place_program() {
	command -v python3 >/dev/null || fail "there is no python3, which the job's command names"
	[ ! -e "$program" ] || cp -p "$program" "$dir/original.py"
	if [ ! -d /app ]; then mkdir /app && made_app=yes; fi
	placed=yes
	write_python >"$dir/standin.py"
	cp "$dir/standin.py" "$program.new" && mv "$program.new" "$program" || fail "cannot write $program"
}

build_image() {
	busybox=${BUSYBOX:-/bin/busybox}
	root=$dir/root
	mkdir -p "$root/bin" "$root/usr/bin" "$root/app" "$root/tmp" "$root/etc" "$root/proc" "$root/sys" "$root/dev"
	cp "$busybox" "$root/bin/busybox"
	for applet in sh awk cat; do ln -s busybox "$root/bin/$applet"; done
	printf '#!/bin/sh\nexec /bin/sh "$@"\n' >"$root/usr/bin/python3"
	chmod +x "$root/usr/bin/python3"
	write_shell >"$root$program"
	image=barge-test/my-hpc-app:$$
	tar -C "$root" -c . | $docker import --change 'ENV PATH=/usr/bin:/bin' - "$image" >/dev/null
	built=$image
}

# status JOB
status() { aws batch describe-jobs --jobs "$1" --query 'jobs[0].status' --output text; }

# succeeded JOB SECONDS waits for the end of a job.
succeeded() {
	end=$(($(date +%s) + $2))
	until s=$(status "$1") && [ "$s" = SUCCEEDED ]; do
		[ "$s" != FAILED ] || { aws batch describe-jobs --jobs "$1" >&2; fail "job $1 has failed"; }
		[ "$(date +%s)" -lt "$end" ] || fail "job $1 is $s after $2 seconds"
		sleep 0.5
	done
}

case $driver in
process)
	image=${image:-123456789012.dkr.ecr.us-east-1.amazonaws.com/my-hpc-app:latest}
	place_program
	;;
docker) [ -n "$image" ] || build_image ;;
*) fail "the driver is process or docker, not $driver" ;;
esac
printf '%s, %s driver\n' "$(command aws --version 2>&1)" "$driver"

# In a session of its own, so that Ctrl-C leaves it alive for the cleanup.
: >"$dir/ready"
$(command -v setsid) "$barge" serve --listen 127.0.0.1:0 --driver "$driver" --data "$dir/data" >"$dir/ready" 2>"$dir/server.log" &
server=$!
tries=0
until endpoint=$(sed -n 's|^Barge is ready on \(http://[^ ]*\) .*|\1|p' "$dir/ready") && [ -n "$endpoint" ]; do
	kill -0 "$server" 2>/dev/null || fail "the server has ended: $(cat "$dir/server.log")"
	tries=$((tries + 1))
	[ "$tries" -lt 300 ] || fail "the server is not ready after 30 seconds"
	sleep 0.1
done
ok "the server is ready"

# Create a managed compute environment for HPC workloads
aws batch create-compute-environment \
  --compute-environment-name hpc-compute-env \
  --type MANAGED \
  --state ENABLED \
  --service-role arn:aws:iam::123456789012:role/AWSBatchServiceRole \
  --compute-resources '{
    "type": "EC2",
    "allocationStrategy": "BEST_FIT_PROGRESSIVE",
    "minvCpus": 0,
    "maxvCpus": 256,
    "desiredvCpus": 0,
    "instanceTypes": ["c5.xlarge", "c5.2xlarge", "c5.4xlarge", "m5.xlarge", "m5.2xlarge"],
    "subnets": ["subnet-abc123", "subnet-def456"],
    "securityGroupIds": ["sg-abc123"],
    "instanceRole": "arn:aws:iam::123456789012:instance-profile/ecsInstanceRole",
    "tags": {
      "Environment": "production",
      "Workload": "hpc"
    }
  }' >"$dir/out"
holds "$dir/out" 'arn:aws:batch:us-east-1:123456789012:compute-environment/hpc-compute-env' "the answer to create-compute-environment"

# Create a high-priority job queue
aws batch create-job-queue \
  --job-queue-name hpc-high-priority \
  --state ENABLED \
  --priority 10 \
  --compute-environment-order '[
    {
      "order": 1,
      "computeEnvironment": "hpc-compute-env"
    }
  ]' >"$dir/out"
holds "$dir/out" 'arn:aws:batch:us-east-1:123456789012:job-queue/hpc-high-priority' "the answer to create-job-queue"

# Create a low-priority queue (for non-urgent jobs)
aws batch create-job-queue \
  --job-queue-name hpc-low-priority \
  --state ENABLED \
  --priority 1 \
  --compute-environment-order '[
    {
      "order": 1,
      "computeEnvironment": "hpc-compute-env"
    }
  ]' >"$dir/out"
holds "$dir/out" 'arn:aws:batch:us-east-1:123456789012:job-queue/hpc-low-priority' "the answer to create-job-queue"

expect "$(aws batch describe-compute-environments --query 'computeEnvironments[].[computeEnvironmentName,state,status]' --output text | tr '\t' ' ')" \
	'hpc-compute-env ENABLED VALID' "what describe-compute-environments shows"
expect "$(aws batch describe-job-queues --query 'jobQueues[].[jobQueueName,priority,state,status]' --output text | tr '\t\n' '  ')" \
	'hpc-high-priority 10 ENABLED VALID hpc-low-priority 1 ENABLED VALID ' "what describe-job-queues shows"

# Create a job definition for a compute-intensive task
aws batch register-job-definition \
  --job-definition-name hpc-simulation \
  --type container \
  --container-properties '{
    "image": "'"$image"'",
    "vcpus": 4,
    "memory": 8192,
    "command": ["python3", "/app/run_simulation.py"],
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
  }' >"$dir/out"
holds "$dir/out" 'arn:aws:batch:us-east-1:123456789012:job-definition/hpc-simulation:1' "the answer to register-job-definition"

# Submit a single job
aws batch submit-job \
  --job-name simulation-001 \
  --job-queue hpc-high-priority \
  --job-definition hpc-simulation \
  --container-overrides '{
    "environment": [
      {"name": "ITERATIONS", "value": "5000000"}
    ]
  }' >"$dir/out"
holds "$dir/out" '"jobName": "simulation-001"' "the answer to submit-job"
single=$(sed -n 's/^ *"jobId": "\([^"]*\)".*/\1/p' "$dir/out")
jobs=$single

# Submit an array job (runs the same job multiple times with different indices)
aws batch submit-job \
  --job-name simulation-array \
  --job-queue hpc-high-priority \
  --job-definition hpc-simulation \
  --array-properties '{"size": 100}' \
  --container-overrides '{
    "environment": [
      {"name": "ITERATIONS", "value": "1000000"}
    ]
  }' >"$dir/out"
array=$(sed -n 's/^ *"jobId": "\([^"]*\)".*/\1/p' "$dir/out")
jobs="$jobs $array"

# List running jobs
aws batch list-jobs \
  --job-queue hpc-high-priority \
  --job-status RUNNING >"$dir/out"
holds "$dir/out" '"jobSummaryList": [' "the answer to list-jobs"
expect "$(aws batch list-jobs --job-queue hpc-high-priority --job-status RUNNING --query "jobSummaryList[?jobId=='$array']" --output text)" \
	'' "what list-jobs shows of the array job among those running"

# Get details on a specific job
succeeded "$single" 120
aws batch describe-jobs \
  --jobs "$single" \
  --query 'jobs[0].{Status: status, StartedAt: startedAt, StatusReason: statusReason}' >"$dir/out"
holds "$dir/out" '"Status": "SUCCEEDED"' "the answer to describe-jobs"
holds "$dir/out" '"StatusReason": "Essential container in task exited"' "the answer to describe-jobs"
grep -q '"StartedAt": [0-9]\{13\}' "$dir/out" || fail "the answer to describe-jobs has no StartedAt"

# Check CloudWatch logs for a job
aws logs get-log-events \
  --log-group-name /aws/batch/hpc-simulation \
  --log-stream-name "batch/hpc-simulation/$single" >"$dir/out"
holds "$dir/out" '"message": "Starting monte-carlo simulation with 5000000 iterations"' "the job's log"
holds "$dir/out" "\"message\": \"Job ID: $single\"" "the job's log"
holds "$dir/out" '"message": "Array index: none"' "the job's log"
holds "$dir/out" '"message": "Results: {"' "the job's log"
holds "$dir/out" "s3://my-results-bucket/results/$single.json" "the job's log"

# The stream has its name from AWS as well.
stream=$(aws batch describe-jobs --jobs "$single" --query 'jobs[0].container.logStreamName' --output text)
case $stream in batch/default/*) ;; *) fail "the job's logStreamName is $stream" ;; esac
aws logs get-log-events --log-group-name /aws/batch/hpc-simulation --log-stream-name "$stream" --start-from-head >"$dir/out"
holds "$dir/out" "\"message\": \"Job ID: $single\"" "the stream that describe-jobs names"

succeeded "$array" 600
expect "$(aws batch describe-jobs --jobs "$array" --query 'jobs[0].arrayProperties.[size,statusSummary.SUCCEEDED,statusSummary.FAILED]' --output text | tr '\t' ' ')" \
	'100 100 0' "the array's size, successes and failures"
i=0 children=''
while [ "$i" -lt 100 ]; do
	children="$children $array:$i"
	i=$((i + 1))
done
aws batch describe-jobs --jobs $children --output text \
	--query 'jobs[].[jobId,status,arrayProperties.index,container.logStreamName]' >"$dir/children"
expect "$(awk -F '\t' -v id="$array" '$1 == id ":" $3 && $2 == "SUCCEEDED" && !seen[$3]++ && !stream[$4]++' "$dir/children" | wc -l | tr -d ' ')" \
	100 "the number of different children that have succeeded, each with a stream of its own"
expect "$(aws batch list-jobs --array-job-id "$array" --job-status SUCCEEDED --query 'jobSummaryList[].arrayProperties.index' --output text | tr '\t' '\n' | sort -n | uniq | wc -l | tr -d ' ')" \
	100 "the number of children that list-jobs shows as succeeded"
for i in 0 1 42 63 64 99; do
	stream=$(awk -F '\t' -v i="$i" '$3 == i { print $4 }' "$dir/children")
	aws logs get-log-events --log-group-name /aws/batch/hpc-simulation --log-stream-name "$stream" \
		--query 'events[].message' --output text | tr '\t' '\n' >"$dir/out"
	for line in "Starting monte-carlo simulation with 1000000 iterations" "Job ID: $array:$i" "Array index: $i"; do
		grep -qxF "$line" "$dir/out" || { cat "$dir/out" >&2; fail "the log of child $i lacks '$line'"; }
	done
	ok "the log of child $i is its own"
done

# submit_again NAME submits one more job while the group is being followed.
submit_again() {
	again=$(aws batch submit-job --job-name "$1" --job-queue hpc-low-priority --job-definition hpc-simulation \
		--container-overrides '{"environment": [{"name": "ITERATIONS", "value": "77"}]}' --query jobId --output text)
	jobs="$jobs $again"
}

if aws logs tail help 2>/dev/null </dev/null | grep -q -- --follow; then
	aws logs tail /aws/batch/hpc-simulation --since 1h >"$dir/out"
	holds "$dir/out" "Job ID: $single" "what logs tail prints"
	holds "$dir/out" "Job ID: $array:99" "what logs tail prints"

	command aws --endpoint-url "$endpoint" logs tail /aws/batch/hpc-simulation --since 1h --follow >"$dir/follow" 2>&1 &
	follow=$!
	submit_again simulation-followed
	end=$(($(date +%s) + 90))
	until grep -qF "s3://my-results-bucket/results/$again.json" "$dir/follow"; do
		kill -0 "$follow" 2>/dev/null || fail "logs tail --follow has ended: $(tail -n 5 "$dir/follow")"
		[ "$(date +%s)" -lt "$end" ] || fail "logs tail --follow does not show the job that came after it"
		sleep 0.5
	done
	kill "$follow"
	wait "$follow" 2>/dev/null || true
	follow=''
	expect "$(grep -cF "Job ID: $again" "$dir/follow")" 1 "the number of times that logs tail --follow shows a line of a new job"
else
	echo "this AWS CLI has no logs tail: filter-log-events, which it is made of, is checked instead"
	submit_again simulation-filtered
fi
succeeded "$again" 120
aws logs filter-log-events --log-group-name /aws/batch/hpc-simulation --filter-pattern '"Job ID"' \
	--query 'events[].message' --output text | tr '\t' '\n' | sort -u >"$dir/out"
holds "$dir/out" "Job ID: $again" "what filter-log-events finds"
expect "$(grep -c "^Job ID: " "$dir/out")" 102 "the number of jobs in the group's log"

if aws batch submit-job --job-name bad --job-queue no-such-queue --job-definition hpc-simulation >"$dir/out" 2>&1; then
	fail "a job in a queue that is not there was taken"
fi
holds "$dir/out" "(ClientException) when calling the SubmitJob operation: JobQueue no-such-queue does not exist." "the refusal of a job in no queue"
echo PASS
