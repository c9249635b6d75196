#!/bin/sh
# A stand-in for a computation: estimates pi by throwing points at a square.
# As a job of AWS Batch would, it takes its parameters from the environment and
# prints its results. The children of an array job throw different points.
# POINTS throws fewer than ITERATIONS says, where nobody wants to wait.
set -eu

type=${SIMULATION_TYPE:-default}
iterations=${ITERATIONS:-1000000}
job=${AWS_BATCH_JOB_ID:-local}
index=${AWS_BATCH_JOB_ARRAY_INDEX:-0}
bucket=${OUTPUT_BUCKET:-}
points=${POINTS:-$iterations}

echo "Starting $type simulation with $iterations iterations"
echo "Job ID: $job"

exec awk -v n="$iterations" -v points="$points" -v index_="$index" -v job="$job" -v bucket="$bucket" '
BEGIN {
	srand(1000003 * (index_ + 1))
	for (i = 0; i < points; i++) {
		x = rand()
		y = rand()
		if (x * x + y * y < 1) hits++
	}
	pi = 4 * hits / points
	printf "Results: {\"pi\": %.6f, \"error\": %.6f, \"iterations\": %d, \"index\": %d, \"job_id\": \"%s\"}\n",
		pi, pi - 3.14159265, n, index_, job
	if (bucket != "") printf "Results would go to s3://%s/results/%s.json\n", bucket, job
}'
