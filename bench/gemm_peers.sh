#!/bin/sh
# Times rapt's matrix product beside OpenBLAS, BLIS, oneDNN and libxsmm: a table and one line of JSON.
#   bench/gemm_peers.sh [MODEL [REPETITIONS]]    for instance "gpt2" 20; an empty MODEL means all
# Needs a build in build/release (or BUILD) and, of the peers, whatever is there. On Debian 12:
#   libopenblas0-pthread libblis4-pthread libdnnl2 libxsmm-dev
# libxsmm comes as a static library only, so a shared one is made of it here. OPENBLAS_CORETYPE and BLIS_ARCH_TYPE, which make
# these libraries take other kernels than they would by themselves, are passed on.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build/release}
out=${TMPDIR:-/tmp}/rapt-gemm-peers.$$
mkdir -p "$out"
trap 'rm -rf "$out"' EXIT INT TERM

if [ -f /usr/lib/libxsmm.a ]; then
  gcc -shared -o "$out/libxsmm.so" -Wl,--whole-archive /usr/lib/libxsmm.a /usr/lib/libxsmmnoblas.a -Wl,--no-whole-archive \
    -lm -lpthread -ldl
fi
gcc -std=c17 -O2 -Wall -Wextra -Wno-missing-field-initializers -D_GNU_SOURCE -Iinclude -Isrc bench/gemm_peers.c \
  "$build/librapt.a" -lm -lpthread -ldl -o "$out/gemm_peers"
LD_LIBRARY_PATH=$out${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$out/gemm_peers" "$@"
