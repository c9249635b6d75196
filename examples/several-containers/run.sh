#!/bin/sh
# A job of three containers: one prepares and ends before the others begin, one
# helps as long as the last one works. The job ends with that one, and the helper
# is stopped.
. "$(dirname "$0")/../setup.sh"

amounts='"resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]'
register '{"jobDefinitionName": "example-several", "type": "container", "ecsProperties": {"taskProperties": [{"containers": [
  {"name": "prepare", "image": "IMAGE", "essential": false, "command": ["/bin/sh", "-c", "echo prepared"], '"$amounts"'},
  {"name": "help", "image": "IMAGE", "essential": false, "dependsOn": [{"containerName": "prepare", "condition": "COMPLETE"}],
   "command": ["/bin/sh", "-c", "trap \"echo told to stop; exit 0\" TERM; echo helping; sleep 600 & wait"], '"$amounts"'},
  {"name": "work", "image": "IMAGE", "command": ["/bin/sh", "-c", "sleep 1; echo worked"],
   "dependsOn": [{"containerName": "prepare", "condition": "SUCCESS"}, {"containerName": "help", "condition": "START"}], '"$amounts"'}
  ]}]}}'

"$barge" wait "$(submit '{"jobName": "several", "jobQueue": "examples", "jobDefinition": "example-several"}')"
