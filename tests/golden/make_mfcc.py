#!/usr/bin/env python3
"""Makes tests/golden/mfcc.json: mel-frequency cepstral coefficients of a made-up sound, by numpy.

Written apart from src/data/mfcc.c, from the same definition (src/data/mfcc.h). Run by hand; the result is kept in the
repository. bench/twins/birnn.py uses features() too."""
import json
import pathlib
import sys

import numpy as np

COEFFICIENTS, FILTERS = 13, 26


def filters(rate, size):
    """(FILTERS, size / 2 + 1) triangles, equally wide on the mel scale."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, FILTERS + 2) / 2595) - 1) * size / rate
    k = np.arange(size // 2 + 1)
    return np.stack([np.interp(k, edges[i:i + 3], [0, 1, 0]) for i in range(FILTERS)])


def features(samples, rate):
    window, hop = rate // 40, rate // 100
    size = 1 << (window - 1).bit_length()
    sharp = np.append(samples[0], samples[1:] - 0.97 * samples[:-1])
    count = 1 if len(samples) <= window else 1 + (len(samples) - window) // hop
    sharp = np.pad(sharp, (0, max(0, window - len(sharp))))
    pieces = np.stack([sharp[i * hop:i * hop + window] for i in range(count)]) * np.hamming(window)
    power = np.abs(np.fft.rfft(pieces, size)) ** 2
    logs = np.log(power @ filters(rate, size).T + 1e-10)
    turn = np.cos(np.pi * np.outer(np.arange(COEFFICIENTS), np.arange(FILTERS) + 0.5) / FILTERS) * np.sqrt(2 / FILTERS)
    turn[0] /= np.sqrt(2)
    c = logs @ turn.T
    wide = np.pad(c, ((2, 2), (0, 0)), mode="edge")
    slope = sum(d * (wide[2 + d:len(wide) - 2 + d] - wide[2 - d:len(wide) - 2 - d]) for d in (1, 2)) / 10
    return np.concatenate([c, slope], axis=1)


def sound(count, rate):
    """Whole numbers of 16 bits, so that both sides start from the same values."""
    t = np.arange(count) / rate
    s = 0.3 * np.sin(2 * np.pi * (300 + 900 * t) * t) + 0.2 * np.sin(2 * np.pi * 1733 * t) * (t > 0.03)
    s += 0.01 * np.random.default_rng(5).standard_normal(count)
    return np.round(s * 32767).astype(int)


def main():
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "mfcc.json"
    cases = []
    for count, rate in ((900, 8000), (120, 8000), (600, 11025)):
        s = sound(count, rate)
        cases.append({"rate": rate, "samples": s.tolist(),
                      "features": [[float("%.7g" % x) for x in row] for row in features(s / 32768, rate)]})
    with open(target, "w") as f:
        json.dump(cases, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
