#!/bin/sh
# Runs the pipeline on the server at AWS_ENDPOINT_URL:
#
#   run.sh docker|oci|process [DIRECTORY]
#
# The argument is the server's driver. DIRECTORY, a new one unless given, stands
# for the buckets between the steps; it must be visible to server and jobs.
set -eu

driver=${1:?usage: run.sh docker|oci|process [DIRECTORY]}
barge=${BARGE:-barge}
here=$(cd "$(dirname "$0")" && pwd)
work=${2:-$(mktemp -d)}
mkdir -p "$work"
cp "$here"/*.sh "$here"/*.py "$work/"

# A day's upload: ten readings and a line that is no reading.
printf 'sensor,value\na,1\nb,2\nc,3\nd,4\nbroken\ne,5\nf,6\ng,7\nh,8\ni,9\nj,10\n' >"$work/input.csv"

case $driver in
docker | oci)
	image=barge-test/openmpi:latest # test/mpi/mkimage.sh makes it
	analysis='"node.sh", "python3", "'$work'/analysis.py", "'$work'"'
	;;
process)
	image=not-used
	analysis='"/bin/sh", "'$work'/analysis.sh", "'$work'"'
	;;
*)
	echo "no driver $driver" >&2
	exit 2
	;;
esac

member() { sed -n 's/.*"'"$1"'": *"\([^"]*\)".*/\1/p'; }

environment() { # name, most vCPUs
	"$barge" call CreateComputeEnvironment '{"computeEnvironmentName": "'"$1"'", "type": "MANAGED", "computeResources": {
		"type": "EC2", "minvCpus": 0, "maxvCpus": '"$2"', "instanceTypes": ["optimal"], "subnets": ["subnet-private"],
		"securityGroupIds": ["sg-batch"], "instanceRole": "BatchInstanceProfile"}}' >/dev/null
}

queue() { # name, priority, environment
	"$barge" call CreateJobQueue '{"jobQueueName": "'"$1"'", "priority": '"$2"',
		"computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "'"$3"'"}]}' >/dev/null
}

container() { # command, as elements of JSON
	echo '{"image": "'$image'", "command": ['"$1"'],
		"resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
		"volumes": [{"name": "data", "host": {"sourcePath": "'"$work"'"}}],
		"mountPoints": [{"sourceVolume": "data", "containerPath": "'"$work"'"}]}'
}

environment OnDemandCE 32
environment HPCCE 64
queue MainQueue 10 OnDemandCE
queue HPCQueue 5 HPCCE

"$barge" call RegisterJobDefinition '{"jobDefinitionName": "preprocessing-job-def", "type": "container",
	"containerProperties": '"$(container '"/bin/sh", "'$work'/preprocess.sh", "'$work'"')"',
	"retryStrategy": {"attempts": 3}, "timeout": {"attemptDurationSeconds": 3600}}' >/dev/null
"$barge" call RegisterJobDefinition '{"jobDefinitionName": "hpc-analysis-job-def", "type": "multinode",
	"nodeProperties": {"numNodes": 4, "mainNode": 0, "nodeRangeProperties": [
		{"targetNodes": "0:3", "container": '"$(container "$analysis")"'}]},
	"retryStrategy": {"attempts": 2}, "timeout": {"attemptDurationSeconds": 86400}}' >/dev/null
"$barge" call RegisterJobDefinition '{"jobDefinitionName": "postprocessing-job-def", "type": "container",
	"containerProperties": '"$(container '"/bin/sh", "'$work'/postprocess.sh", "'$work'"')"',
	"retryStrategy": {"attempts": 1}, "timeout": {"attemptDurationSeconds": 7200}}' >/dev/null

pre=$("$barge" call SubmitJob '{"jobName": "my-preproc-job", "jobQueue": "MainQueue", "jobDefinition": "preprocessing-job-def"}' | member jobId)
hpc=$("$barge" call SubmitJob '{"jobName": "my-hpc-job", "jobQueue": "HPCQueue", "jobDefinition": "hpc-analysis-job-def",
	"dependsOn": [{"jobId": "'"$pre"'"}]}' | member jobId)
post=$("$barge" call SubmitJob '{"jobName": "my-postproc-job", "jobQueue": "MainQueue", "jobDefinition": "postprocessing-job-def",
	"dependsOn": [{"jobId": "'"$hpc"'"}]}' | member jobId)

"$barge" wait --timeout 10m "$pre" "$hpc" "$post"
cat "$work/report.txt"
