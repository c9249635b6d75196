#!/bin/sh
# Makes the report of the result.
set -eu
read -r count total nodes <"$1/result.txt"
echo "$count readings, sum $total, by $nodes nodes" | tee "$1/report.txt"
