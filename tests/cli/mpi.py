#!/usr/bin/env python3
"""Training spread over processes: mpi.py RAPT. Skipped (exit code 77) where Open MPI's mpirun is missing.

Two processes give the bits of train.accumulate=2 in one, and weights within 1e-6 of one process with twice the batch; a killed
process ends the run with a sentence, and --resume goes on; a recipe whose first training is spread compares the two itself.
The runs of a sweep are spread too."""
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

rapt = os.path.abspath(sys.argv[1])
mpirun = shutil.which("mpirun")
if not mpirun:
    print("skipped: mpirun is not installed (package openmpi-bin)")
    sys.exit(77)
root = tempfile.mkdtemp(prefix="rapt-mpi-")
env = dict(os.environ, RAPT_HOME=root + "/home", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
# What Open MPI keeps to its end is not ours to free, and its locks and threads are not ours to judge.
with open(root + "/suppressions", "w") as f:
    for kind in ("deadlock", "race", "mutex"):
        f.write("".join("%s:%s\n" % (kind, part) for part in ("mca_", "libopen-", "libmpi", "libevent")))
for name, option in (("ASAN_OPTIONS", "detect_leaks=0"), ("TSAN_OPTIONS", "suppressions=" + root + "/suppressions")):
    env[name] = ":".join(filter(None, [os.environ.get(name), option]))
two = [mpirun, "-n", "2", "--oversubscribe", rapt]
with open(root + "/text", "w") as f:
    f.write("".join("line %d of a text that counts to %d\n" % (i, 3 * i) for i in range(400)))
small = ["train", "gpt", "data=" + root + "/text", "model.layers=1", "model.width=16", "model.heads=2", "model.context=16",
         "train.threads=1", "train.sample_tokens=0", "gpt.compare=false", "train.warmup=0"]
failures = []


def check(what, holds):
    print(("ok    " if holds else "FAILED") + " " + what)
    if not holds:
        failures.append(what)


def train(command, name, *settings):
    done = subprocess.run(command + small + ["out=%s/%s" % (root, name)] + list(settings), env=env, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr)
    check("%s ends well" % name, done.returncode == 0)


def weights(name):
    with open("%s/%s/model.safetensors" % (root, name), "rb") as f:
        raw = f.read()
    n = struct.unpack("<Q", raw[:8])[0]
    begin, end = 8 + n, len(raw)
    assert json.loads(raw[8 : 8 + n])
    return struct.unpack("<%df" % ((end - begin) // 4), raw[begin:end])


def spread_runs():
    train([rapt], "one", "train.steps=12", "model.dropout=0.1", "train.accumulate=2")
    train(two, "both", "train.steps=12", "model.dropout=0.1")
    check("two processes: the bits of one that accumulates two batches", weights("one") == weights("both"))
    plain = ["train.steps=12", "train.optimizer=sgd", "train.lr=0.05", "train.eval_every=5"]
    train([rapt], "large", "train.batch=24", *plain)
    train(two, "halves", "train.batch=12", *plain)
    train(two, "quarters", "train.batch=6", "train.accumulate=2", *plain)
    for name in ("halves", "quarters"):
        difference = max(abs(a - b) for a, b in zip(weights("large"), weights(name)))
        check("%s: within 1e-6 of one large batch" % name, difference <= 1e-6)
    train(two, "stopped", "train.steps=12", "train.stop_at=5", "model.dropout=0.1")
    done = subprocess.run(two + ["train", "--resume", root + "/stopped"], env=env, capture_output=True, text=True)
    check("a stopped run goes on", done.returncode == 0)
    check("to the same bits", weights("stopped") == weights("both"))


def spread_translation():
    """fairseq-toolkit trains spread over both and then compares with one process that accumulates."""
    os.mkdir(root + "/pairs")
    for part, count in (("train", 150), ("valid", 20), ("test", 5)):
        for language in ("de", "en"):
            with open("%s/pairs/%s.%s" % (root, part, language), "w") as f:
                f.write("".join(" ".join(language + str((i * j) % 7) for j in range(2, 4 + i % 6)) + "\n" for i in range(count)))
    settings = ["data=" + root + "/pairs", "out=" + root + "/toolkit", "text.vocabulary=300", "model.width=16", "model.heads=2",
                "model.inner=16", "model.encoder_layers=1", "model.decoder_layers=1", "model.context=48", "train.max_tokens=300",
                "train.steps=6", "train.threads=1", "fairseq.updates=1", "fairseq.sentences=20", "fairseq.length=4",
                "fairseq.rounds=1"]
    done = subprocess.run(two + ["train", "fairseq-toolkit"] + settings, env=env, capture_output=True, text=True)
    check("fairseq-toolkit ends well", done.returncode == 0)
    lines = [l for l in (done.stdout + done.stderr).splitlines() if "2 processes train as one that accumulates 2 batches" in l]
    check("and has the bits of one process", len(lines) == 1 and lines[0].rstrip().endswith(": holds"))


def children(of):
    out = subprocess.run(["pgrep", "-P", str(of)], capture_output=True, text=True).stdout.split()
    return sorted(int(p) for p in out)


def killed_run():
    out = root + "/killed"
    run = subprocess.Popen(two + small + ["out=" + out, "train.steps=10000000", "train.save_every=5", "train.eval_every=0"],
                           env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.time() + 60
    while not os.path.exists(out + "/checkpoint.safetensors") and time.time() < deadline:
        time.sleep(0.1)
    processes = children(run.pid)
    check("two processes run", len(processes) == 2)
    os.kill(processes[-1], signal.SIGKILL)
    text = run.communicate(timeout=60)[1]
    check("a killed process fails the run", run.returncode != 0)
    check("with a sentence", "has ended or does not answer" in text and "--resume" in text)
    done = subprocess.run([rapt, "train", "--resume", out, "train.stop_at=1"], env=env, capture_output=True, text=True)
    check("and it can be resumed", done.returncode == 0)


def spread_sweep():
    """Each process takes every second run; the first one has the table of all."""
    command = two + ["sweep"] + small[1:] + ["out=" + root + "/sweep", "train.steps=4", "seed=1..5", "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    check("a spread sweep ends well", done.returncode == 0)
    sweep = json.loads(done.stdout)
    check("all its runs are done", [run["state"] for run in sweep["runs"]] == 5 * ["done"])
    train([rapt], "alone", "train.steps=4", "seed=4")
    check("a run of it has the bits of a run alone", weights("sweep/seed=4") == weights("alone"))
    again = subprocess.run(command, env=env, capture_output=True, text=True)
    check("once more, nothing is repeated", again.returncode == 0 and json.loads(again.stdout) == sweep and "begins" not in again.stderr)


try:
    spread_runs()
    spread_translation()
    spread_sweep()
    killed_run()
finally:
    shutil.rmtree(root, ignore_errors=True)
sys.exit(1 if failures else 0)
