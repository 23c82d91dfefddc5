#!/usr/bin/env python3
"""Appends finished runs to docs/results.md: record-results.py RAPT COMMIT DIR…

RAPT is the program; what it noted in the index of runs gives the row. Everything but the commit is read, from there and from the machine.
"""
import json, os, platform, subprocess, sys

top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
rapt, commit, directories = sys.argv[1], sys.argv[2], sys.argv[3:]
cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
runs = json.loads(subprocess.run([rapt, "runs", "--json"], check=True, capture_output=True, text=True).stdout)
for directory in directories:
    run = next((r for r in runs if r["dir"] == os.path.realpath(directory)), None)
    if run is None:
        sys.exit("record-results: %s is not in the index of runs" % directory)
    if run["state"] != "done":
        sys.exit("record-results: %s is %s" % (directory, run["state"]))
    changed = json.loads(run["settings"] or "{}")
    if "preset" in changed and run["mark"] != "not judged":  # a judged run has changed nothing beyond its preset
        changed = {"preset": changed["preset"]}
    words = ["rapt", "train", run["recipe"], "seed=%d" % run["seed"]] + ["%s=%s" % pair for pair in sorted(changed.items())]
    figure = "%.4f" % run["figure"] if run["figure"] is not None else "-"
    row = "| `%s` | %s | %s | %.1f | %s | %s, %d cores |\n" % (
        " ".join(words), figure, run["mark"], run["seconds"] / 60, commit, cpu, os.cpu_count())
    with open(os.path.join(top, "docs", "results.md"), "a") as out:
        out.write(row)
    sys.stdout.write(row)
