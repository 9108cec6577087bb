#!/usr/bin/env bash
# The rows behind docs/results.md: run (or gone on with) by `indrnn reproduce`, and kept in benchmarks/results/reproduce.
#
#     bash benchmarks/reproduce.sh adding-100 --seeds 0,1,2        what `indrnn reproduce` takes
#     RUNS=DIR                                                      where the runs go (default: runs)
set -euo pipefail
cd "$(dirname "$0")/.."

out="${RUNS:-runs}/reproduce"
kept=benchmarks/results/reproduce
python -m indrnn_np reproduce "$@" --out "$out"
python benchmarks/keep_runs.py reproduce "$out" "$kept"
