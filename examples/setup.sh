# Sourced by the examples: a queue to submit to, and few words for it.
#
# BARGE     the program; barge by default
# IMAGE     what jobs run in, where containers do; busybox by default
# AWS_ENDPOINT_URL says where the server is.
set -eu

barge=${BARGE:-barge}
image=${IMAGE:-busybox}

# call OPERATION JSON
call() { "$barge" call "$1" "$2"; }

# register JSON registers a job definition; IMAGE in it becomes the image.
register() { call RegisterJobDefinition "$(printf '%s' "$1" | sed "s|IMAGE|$image|g")" >/dev/null; }

# submit JSON prints the id of the job.
submit() { call SubmitJob "$1" | sed -n 's/.*"jobId": *"\([^"]*\)".*/\1/p'; }

# An error says that another example has made them.
call CreateComputeEnvironment '{"computeEnvironmentName": "examples", "type": "MANAGED", "computeResources": {
  "type": "EC2", "minvCpus": 0, "maxvCpus": 8, "instanceTypes": ["optimal"], "subnets": ["subnet-1"],
  "securityGroupIds": ["sg-1"], "instanceRole": "ecsInstanceRole"}}' >/dev/null 2>&1 || true
call CreateJobQueue '{"jobQueueName": "examples", "priority": 1,
  "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "examples"}]}' >/dev/null 2>&1 || true
