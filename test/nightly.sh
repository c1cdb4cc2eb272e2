#!/bin/sh
# Checks worlds of seeds that nobody has had before, until it is stopped (Ctrl-C), and saves what fails under
# scenarios/regressions: `npm run nightly`, or `npm run nightly -- flaky-wan` for the worlds of another scenario.
# Each block of SEEDS seeds is checked with a fault budget, and again without one; then its first CERTIFIED seeds are
# checked twice more, in another order and in other threads, and must lead to the same logs. What is wrong with one block
# does not end it. With BLOCKS it ends after so many.
set -u
cd "$(dirname "$0")/.." || exit 2
scenario=${1:-bank-weekend}
block=${SEEDS:-1000}
certified=${CERTIFIED:-200}
blocks=${BLOCKS:-0}
worst=0
# Seconds since 1970 are below 2^33, so a thousand seeds a second stay whole numbers.
first=$(($(date +%s) * 1000))
trap 'exit 130' INT TERM
npm run --silent build || exit 2

# check <seeds> <options>: one check of the block, told with the time, so that a morning can be read backwards.
check() {
  seeds=$1
  shift
  node dist/cli.js check "$scenario" --seed "$first" --seeds "$seeds" "$@"
  status=$?
  echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $scenario seeds $first to $((first + seeds - 1)) $*: status $status"
  case $status in
    # Wrong arguments, something that is not there, or somebody who stopped it: nothing better comes of the next block.
    2 | 6 | 130) exit "$status" ;;
    # A bug in the command itself, unless it says of seeds that they led to two different logs.
    1) case "$*" in *--certify*) worst=1 ;; *) exit 1 ;; esac ;;
    0) ;;
    *) worst=$status ;;
  esac
}

done=0
while :; do
  check "$block"
  check "$block" --no-budget
  check "$certified" --certify --no-shrink
  first=$((first + block))
  done=$((done + 1))
  if [ "$done" -eq "$blocks" ]; then exit "$worst"; fi
done
