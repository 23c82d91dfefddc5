#!/bin/bash
# The Debian packages of packages.txt: lists the ones that are missing, or installs them.
#
#   tools/packages.sh missing GROUP…   prints the missing packages of these groups, one a line
#   tools/packages.sh install GROUP…   installs them with apt-get, as root or through sudo
#
# On a system without apt-get `install` names what appears to be missing and exits 1.
set -u
list="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/packages.txt"

usage() {
  sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

wanted() {
  local group
  for group in "$@"; do
    if ! awk -v group="$group" '!/^#/ && $2 == group {found = 1; print $1} END {exit !found}' "$list"; then
      echo "rapt: packages.txt has no group $group" >&2
      return 2
    fi
  done
}

# What a package is there for, for systems whose packages have other names: a command, or pkg-config's name of a library.
probe() {
  case "$1" in
  gcc) command -v gcc || command -v cc ;;
  ninja-build) command -v ninja ;;
  cmake | python3 | clang-format | clang | valgrind | mandoc) command -v "$1" ;;
  pkg-config) command -v pkg-config ;;
  gcc-aarch64-linux-gnu | libc6-dev-arm64-cross) command -v aarch64-linux-gnu-gcc ;;
  qemu-user-static) command -v qemu-aarch64-static || command -v qemu-aarch64 ;;
  libjansson-dev) pkg-config --exists jansson ;;
  libyaml-dev) pkg-config --exists yaml-0.1 ;;
  libpcre2-dev) pkg-config --exists libpcre2-8 ;;
  libutf8proc-dev) pkg-config --exists libutf8proc ;;
  libsqlite3-dev) pkg-config --exists sqlite3 ;;
  zlib1g-dev) pkg-config --exists zlib ;;
  libmd-dev) pkg-config --exists libmd ;;
  libarchive-dev) pkg-config --exists libarchive ;;
  libcurl4-openssl-dev) pkg-config --exists libcurl ;;
  libcmocka-dev) pkg-config --exists cmocka ;;
  fortunes) test -d /usr/share/games/fortunes ;;
  libc6-dev) test -f /usr/include/stdlib.h ;;
  libclang-rt-*) command -v clang ;;
  *) false ;;
  esac >/dev/null 2>&1
}

installed() {
  if command -v dpkg-query >/dev/null; then
    # A package of another name may provide this one (pkgconf for pkg-config).
    [ "$(dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | head -n 1)" = installed ] || {
      dpkg-query -W -f '${db:Status-Status} ${Provides}\n' | grep -qE "^installed (.*[ ,])?$(sed 's/[.+]/\\&/g' <<<"$1")([ ,]|$)"
    }
  else
    probe "$1"
  fi
}

missing() {
  local names name
  names=$(wanted "$@") || return 2
  for name in $names; do
    installed "$name" || echo "$name"
  done
}

# Runs quietly; apt's own words appear when it fails.
quiet() {
  local log rc
  log=$(mktemp) || return 1
  "$@" >"$log" 2>&1 </dev/null
  rc=$?
  if [ $rc -ne 0 ]; then
    cat "$log" >&2
    echo "rapt: \"$*\" failed with exit code $rc" >&2
  fi
  rm -f "$log"
  return $rc
}

install() {
  local names become=()
  names=$(missing "$@") || return 2
  [ -n "$names" ] || return 0
  names=$(tr '\n' ' ' <<<"$names" | sed 's/ *$//')
  if ! command -v apt-get >/dev/null; then
    {
      echo "rapt: this system has no apt-get, so nothing was installed. These appear to be missing (by their Debian names):"
      printf '  %s\n' $names
      echo "rapt: install them with this system's package manager and run the command again."
    } >&2
    return 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    # Without a terminal sudo cannot ask for a password; -n then fails at once instead of waiting for ever.
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
      become=(sudo)
      sudo -v || return 1
    else
      echo "rapt: packages are missing and only root can install them. Run this as root, then try again:" >&2
      echo "  apt-get update && apt-get install --no-install-recommends $names" >&2
      return 1
    fi
  fi
  echo "installing: $names"
  # One broken source among several makes the update fail without keeping the packages away: the install decides.
  quiet "${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update
  # shellcheck disable=SC2086
  quiet "${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $names
}

command=${1:-}
[ $# -gt 0 ] && shift
case "$command" in
missing | install)
  if [ $# -eq 0 ]; then
    echo "rapt: name at least one group: build, test, extra" >&2
    exit 2
  fi
  "$command" "$@"
  ;;
-h | --help) usage ;;
*)
  usage >&2
  exit 2
  ;;
esac
