#!/usr/bin/env python3
"""How far the links of a direct-hmm-mt run are from eflomal's: bench/direct_hmm_eflomal.py RUN

eflomal learns from aligned.source and aligned.target of the run directory, which hold the training and the test text; the links
of the last lines, the test text, are compared as the recipe compares them with `rapt align`'s: 1 - F of all links. Both
directions of eflomal are joined by grow-diag-final-and, as the recipe's own."""
import pathlib
import sys

from aer import aer, eflomal, read_links


def grow_diag_final_and(forward, backward):
    """Koehn et al. 2005: from the links of both directions to neighbours in either that bring a new word in, then links in
    either whose words are both still free."""
    common, either = forward & backward, forward | backward
    links = set(common)
    around = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]

    def free(side, word):
        return all(link[side] != word for link in links)

    grown = True
    while grown:
        grown = False
        for i, j in sorted(links):
            for di, dj in around:
                new = (i + di, j + dj)
                if new in either - links and (free(0, new[0]) or free(1, new[1])):
                    links.add(new)
                    grown = True
    for direction in (forward, backward):
        for i, j in sorted(direction):
            if free(0, i) and free(1, j):
                links.add((i, j))
    return links


def main():
    run = pathlib.Path(sys.argv[1])
    cache = run / "eflomal.links"
    if not cache.exists():
        sides = [(run / f"aligned.{side}").read_text(encoding="utf-8").splitlines() for side in ("source", "target")]
        forward, backward = eflomal(list(zip(*sides)), run)
        joined = [grow_diag_final_and(a, b) for a, b in zip(forward, backward)]
        cache.write_text("".join(" ".join(f"{i}-{j}" for i, j in sorted(x)) + "\n" for x in joined), encoding="utf-8")
    for name in ("aligned.links", "test.links", "other-order/test.links", "transformer/test.links"):
        if not (run / name).exists():
            continue
        links = read_links((run / name).read_text(encoding="utf-8"))
        gold = [(x, x) for x in read_links(cache.read_text(encoding="utf-8"))[-len(links):]]
        print(f"{name:26} {100 * aer(links, gold):6.2f} %")


if __name__ == "__main__":
    main()
