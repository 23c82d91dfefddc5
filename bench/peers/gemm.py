"""The matrix product beside OpenBLAS, BLIS, oneDNN and libxsmm, by bench/gemm_peers.sh: on each shape the best of them counts."""
import json
import math
import subprocess

from . import Row, common

SCRIPT = common.TOP / "bench" / "gemm_peers.sh"


def measure(row, options):
    done = subprocess.run([str(SCRIPT), "", str(20 if options.rounds > 2 else 5)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{SCRIPT.name}: {done.stderr.strip()}")
    ratios = [p["ratio"] for p in json.loads(done.stdout.splitlines()[-1])["products"] if p["ratio"]]
    if not ratios:
        raise RuntimeError(f"{SCRIPT.name} found none of the libraries")
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    return [common.result(row, options, "best of OpenBLAS, BLIS, oneDNN, libxsmm", None, None, ratio=mean,
                          worst=min(ratios), shapes=len(ratios))]


ROWS = [Row("gemm", "products of these models, geometric mean over shapes", 1.0, 1.0, measure, one_thread=True)] \
    if SCRIPT.is_file() else []
