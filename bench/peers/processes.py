"""Rows about whole processes: peak memory, and the time from the start of a process to its first finished step."""
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import time

from . import Row, common

# A child writes one line when its steps are done: bench/torch_process.py, or rapt with its JSON.


def child(options, mode, layers, heads, width, positions, vocabulary, batch, tokens, steps):
    numbers = (layers, heads, width, positions, vocabulary, batch, tokens, steps, options.threads)
    return [sys.executable, str(common.TOP / "bench" / "torch_process.py"), mode, *map(str, numbers)]


def rapt(options, work, steps):
    return [options.rapt, "bench", "--only", work, "--threads", str(options.threads), "--repeat", str(steps), "--json", "-"]


def run(command, environment=None):
    """Of a child: seconds until its first line, peak of resident memory in bytes, processor time with its own children."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
    line = process.stdout.readline()
    seconds = time.perf_counter() - begin
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not line:
        raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}")
    return seconds, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime


def torch_name(mode):
    return f"torch {importlib.metadata.version('torch')} {mode}"


GPT2 = (12, 12, 768, 1024, 50257)
SMALL = (4, 4, 128, 64, 65)


def memory(row, options):
    batch, tokens = map(int, row.work.rsplit("-", 1)[1].split("x"))
    ours = min(run(rapt(options, row.work, 3))[1] for _ in range(2))
    theirs = {mode: run(child(options, mode, *GPT2, batch, tokens, 3))[1] for mode in
              (("eager", "compile") if options.compile else ("eager",))}
    best = min(theirs, key=theirs.get)
    return [common.result(row, options, torch_name(best), None, None, ratio=ours / theirs[best], rapt_bytes=ours,
                          peer_bytes=theirs[best], modes_bytes=theirs)]


def start(row, options, ours, theirs, mode, **more):
    """A result from lists of what `run` returned."""
    (seconds, cpu), (peer_seconds, peer_cpu) = ([min(r[i] for r in side) for i in (0, 2)] for side in (ours, theirs))
    return [common.result(row, options, torch_name(mode), seconds, peer_seconds, rapt_cpu_s=cpu, peer_cpu_s=peer_cpu,
                          cpu_ratio=peer_cpu / cpu, rounds=options.rounds, **more)]


def start_eager(row, options):
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours += [run(rapt(options, row.work, 1)) for _ in range(3)]
        theirs.append(run(child(options, "eager", *SMALL, 12, 64, 1)))
    return start(row, options, ours, theirs, "eager")


def start_compile(row, options):
    """With an empty cache of compiled code, and once more with what the first run left."""
    command, ours, cold, warm = child(options, "compile", *SMALL, 12, 64, 1), [], [], []
    for _ in range(max(1, options.rounds // 2)):
        ours += [run(rapt(options, row.work, 1)) for _ in range(5)]
        with tempfile.TemporaryDirectory(prefix="rapt-bench-") as folder:
            cold.append(run(command, {"TORCHINDUCTOR_CACHE_DIR": folder}))
            warm.append(run(command, {"TORCHINDUCTOR_CACHE_DIR": folder}))
    return start(row, options, ours, cold, "compile", warm_s=min(seconds for seconds, *_ in warm))


ROWS = [
    Row("memory", "peak memory of the GPT-2 124M step, 4 × 64 tokens", 0.75, 0.70, memory, less=True, work="gpt2-124m-4x64"),
    Row("memory-1x1024", "peak memory of the GPT-2 124M step, 1 × 1024 tokens", 0.75, 0.70, memory, less=True,
        work="gpt2-124m-1x1024"),
    Row("start-eager", "process start to first finished step, GPT 4 × 128", 20, 50, start_eager, work="gpt-0.8m"),
    Row("start-compile", "process start to first finished step, GPT 4 × 128", 200, 400, start_compile, work="gpt-0.8m"),
]
