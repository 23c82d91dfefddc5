#!/bin/bash
# Runs the tests of one build and counts them: tools/run-tests.sh BUILD [ctest option…]
#
# The last line is «N passed, N failed, N skipped»; the exit code is 0 when nothing failed.
set -u
build=${1:?"usage: tools/run-tests.sh BUILD [ctest option…]"}
shift
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
unset CMOCKA_MESSAGE_OUTPUT CMOCKA_TEST_FILTER
results="$(cd "$build" && pwd)/test-results.xml"
rm -f "$results"
# Passed tests' output is kept in full: it says what inside them was skipped.
ctest --test-dir "$build" -j "$(nproc)" --output-on-failure --no-tests=ignore --output-junit "$results" \
  --test-output-size-passed 4000000 --test-output-size-failed 4000000 "$@" </dev/null
exec python3 "$here/test-summary.py" "$results"
