#!/bin/sh
# Compiles every public header alone: tools/check-headers.sh c17|c++17 [COMPILER]. Exit code 77: no such compiler.
set -u
standard=${1:?"usage: tools/check-headers.sh c17|c++17 [COMPILER]"}
include=$(cd "$(dirname "$0")/../include" && pwd) || exit 1
case $standard in
c++*) language=c++ candidates="${2:-} g++ clang++" ;;
*) language=c candidates="${2:-} gcc clang" ;;
esac
compiler=
for candidate in $candidates; do
  command -v "$candidate" >/dev/null && compiler=$candidate && break
done
if [ -z "$compiler" ]; then
  echo "no compiler for $standard here"
  exit 77
fi
failed=0 count=0
for header in "$include"/rapt/*.h; do
  name=rapt/$(basename "$header")
  count=$((count + 1))
  # Twice: the guard must hold too.
  printf '#include <%s>\n#include <%s>\n' "$name" "$name" |
    "$compiler" -std="$standard" -I "$include" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x $language - || {
    echo "$name does not compile alone as $standard"
    failed=$((failed + 1))
  }
done
echo "$count headers as $standard, $failed failed ($compiler)"
[ $failed -eq 0 ] && [ $count -gt 0 ]
