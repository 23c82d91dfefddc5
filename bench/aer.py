#!/usr/bin/env python3
"""Alignment error rates of `rapt align`, and of eflomal where it is installed: bench/aer.py RAPT FOLDER

FOLDER is the data set word-alignment: NAME.src-tgt holds "source ||| target", NAME.gold links as "i-j" (sure) or "ipj"
(possible), counted from 1. The models learn from these few hundred sentences alone, without links, so that the rates are
high; they compare methods, not systems. AER (Och and Ney 2003): 1 - (|A and S| + |A and P|) / (|A| + |S|).
"""
import pathlib
import subprocess
import sys
import tempfile
import time

SETS = ["enfr", "roen", "zhen", "jaen"]


def read_gold(path):
    gold = []
    for line in path.read_text(encoding="utf-8").splitlines():
        sure, possible = set(), set()
        for link in line.split():
            i, kind, j = link.partition("-") if "-" in link else link.partition("p")
            possible.add((int(i) - 1, int(j) - 1))
            if kind == "-":
                sure.add((int(i) - 1, int(j) - 1))
        gold.append((sure, possible))
    return gold


def read_links(text):
    return [{tuple(map(int, link.split("-"))) for link in line.split()} for line in text.splitlines()]


def aer(links, gold):
    assert len(links) == len(gold), (len(links), len(gold))
    found = sum(len(a & s) + len(a & p) for a, (s, p) in zip(links, gold))
    return 1 - found / sum(len(a) + len(s) for a, (s, _) in zip(links, gold))


def rapt(command, source, target, model, symmetry):
    return read_links(subprocess.run([command, "align", source, target, "--model", model, "--symmetrise", symmetry],
                                     check=True, capture_output=True, text=True).stdout)


def eflomal(pairs, folder):
    try:
        import eflomal as package
    except ImportError:
        return None
    forward, backward = folder / "forward", folder / "backward"
    package.Aligner().align([s for s, _ in pairs], [t for _, t in pairs],
                            links_filename_fwd=str(forward), links_filename_rev=str(backward), quiet=True)
    return read_links(forward.read_text()), read_links(backward.read_text())


def main():
    command, data = sys.argv[1], pathlib.Path(sys.argv[2])
    print(f"{'set':5} {'pairs':>5}  {'method':28} {'AER':>6}  {'seconds':>7}")
    for name in SETS:
        pairs = [[side.strip() for side in line.split("|||")]
                 for line in (data / f"{name}.src-tgt").read_text(encoding="utf-8").splitlines()]
        gold = read_gold(data / f"{name}.gold")
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            files = [folder / "source", folder / "target"]
            for side, file in enumerate(files):
                file.write_text("".join(pair[side].lower() + "\n" for pair in pairs), encoding="utf-8")
            for model in ["ibm1", "hmm"]:
                for symmetry in ["forward", "intersection", "gdfa"]:
                    begun = time.monotonic()
                    rate = aer(rapt(command, *map(str, files), model, symmetry), gold)
                    print(f"{name:5} {len(pairs):5}  {'rapt ' + model + ' ' + symmetry:28} {100 * rate:6.2f}  "
                          f"{time.monotonic() - begun:7.2f}")
            begun = time.monotonic()
            both = eflomal([[side.lower() for side in pair] for pair in pairs], folder)
            if both:
                print(f"{name:5} {len(pairs):5}  {'eflomal forward':28} {100 * aer(both[0], gold):6.2f}  "
                      f"{time.monotonic() - begun:7.2f}")
                common = [a & b for a, b in zip(*both)]
                print(f"{name:5} {len(pairs):5}  {'eflomal intersection':28} {100 * aer(common, gold):6.2f}")


if __name__ == "__main__":
    main()
