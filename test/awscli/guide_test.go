//go:build linux

package awscli

// The guide's commands, as they stand.
const (
	createEnvironment = `
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
  }'
`
	createHighQueue = `
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
  ]'
`
	createLowQueue = `
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
  ]'
`
	registerDefinition = `
# Create a job definition for a compute-intensive task
aws batch register-job-definition \
  --job-definition-name hpc-simulation \
  --type container \
  --container-properties '{
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-hpc-app:latest",
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
  }'
`
	submitSingle = `
# Submit a single job
aws batch submit-job \
  --job-name simulation-001 \
  --job-queue hpc-high-priority \
  --job-definition hpc-simulation \
  --container-overrides '{
    "environment": [
      {"name": "ITERATIONS", "value": "5000000"}
    ]
  }'
`
	submitArray = `
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
  }'
`
	listRunning = `
# List running jobs
aws batch list-jobs \
  --job-queue hpc-high-priority \
  --job-status RUNNING
`
	describeJob = `
# Get details on a specific job
aws batch describe-jobs \
  --jobs job-id-here \
  --query 'jobs[0].{Status: status, StartedAt: startedAt, StatusReason: statusReason}'
`
	getLog = `
# Check CloudWatch logs for a job
aws logs get-log-events \
  --log-group-name /aws/batch/hpc-simulation \
  --log-stream-name "batch/hpc-simulation/job-id-here"
`
)

// What the guide leaves open.
const (
	guideImage = "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-hpc-app:latest"
	guideJob   = "job-id-here"
)
