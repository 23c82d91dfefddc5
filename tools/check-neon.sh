#!/bin/sh
# Builds the kernels and their tests for aarch64 and runs the tests under qemu. Needs gcc-aarch64-linux-gnu,
# libc6-dev-arm64-cross and qemu-user-static. Usage: tools/check-neon.sh [test…], for instance "vec rows"; without any, all
# of tests/kernels/.
set -eu
cd "$(dirname "$0")/.."
CC=${CC:-aarch64-linux-gnu-gcc}
QEMU=${QEMU:-qemu-aarch64-static -L /usr/aarch64-linux-gnu}
out=${TMPDIR:-/tmp}/rapt-check-neon.$$
mkdir -p "$out"
trap 'rm -rf "$out"' EXIT INT TERM

flags="-std=c17 -O2 -D_GNU_SOURCE -DRAPT_HAVE_NEON -DRAPT_CHECK_PLAIN -Iinclude -Isrc -Itests -Wall -Wextra -Wshadow
 -Wno-unused-parameter -fno-math-errno"
objects=
for file in src/base/*.c src/kernels/*.c src/kernels/ref/*.c src/kernels/neon/*.c; do
  object=$out/$(echo "$file" | tr / _).o
  case $file in */neon/*) contract=fast ;; *) contract=off ;; esac
  # shellcheck disable=SC2086
  $CC $flags -ffp-contract=$contract -c "$file" -o "$object"
  objects="$objects $object"
done
# RAPT_EXTRA: further sources or objects to link.
[ $# -gt 0 ] || set -- $(ls tests/kernels/ | sed -n 's/^test_\(.*\)\.c$/\1/p')
status=0
for name; do
  # shellcheck disable=SC2086
  $CC $flags "tests/kernels/test_$name.c" $objects ${RAPT_EXTRA:-} -o "$out/$name" -lm -pthread
  printf '%s: ' "$name"
  $QEMU "$out/$name" || status=1
done
exit $status
