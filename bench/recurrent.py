#!/usr/bin/env python3
"""Forward and backward of recurrent layers beside torch.nn, alternating in one run at one thread: the least processor time of many
repetitions.

Needs torch. Usage: recurrent.py PROGRAM [ROUNDS], PROGRAM made of bench/recurrent.c; ends with one line of JSON."""
import json, os, subprocess, sys, time

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
import torch

torch.set_num_threads(1)
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 4
SECONDS = 1.5
rows = []
for name, make, batch, steps, units in (("LSTM", torch.nn.LSTM, 16, 100, 256), ("GRU", torch.nn.GRU, 16, 100, 256),
                                        ("LSTM", torch.nn.LSTM, 1, 200, 64)):
    net = make(units, units)
    x = torch.randn(steps, batch, units, requires_grad=True)
    dy = torch.randn(steps, batch, units)
    ours, theirs = [], []
    for _ in range(rounds):
        command = [sys.argv[1], name.lower(), str(batch), str(steps), str(units), str(SECONDS)]
        ours.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            begin = time.process_time()
            net(x)[0].backward(dy)
            theirs.append(time.process_time() - begin)
            net.zero_grad()
            x.grad = None
    row = {"work": f"{name} {batch} x {steps} x {units}, forward + backward", "peer": f"torch {torch.__version__}", "threads": 1,
           "rapt_s": min(ours), "peer_s": min(theirs), "ratio": min(theirs) / min(ours)}
    rows.append(row)
    print("%s: rapt %.3f ms, %s %.3f ms, ratio %.2f" % (row["work"], row["rapt_s"] * 1e3, row["peer"], row["peer_s"] * 1e3, row["ratio"]))
print(json.dumps(rows))
