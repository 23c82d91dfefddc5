#!/usr/bin/env python3
"""rapt beside its peers: every row of bench/README.md's table, alternating in one process tree, the least of many repetitions.

Each row runs in a process of its own, which runs `rapt bench` and the peer in turn. Both sides begin at the same weights and
batch, and a row fails where their losses differ by more than 1e-4. The interpreter that runs this file needs torch, numpy
and safetensors: bench/setup.sh makes a virtual environment from bench/requirements.txt.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))
import peers
from peers import common

PACKAGES = ("torch", "numpy", "safetensors", "ctranslate2")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="ROW", help="one row (may be repeated); --list names them")
    parser.add_argument("--list", action="store_true", help="the rows, their marks and aims")
    parser.add_argument("--threads", default="1", metavar="N[,N]", help="numbers of threads to measure with (1)")
    parser.add_argument("--rounds", type=int, help="times that rapt and the peer take turns (5; 2 with --quick)")
    parser.add_argument("--seconds", type=float, help="of each side in each round (1.5; 0.4 with --quick)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out; the table says so")
    parser.add_argument("--rapt", default=str(common.TOP / "build" / "release" / "rapt"), help="the command to measure")
    parser.add_argument("--json", metavar="FILE", help="where results go instead of bench/results/; \"-\": one last line only")
    parser.add_argument("--table", metavar="FILE", help="print the table of a file of results and measure nothing")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def spin(workers, seconds=0.4):
    """Turns of an empty loop that each of some processes gets in the same time."""
    code = (f"import time\nn, end = 0, time.time() + {seconds}\nwhile time.time() < end:\n  n += 1\nprint(n)")
    running = [subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(workers)]
    return [int(process.communicate()[0]) for process in running]


def cores_free(count):
    """How much of `count` cores is really there: 1 where as many loops at once each go as fast as one alone."""
    alone = max(spin(1)[0] for _ in range(3))
    return min(1.0, max(sum(spin(count)) for _ in range(2)) / (count * alone))


def machine():
    model, virtual = platform.processor(), False
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
        model = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), model)
        virtual = " hypervisor" in text
    except OSError:
        pass
    return {"processor": model, "virtual": virtual, "cores": len(os.sched_getaffinity(0)), "system": platform.platform(),
            "python": platform.python_version()}


def versions():
    import importlib.metadata

    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def commit():
    def git(*words):
        return subprocess.run(["git", "-C", str(common.TOP), *words], capture_output=True, text=True).stdout.strip()

    name = git("rev-parse", "--short", "HEAD") or "unknown"
    return name + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")


def measure(row, options):
    """The row's results from a process of its own; None after a failure, whose message it has printed."""
    command = [sys.executable, str(BENCH / "compare.py"), "--worker", row.id, "--rapt", options.rapt, "--threads",
               str(options.threads), "--rounds", str(options.rounds), "--seconds", str(options.seconds)]
    if not options.compile:
        command.append("--no-compile")
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads), "MKL_NUM_THREADS": str(options.threads)}
    free = [cores_free(options.threads)] if options.threads > 1 else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode != 0:
        return None
    results = json.loads(done.stdout.splitlines()[-1])
    if free:
        free.append(cores_free(options.threads))
    for entry in results:
        entry["title"] = row.title
        if free:
            entry["cores_free"] = min(free)
    return results


def amount(entry, side):
    seconds, size = entry.get(f"{side}_s"), entry.get(f"{side}_bytes")
    if seconds is not None:
        return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
    return f"{size / 2**20:.0f} MiB" if size else ""


def table(results):
    lines = ["| row | work | peer | threads | rapt | peer | ratio | of CPU time | mark / aim | |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for e in results:
        state = ("reached" if e["reached"] else "missed") if e["threads"] == 1 else \
            f"{e['cores_free'] * 100:.0f} % of the cores free"
        cpu = f"{e['cpu_ratio']:.2f}" if e.get("cpu_ratio") and e["threads"] == 1 else ""
        sign = "≤ " if e["work"].startswith("memory") else ""
        lines.append(f"| `{e['work']}` | {e['title']} | {e['peer']} | {e['threads']} | {amount(e, 'rapt')} | {amount(e, 'peer')} | "
                     f"**{e['ratio']:.2f}** | {cpu} | {sign}{e['mark']:g} / {e['aim']:g} | {state} |")
    return "\n".join(lines)


def write(path, record, order):
    """Rows that an earlier run of the same day and commit has measured, and this one has not, stay in the file."""
    if path.is_file():
        new = {(e["work"], e["threads"]) for e in record["results"]}
        old = [e for e in json.loads(path.read_text())["results"] if (e["work"], e["threads"]) not in new]
        record["results"] = sorted(old + record["results"], key=lambda e: (e["threads"], order.index(e["work"])))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")


def main():
    a = arguments()
    rows = peers.rows()
    if a.list:
        for row in rows:
            print(f"{row.id:18} {'≤' if row.less else '≥'} {row.mark:g}, aim {row.aim:g}: {row.title}")
        return 0
    if a.table:
        print(table(json.loads(pathlib.Path(a.table).read_text())["results"]))
        return 0
    rounds, seconds = a.rounds or (2 if a.quick else 5), a.seconds or (0.4 if a.quick else 1.5)
    threads = [int(n) for n in a.threads.split(",")]
    if a.worker:
        row = next(row for row in rows if row.id == a.worker)
        results = row.measure(row, common.Options(a.rapt, threads[0], rounds, seconds, not a.no_compile))
        print(json.dumps(results))
        return 0
    unknown = set(a.only or ()) - {row.id for row in rows}
    if unknown:
        print(f"compare.py: no row is called {', '.join(sorted(unknown))}; --list names them", file=sys.stderr)
        return 2
    if not os.access(a.rapt, os.X_OK):
        print(f"compare.py: {a.rapt} is not there; build the release preset or say --rapt FILE", file=sys.stderr)
        return 2
    results, failed, begin, measured = [], [], time.time(), commit()
    for count in threads:
        options = common.Options(a.rapt, count, rounds, seconds, not a.no_compile)
        for row in rows:
            if (a.only and row.id not in a.only) or (count > 1 and row.one_thread):
                continue
            found = measure(row, options)
            results += found or []
            if not found:
                failed.append(f"{row.id} at {count} threads")
                print(f"compare.py: {failed[-1]} failed", file=sys.stderr)
    print(table(results))
    if a.json != "-":
        record = {"date": datetime.date.today().isoformat(), "commit": measured, "machine": machine(), "versions": versions(),
                  "rounds": rounds, "seconds": seconds, "compile": not a.no_compile, "failed": failed,
                  "minutes": round((time.time() - begin) / 60, 1), "results": results}
        path = pathlib.Path(a.json) if a.json else BENCH / "results" / f"{record['date']}-{record['commit']}.json"
        write(path, record, [row.id for row in rows])
        print(f"written to {os.path.relpath(path)}")
    print(json.dumps(results))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
