#!/bin/sh
# Two array jobs of the same size. Each child of the second waits for the child
# of the first that has its index, not for the whole array: child 1 of the first
# takes long, and the other children of the second do not wait for it.
. "$(dirname "$0")/../setup.sh"

register '{"jobDefinitionName": "example-n-to-n", "type": "container", "containerProperties": {
  "image": "IMAGE", "vcpus": 1, "memory": 64, "command": ["/bin/sh", "-c", "Ref::script"]},
  "parameters": {"script": "exit 0"}}'

first=$(submit '{"jobName": "prepare", "jobQueue": "examples", "jobDefinition": "example-n-to-n", "arrayProperties": {"size": 3},
  "parameters": {"script": "test $AWS_BATCH_JOB_ARRAY_INDEX != 1 || sleep 3; echo prepared $AWS_BATCH_JOB_ARRAY_INDEX"}}')
second=$(submit '{"jobName": "process", "jobQueue": "examples", "jobDefinition": "example-n-to-n", "arrayProperties": {"size": 3},
  "dependsOn": [{"jobId": "'"$first"'", "type": "N_TO_N"}],
  "parameters": {"script": "echo processed $AWS_BATCH_JOB_ARRAY_INDEX"}}')

"$barge" wait "$second:0" "$second:2" "$second:1" "$first" "$second"
