#!/bin/sh
# Timeouts. An attempt that takes longer than attemptDurationSeconds, at least 60,
# gets SIGTERM, and SIGKILL half a minute later. The job has failed then, however
# many attempts were left.
. "$(dirname "$0")/../setup.sh"

register '{"jobDefinitionName": "example-timeout", "type": "container", "containerProperties": {
  "image": "IMAGE", "vcpus": 1, "memory": 64,
  "command": ["/bin/sh", "-c", "trap \"echo saved; exit 1\" TERM; echo working; sleep 600 & wait"]},
  "retryStrategy": {"attempts": 3}, "timeout": {"attemptDurationSeconds": 60}}'

slow=$(submit '{"jobName": "slow", "jobQueue": "examples", "jobDefinition": "example-timeout"}')
# The timeout of a job counts before that of its definition.
patient=$(submit '{"jobName": "patient", "jobQueue": "examples", "jobDefinition": "example-timeout",
  "timeout": {"attemptDurationSeconds": 3600}, "containerOverrides": {"command": ["/bin/sh", "-c", "sleep 1"]}}')

"$barge" wait "$slow" "$patient" || true # 1: a job has failed
