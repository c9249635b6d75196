#!/bin/sh
# Keeps the lines that are readings.
set -eu
awk -F, 'NF == 2 && $2 ~ /^[0-9]+$/' "$1/input.csv" >"$1/cleaned.csv"
echo "$(wc -l <"$1/cleaned.csv") readings"
