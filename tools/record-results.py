#!/usr/bin/env python3
"""Appends finished runs to docs/results.md: record-results.py COMMIT DIR…

Everything but the commit of the binary is read from the run directories and the machine.
"""
import json, os, platform, subprocess, sys

top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
commit, directories = sys.argv[1], sys.argv[2:]
cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
for directory in directories:
    run = json.load(open(os.path.join(directory, "run.json")))
    evals = [json.loads(line) for line in open(os.path.join(directory, "metrics.jsonl")) if "eval_loss" in line]
    best = min(evals, key=lambda e: e["eval_loss"])
    settings = run["settings"]
    row = "| %s | `rapt train %s seed=%s` | %s | %.4f at step %d | %.4f at step %d | %s | %s, %d cores |\n" % (
        run["recipe"], run["recipe"], settings["seed"], settings["data"], evals[-1]["eval_loss"], evals[-1]["step"], best["eval_loss"],
        best["step"], commit, cpu, os.cpu_count())
    with open(os.path.join(top, "docs", "results.md"), "a") as out:
        out.write(row)
    sys.stdout.write(row)
