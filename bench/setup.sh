#!/bin/sh
# Makes a virtual environment for bench/compare.py: bench/setup.sh [DIR], by default build/bench-venv. torch.compile needs g++
# and the headers of Python (Debian: g++ python3-dev python3-venv) besides.
set -eu
cd "$(dirname "$0")/.."
dir=${1:-build/bench-venv}
python3 -m venv "$dir"
"$dir/bin/pip" install --quiet --requirement bench/requirements.txt
echo "ready: $dir/bin/python bench/compare.py --list"
