#!/usr/bin/env bash
# The training runs behind docs/results.md. Each name is one run, kept in benchmarks/results/adding/runs.json or mnist/runs.json.
#
#     bash benchmarks/runs.sh NAME ...     MNIST=DIR names the folder with the idx files (else they are downloaded),
#                                           THREADS=N the threads, RUNS=DIR where the runs go
#
# adding-100-seed0..2, adding-1000-seed0..2, adding-5000-seed0..2, the last two also as adding-1000-one-rate-seed0..2 and
# adding-5000-one-rate-seed0..1, adding-1000-paper-seed0..1, mnist-paper, mnist-fast, mnist-fast-2-threads, mnist-epoch;
# the presets of docs/records.md: adding-fast-seed0..2, adding-long-seed0..2, mnist-preset-fast, mnist-preset-fast-exp,
# mnist-preset-long, chars-preset-fast (TEXT=FILE names the text)
set -euo pipefail
cd "$(dirname "$0")/.."

mnist=(train mnist ${MNIST:+--data "$MNIST"})
run() {
    local name=$1 out="${RUNS:-runs}/$1"
    shift
    python -m indrnn_np "$@" ${THREADS:+--threads "$THREADS"} --out "$out"
    python benchmarks/keep_runs.py add "benchmarks/results/${name%%-*}/runs.json" "$name" "$out" --command "indrnn $*"
    python benchmarks/keep_runs.py draw "benchmarks/results/${name%%-*}/runs.json" "$name"
}

for name in "$@"; do
    seed=${name##*seed}
    case $name in
        adding-100-seed*) run "$name" train adding --steps 100 --iterations 3000 --seed "$seed" ;;
        # batch 32, constant 2e-4, clip 10: the code that belongs to the paper
        adding-1000-paper-seed*) run "$name" train adding --steps 1000 --iterations 8000 --batch 32 --lr 2e-4 --clip-value 10 --seed "$seed" ;;
        # one learning rate for all: what it comes to without --lr-u
        adding-5000-one-rate-seed*) run "$name" train adding --steps 5000 --iterations 4000 --lr 5e-4 --schedule one-cycle --clip-norm 1 --seed "$seed" ;;
        adding-1000-one-rate-seed*) run "$name" train adding --steps 1000 --iterations 4000 --lr 5e-4 --schedule one-cycle --clip-norm 1 --seed "$seed" ;;
        # u with a small share of the others' learning rate, which may then be larger than the paper's
        adding-5000-seed*) run "$name" train adding --steps 5000 --iterations 5000 --lr 1e-3 --lr-u 0.02 --schedule one-cycle --clip-norm 100 --seed "$seed" ;;
        adding-1000-seed*) run "$name" train adding --steps 1000 --iterations 1500 --lr 2e-3 --lr-u 0.05 --schedule one-cycle --clip-norm 1 --seed "$seed" ;;
        adding-fast-seed*) run "$name" train adding --preset fast --seed "$seed" ;;
        adding-long-seed*) run "$name" train adding --preset long --seed "$seed" ;;
        mnist-preset-fast) run "$name" "${mnist[@]}" --preset fast ;;
        mnist-preset-fast-exp) run "$name" "${mnist[@]}" --preset fast --u-form exp ;;
        mnist-preset-long) run "$name" "${mnist[@]}" --preset long ;;
        chars-preset-fast) run "$name" train chars --data "$TEXT" --preset fast ;;
        # the authors' later code: the defaults of the command; their epoch is 1700 batches of 32
        mnist-paper) run "$name" "${mnist[@]}" --batches-per-epoch 1700 --epochs 5 ;;
        mnist-fast | mnist-fast-2-threads) run "$name" "${mnist[@]}" --batch 64 --schedule one-cycle --lr 2e-3 --dropout 0 --epochs 4 ;;
        mnist-epoch) run "$name" "${mnist[@]}" --epochs 1 ;;
        *) echo "runs.sh: unknown run $name, see the list at the top of the file" >&2; exit 2 ;;
    esac
done
