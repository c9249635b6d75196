"""Uses a server through boto3 and holds every answer against AWS's model.

Arguments: the server's address. Prints what it has checked, or what is wrong and
exits with 1. Operations that the server does not have are counted and left out.
"""

import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

problems = []
answers = 0
current = True  # boto3's model is as new as the server's


def check(model, parsed, http_response, **_):
    """Validates a raw answer: types, required members, members the model lacks."""
    global answers
    if http_response.status_code != 200 or model.output_shape is None:
        return
    answers += 1
    raw = json.loads(http_response.content or b"{}")
    report = ParamValidator().validate(raw, model.output_shape).generate_report()
    for line in filter(None, report.split("\n")):
        if line.startswith("Unknown parameter") and not current:
            continue
        # Barge's one addition, which boto3 skips.
        if line.startswith("Unknown parameter in jobs[") and '"barge"' in line:
            continue
        # AWS's own answers lack it until a job has run.
        if line.startswith("Missing required parameter in jobs[") and line.endswith('"startedAt"'):
            continue
        problems.append(f"{model.name}: {line}")


def expect(what, want, got):
    if want != got:
        problems.append(f"{what}: {got!r}, want {want!r}")


def main(endpoint):
    batch = boto3.client(
        "batch", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="barge",
        aws_secret_access_key="barge", config=Config(retries={"max_attempts": 0}),
    )
    global current
    known = batch.meta.method_to_api_mapping
    current = "list_quota_shares" in known
    consumables = "create_consumable_resource" in known
    batch.meta.events.register("after-call.batch", check)

    for n in range(3):
        batch.create_compute_environment(
            computeEnvironmentName=f"ce{n}", type="MANAGED",
            computeResources={
                "type": "EC2", "minvCpus": 0, "maxvCpus": 4, "instanceTypes": ["optimal"], "subnets": ["subnet-1"],
                "securityGroupIds": ["sg-1"], "instanceRole": "ecsInstanceRole",
            },
        )
        batch.create_job_queue(
            jobQueueName=f"q{n}", priority=n, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": f"ce{n}"}], tags={"n": str(n)},
        )
        batch.register_job_definition(
            jobDefinitionName="d", type="container", retryStrategy={"attempts": 1},
            containerProperties={
                "image": "busybox", "command": ["true"],
                "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "32"}],
            },
        )
        if consumables:
            batch.create_consumable_resource(consumableResourceName=f"licence{n}", totalQuantity=2)
    ids = []
    for n in range(5):
        ids.append(batch.submit_job(jobName=f"job-{n}", jobQueue="q0", jobDefinition="d", tags={"barge:client-token": f"t{n}"})["jobId"])
    again = batch.submit_job(jobName="job-3", jobQueue="q0", jobDefinition="d", tags={"barge:client-token": "t3"})["jobId"]
    expect("the job of the same token", ids[3], again)
    array = batch.submit_job(jobName="many", jobQueue="q0", jobDefinition="d", arrayProperties={"size": 3})["jobId"]
    needs = {"consumableResourcePropertiesOverride": {"consumableResourceList": [{"consumableResource": "licence0", "quantity": 1}]}}
    held = batch.submit_job(jobName="held", jobQueue="q1", jobDefinition="d", containerOverrides={
        "resourceRequirements": [{"type": "VCPU", "value": "64"}],
    }, **(needs if consumables else {}))["jobId"]

    deadline = time.monotonic() + 120
    while True:
        jobs = batch.describe_jobs(jobs=ids + [array, f"{array}:1", held, "none"])["jobs"]
        ended = [j for j in jobs if j["status"] in ("SUCCEEDED", "FAILED")]
        if len(ended) == len(ids) + 2:
            break
        if time.monotonic() > deadline:
            problems.append("jobs do not end: " + ", ".join(f"{j['jobName']} {j['status']}" for j in jobs))
            break
        time.sleep(0.2)
    expect("jobs described", sorted(ids + [array, f"{array}:1", held]), sorted(j["jobId"] for j in jobs))
    expect("states", {"SUCCEEDED", "RUNNABLE"}, {j["status"] for j in jobs})
    if consumables:
        batch.get_job_queue_snapshot(jobQueue="q1")
        batch.describe_consumable_resource(consumableResource="licence0")

    # Each paginator in pages of one, against one page of all.
    newest = [array] + ids[::-1]
    pages = {
        "describe_compute_environments": [({}, "computeEnvironmentName", ["ce0", "ce1", "ce2"])],
        "describe_job_definitions": [({}, "revision", [3, 2, 1])],
        "describe_job_queues": [({}, "jobQueueName", ["q0", "q1", "q2"])],
        "list_consumable_resources": [({}, "consumableResourceName", ["licence0", "licence1", "licence2"])],
        "list_jobs": [
            ({"jobQueue": "q0", "jobStatus": "SUCCEEDED"}, "jobId", newest),
            ({"jobQueue": "q0"}, "jobId", []),
            ({"arrayJobId": array, "jobStatus": "SUCCEEDED"}, "jobId", [f"{array}:{i}" for i in range(3)]),
            ({"jobQueue": "q0", "filters": [{"name": "JOB_NAME", "values": ["JOB-*"]}]}, "jobId", ids[::-1]),
            ({"jobQueue": "q0", "filters": [{"name": "JOB_DEFINITION", "values": ["d:3"]}]}, "jobId", newest),
            ({"jobQueue": "q0", "filters": [{"name": "AFTER_CREATED_AT", "values": ["1"]}]}, "jobId", newest),
            ({"jobQueue": "q1", "filters": [{"name": "BEFORE_CREATED_AT", "values": ["4000000000000"]}]}, "jobId", [held]),
        ],
        "list_jobs_by_consumable_resource": [({"consumableResource": "licence0"}, "jobName", ["held"])],
        "describe_service_environments": [({}, "serviceEnvironmentName", [])],
        "list_quota_shares": [({"jobQueue": "q0"}, "quotaShareName", [])],
        "list_scheduling_policies": [({}, "arn", [])],
        "list_service_jobs": [({"jobQueue": "q0"}, "jobId", [])],
    }
    absent = []
    for name in sorted(batch.meta.method_to_api_mapping):
        if not batch.can_paginate(name):
            continue
        for arguments, member, want in pages.pop(name, [({}, None, None)]):
            if want is None:
                problems.append(f"paginator {name} is not tested")
                continue
            try:
                got = []
                for page in batch.get_paginator(name).paginate(PaginationConfig={"PageSize": 1}, **arguments):
                    items = next(v for k, v in page.items() if isinstance(v, list))
                    if len(items) > 1:
                        problems.append(f"{name}: a page of one has {len(items)}")
                    got += [i[member] for i in items]
                expect(f"{name} {arguments}", want, got)
            except ClientError as e:
                if e.response["Error"]["Code"] != "NotImplementedException":
                    raise
                absent.append(name)
    expect("paginators that boto3 does not have", [], sorted(pages) if current else [])

    # An error is what boto3 makes of it.
    try:
        batch.list_jobs(jobQueue="none")
        problems.append("list_jobs of no queue succeeds")
    except batch.exceptions.ClientException as e:
        expect("the error's status", 400, e.response["ResponseMetadata"]["HTTPStatusCode"])
        expect("the error's text", "JobQueue none does not exist.", e.response["Error"]["Message"])
    batch.terminate_job(jobId=held, reason="enough")
    print(f"boto3 {boto3.__version__}: {answers} answers fit the model; not built: {', '.join(sorted(set(absent))) or 'nothing'}")


main(sys.argv[1])
if problems:
    print("\n".join(problems))
    sys.exit(1)
