#!/bin/sh
# A stand-in for a computation: estimates pi by throwing points at a square.
# As a job of AWS Batch would, it takes its parameters from the environment and
# prints its results. The children of an array job throw different points.
set -eu

type=${SIMULATION_TYPE:-default}
iterations=${ITERATIONS:-1000000}
job=${AWS_BATCH_JOB_ID:-local}
index=${AWS_BATCH_JOB_ARRAY_INDEX:-0}

echo "Starting $type simulation with $iterations iterations"
echo "Job ID: $job"

exec awk -v n="$iterations" -v index_="$index" -v job="$job" '
BEGIN {
	srand(1000003 * (index_ + 1))
	for (i = 0; i < n; i++) {
		x = rand()
		y = rand()
		if (x * x + y * y < 1) hits++
	}
	pi = 4 * hits / n
	printf "Results: {\"pi\": %.6f, \"error\": %.6f, \"iterations\": %d, \"index\": %d, \"job_id\": \"%s\"}\n",
		pi, pi - 3.14159265, n, index_, job
}'
