#!/bin/bash
# Installs a build to a temporary place, moves it, and builds and runs a tiny program against it, once through pkg-config
# and once through find_package(rapt): tools/check-install.sh BUILD
set -eu
build=$(cd "${1:?"usage: tools/check-install.sh BUILD"}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'echo "check-install.sh: line $LINENO failed"' ERR
unset DESTDIR

cmake --install "$build" --prefix "$work/first" >"$work/install.log"
# An installed tree may be moved, so nothing in it may name where it was first.
mv "$work/first" "$work/prefix"
prefix=$work/prefix
if grep -rIl "$work/first" "$prefix"; then
  echo "the files above name the folder they were installed to"
  exit 1
fi
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name rapt.pc)")
export PKG_CONFIG_PATH
libdir=$(dirname "$PKG_CONFIG_PATH")
version=$(pkg-config --modversion rapt)

mkdir "$work/program"
cat >"$work/program/tiny.c" <<'END'
#include <rapt/base.h>
#include <stdio.h>

int main(void) {
  rapt_context *ctx = NULL;
  if (rapt_context_new(&ctx, NULL) != RAPT_OK) return 1;
  puts(rapt_version());
  rapt_context_free(ctx);
  return 0;
}
END
cat >"$work/program/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.22)
project(tiny LANGUAGES C)
find_package(rapt REQUIRED)
add_executable(tiny tiny.c)
target_link_libraries(tiny PRIVATE rapt::rapt)
END

expect() {
  local said
  said=$("$@")
  if [ "$said" != "$version" ]; then
    echo "the program built against the installed library says \"$said\", pkg-config says \"$version\""
    exit 1
  fi
}

cc=${CC:-$(command -v gcc || command -v cc)}
static=
[ ! -f "$libdir/librapt.a" ] || static=--static
# shellcheck disable=SC2046
"$cc" -std=c17 -o "$work/tiny" "$work/program/tiny.c" $(pkg-config $static --cflags --libs rapt)
LD_LIBRARY_PATH=$libdir expect "$work/tiny"
if [ -n "$static" ]; then
  # All of the archive, so that a library missing from rapt.pc shows although the tiny program would not need it.
  # shellcheck disable=SC2046
  "$cc" -o "$work/whole" "$work/program/tiny.c" -I"$prefix/include" \
    -Wl,--whole-archive "$libdir/librapt.a" -Wl,--no-whole-archive $(pkg-config --static --libs rapt)
  expect "$work/whole"
fi
echo "pkg-config: a program builds and runs"

cmake -G Ninja -S "$work/program" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" >"$work/cmake.log" 2>&1 &&
  cmake --build "$work/cmake" >>"$work/cmake.log" 2>&1 || {
  cat "$work/cmake.log"
  exit 1
}
LD_LIBRARY_PATH=$libdir expect "$work/cmake/tiny"
echo "find_package: a program builds and runs"

if [ -x "$prefix/bin/rapt" ]; then
  LD_LIBRARY_PATH=$libdir "$prefix/bin/rapt" --version >"$work/version" || {
    echo "the installed rapt --version fails"
    exit 1
  }
  grep -qF "$version" "$work/version"
  echo "rapt --version: $(head -n 1 "$work/version")"
fi
