#!/usr/bin/env python3
"""How the time of a training step grows with the model's size, the context and the batch: growth.py [--quick] [--rapt FILE]

Runs `rapt bench` on GPTs of many shapes at one thread, in several rounds over all of them, and keeps the least processor time of
each, which other programs on the machine disturb little.
Prints tables with the exponent between neighbours and the one fitted to the upper half of each series, and what planning a
step costs; writes bench/growth.svg and bench/results/growth-DATE-COMMIT.json. Needs nothing but Python.
"""
import argparse
import datetime
import json
import math
import pathlib
import sys

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))
import compare
from peers import common

WORK = "gpt-0.8m"
PLAN_SHARE, PLAN_NODE = 0.05, 10e-6  # planning may take at most so much of a step, and so many seconds a node


def settings(layers=4, width=128, heads=4, vocabulary=65, context=64, batch=1):
    return [f"model.layers={layers}", f"model.width={width}", f"model.heads={heads}", f"model.vocabulary={vocabulary}",
            f"model.context={context}", f"bench.tokens={context}", f"bench.batch={batch}"]


def series(quick):
    """{name: (label of x, [(settings, x or None for the number of parameters)])}; without the two largest of each if quick."""
    shapes = [(2, 16, 2), (2, 32, 2), (2, 64, 2), (4, 64, 2), (4, 128, 4), (6, 192, 6), (6, 384, 6), (8, 512, 8)]
    sizes = [(settings(*shape, batch=4), None) for shape in shapes] + [(settings(12, 768, 12, 50257, batch=4), None)]
    contexts = [(settings(context=64 << i), 64 << i) for i in range(8)]
    batches = [(settings(batch=1 << i), 1 << i) for i in range(8)]
    end = -2 if quick else None
    return {"size": ("parameters, batch 4 × 64", sizes[:end]), "context": ("context, GPT 4 × 128, batch 1", contexts[:end]),
            "batch": ("batch, GPT 4 × 128, context 64", batches[:end])}


def measure(options, chosen, rounds):
    found = {}
    for number in range(rounds):
        for name, (_, points) in chosen.items():
            for i, (values, x) in enumerate(points):
                timings = [common.rapt_bench(options, WORK, "--seconds", str(options.seconds), *values)]
                # A process plans once: some more of them, so that the least planning time is that of an undisturbed one.
                if timings[0]["cpu_seconds"] < 0.2:
                    timings += [common.rapt_bench(options, WORK, "--repeat", "1", *values) for _ in range(4)]
                best = found.setdefault(name, {}).setdefault(i, {"x": x or timings[0]["parameters"], **timings[0]})
                for key in ("seconds", "cpu_seconds", "plan_seconds"):
                    best[key] = min(best[key], *(timing[key] for timing in timings))
        options.say(f"round {number + 1} of {rounds}")
    return {name: [points[i] for i in sorted(points)] for name, points in found.items()}


def exponent(points):
    """The slope of log seconds over log x by least squares."""
    xs, ys = [math.log(p["x"]) for p in points], [math.log(p["cpu_seconds"]) for p in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)


def table(label, points, fitted):
    lines = [f"| {label} | step | exponent from the row above | nodes | planning a node | planning of a step |", "|---|---|---|---|---|---|"]
    for i, p in enumerate(points):
        slope = f"{exponent(points[i - 1:i + 1]):.2f}" if i else ""
        lines.append(f"| {p['x']:,} | {p['cpu_seconds'] * 1e3:.4g} ms | {slope} | {p['nodes']} | "
                     f"{p['plan_seconds'] / p['nodes'] * 1e6:.2f} µs | {p['plan_seconds'] / p['cpu_seconds'] * 100:.2f} % |")
    return "\n".join(lines) + f"\n\nFitted exponent of the upper half: {fitted:.2f}\n"


def ticks(low, high):
    return [10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def drawing(groups):
    """Three plots side by side, both axes logarithmic."""
    width, height, left, top, size, tall = 1080, 360, 60, 40, 280, 260
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    times = [p["cpu_seconds"] for _, points, _ in groups for p in points]
    ys = ticks(min(times), max(times))
    for number, (label, points, fitted) in enumerate(groups):
        x0, xs = left + number * (size + 70), ticks(points[0]["x"], points[-1]["x"])

        def place(value, marks, length):
            return length * (math.log10(value) - math.log10(marks[0])) / (math.log10(marks[-1]) - math.log10(marks[0]))

        for mark in xs:
            x = x0 + place(mark, xs, size)
            out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + tall}" stroke="#ddd"/>')
            out.append(f'<text x="{x:.1f}" y="{top + tall + 16}" text-anchor="middle">{mark:,.0f}</text>')
        for mark in ys:
            y = top + tall - place(mark, ys, tall)
            out.append(f'<line x1="{x0}" x2="{x0 + size}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
            out.append(f'<text x="{x0 - 5}" y="{y + 4:.1f}" text-anchor="end">{mark:g} s</text>')
        at = [(x0 + place(p["x"], xs, size), top + tall - place(p["cpu_seconds"], ys, tall)) for p in points]
        out.append('<polyline fill="none" stroke="#1f6fb4" stroke-width="2" points="' +
                   " ".join(f"{x:.1f},{y:.1f}" for x, y in at) + '"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#1f6fb4"/>' for x, y in at]
        out.append(f'<text x="{x0}" y="{top - 12}">exponent of the upper half: {fitted:.2f}</text>')
        out.append(f'<text x="{x0 + size / 2}" y="{top + tall + 38}" text-anchor="middle">{label}</text>')
    return "\n".join(out) + "\n</svg>\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round without the largest models, contexts and batches")
    parser.add_argument("--rapt", default=str(common.TOP / "build" / "release" / "rapt"))
    a = parser.parse_args()
    options = common.Options(a.rapt, 1, 1, 0.2 if a.quick else 0.6)
    date, commit = datetime.date.today().isoformat(), compare.commit()
    chosen = series(a.quick)
    found = measure(options, chosen, 1 if a.quick else 3)
    groups = []
    for name, (label, _) in chosen.items():
        points = found[name]
        groups.append((label, points, exponent(points[len(points) // 2:])))
        print(table(*groups[-1]))
    everything = [p for points in found.values() for p in points]
    share = max(p["plan_seconds"] / p["cpu_seconds"] for p in everything)
    node = max(p["plan_seconds"] / p["nodes"] for p in everything)
    cheap = share < PLAN_SHARE and node < PLAN_NODE
    print(f"Planning: at most {share * 100:.2f} % of a step and {node * 1e6:.2f} µs a node; "
          f"{'within' if cheap else 'ABOVE'} {PLAN_SHARE * 100:g} % and {PLAN_NODE * 1e6:g} µs.")
    (BENCH / "growth.svg").write_text(drawing(groups))
    path = BENCH / "results" / f"growth-{date}-{commit}.json"
    path.parent.mkdir(exist_ok=True)
    record = {"date": date, "commit": commit, "machine": compare.machine(), "series": found,
              "exponents": {name: group[2] for name, group in zip(chosen, groups)}}
    path.write_text(json.dumps(record, indent=1) + "\n")
    return 0 if cheap else 1


if __name__ == "__main__":
    sys.exit(main())
