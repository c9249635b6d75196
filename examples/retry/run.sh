#!/bin/sh
# Retries. A rule says what to do after an attempt has failed; the first that
# matches decides, and where none does the job is tried again.
. "$(dirname "$0")/../setup.sh"

register '{"jobDefinitionName": "example-retry", "type": "container", "containerProperties": {
  "image": "IMAGE", "vcpus": 1, "memory": 64, "command": ["/bin/sh", "-c", "Ref::script"]},
  "parameters": {"script": "exit 0"},
  "retryStrategy": {"attempts": 3, "evaluateOnExit": [
    {"action": "RETRY", "onStatusReason": "Host EC2*"},
    {"action": "EXIT", "onExitCode": "42"}]}}'

# Fails twice. No rule has its exit code, so it is tried again and succeeds.
flaky=$(submit '{"jobName": "flaky", "jobQueue": "examples", "jobDefinition": "example-retry",
  "parameters": {"script": "echo attempt $AWS_BATCH_JOB_ATTEMPT; test $AWS_BATCH_JOB_ATTEMPT = 3"}}')
# Its exit code says that trying again is of no use.
fatal=$(submit '{"jobName": "fatal", "jobQueue": "examples", "jobDefinition": "example-retry", "parameters": {"script": "exit 42"}}')

"$barge" wait "$flaky" "$fatal" || true # 1: a job has failed
