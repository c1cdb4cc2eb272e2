#!/bin/sh
# Checks worlds of seeds that nobody has had before, until it is stopped (Ctrl-C), and saves what fails under
# scenarios/regressions: `npm run nightly`, or `npm run nightly -- flaky-wan` for the worlds of another scenario.
# Each block of seeds is checked with a fault budget, and again without one. What is wrong with one block does not end it.
set -u
cd "$(dirname "$0")/.." || exit 2
scenario=${1:-bank-weekend}
block=${SEEDS:-1000}
# Seconds since 1970 are below 2^33, so a thousand seeds a second stay whole numbers.
first=$(($(date +%s) * 1000))
trap 'exit 130' INT TERM
npm run --silent build || exit 2
while :; do
  for budget in '' --no-budget; do
    # shellcheck disable=SC2086 -- no word if it is empty
    node dist/cli.js check "$scenario" --seed "$first" --seeds "$block" $budget
    status=$?
    echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $scenario seeds $first to $((first + block - 1)) $budget: status $status"
    case $status in
      # Wrong arguments, a bug in the command itself, or somebody who stopped it: nothing better comes of the next block.
      1 | 2 | 6 | 130) exit "$status" ;;
    esac
  done
  first=$((first + block))
done
