#!/usr/bin/env python3
"""The part-of-speech tagger of the recipe hmm, written a second time in plain Python: hmm.py --data ud-english-ewt [--set dev|test]

A hidden Markov model of the first order: states are the universal tags, all probabilities are counted from the training file.
Prints the share of words whose tag is right, of all words and of words that training never saw. It serves to set the
recipe's pass mark before the C code is measured; --set dev is what the four constants were looked at with.
"""
import argparse
import gzip
import math
import pathlib
from collections import Counter, defaultdict

LONGEST_SUFFIX, RARE = 10, 10


def read(path):
    sentences, now = [], []
    for line in gzip.open(path, "rt", encoding="utf-8"):
        fields = line.rstrip("\n").split("\t")
        if len(fields) == 10 and fields[0].isdigit():
            now.append((fields[1], fields[3]))
        elif line == "\n" and now:
            sentences.append(now)
            now = []
    return sentences + [now] if now else sentences


def shape(word):
    data = word.encode()
    if any(48 <= b <= 57 for b in data):
        return "d"
    return "C" if 65 <= data[0] <= 90 else "c"


class Tagger:
    def __init__(self, sentences, step, suffix, word):
        self.word_weight, self.suffix_weight = word, suffix
        self.tags = sorted({t for s in sentences for _, t in s})
        n = len(self.tags)
        at = {t: i for i, t in enumerate(self.tags)}
        self.words = defaultdict(lambda: [0] * n)
        total, start, steps = [0] * n, [0] * n, [[0] * n for _ in range(n)]
        for s in sentences:
            before = None
            for w, t in s:
                i = at[t]
                self.words[w][i] += 1
                total[i] += 1
                if before is None:
                    start[i] += 1
                else:
                    steps[before][i] += 1
                before = i
        self.words = dict(self.words)
        everything = sum(total)
        self.prior = [c / everything for c in total]
        smooth = lambda row: [math.log((c + step * p) / (sum(row) + step)) for c, p in zip(row, self.prior)]
        self.start, self.steps = smooth(start), [smooth(r) for r in steps]
        self.suffixes = defaultdict(lambda: [0] * n)
        for w, row in self.words.items():
            if sum(row) > RARE:
                continue
            for key in self.keys(w):
                self.suffixes[key] = [a + b for a, b in zip(self.suffixes[key], row)]
        self.suffixes = dict(self.suffixes)

    @staticmethod
    def keys(word):
        """Suffixes in bytes, the empty one first, each with the shape of the word."""
        data = word.encode()
        return [(shape(word), data[len(data) - k:]) for k in range(min(LONGEST_SUFFIX, len(data)) + 1)]

    def guess(self, word):
        p = self.prior
        for key in self.keys(word):
            row = self.suffixes.get(key)
            if row is None:
                break
            total = sum(row)
            p = [(c + self.suffix_weight * q) / (total + self.suffix_weight) for c, q in zip(row, p)]
        return p

    def emission(self, word):
        """log P(tag | word) - log P(tag): P(word | tag) up to a factor that no path changes."""
        p, row = self.guess(word), self.words.get(word)
        if row is not None:
            total = sum(row)
            p = [(c + self.word_weight * q) / (total + self.word_weight) for c, q in zip(row, p)]
        return [math.log(a) - math.log(b) for a, b in zip(p, self.prior)]

    def tag(self, words):
        n, back = len(self.tags), []
        delta = [a + b for a, b in zip(self.start, self.emission(words[0]))]
        for w in words[1:]:
            e, new, came = self.emission(w), [], []
            for j in range(n):
                best = max(range(n), key=lambda i: delta[i] + self.steps[i][j])
                came.append(best)
                new.append(delta[best] + self.steps[best][j] + e[j])
            back.append(came)
            delta = new
        path = [max(range(n), key=lambda i: delta[i])]
        for came in reversed(back):
            path.append(came[path[-1]])
        return [self.tags[i] for i in reversed(path)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--set", default="dev", choices=["dev", "test"])
    parser.add_argument("--step", type=float, default=10, help="weight of the tags' frequencies in a transition")
    parser.add_argument("--suffix", type=float, default=1, help="weight of the shorter suffix")
    parser.add_argument("--word", type=float, default=0.5, help="weight of the suffix beside a known word's own counts")
    args = parser.parse_args()
    tagger = Tagger(read(args.data / "en_ewt-ud-train.conllu.gz"), args.step, args.suffix, args.word)
    right, seen = Counter(), Counter()
    for sentence in read(args.data / f"en_ewt-ud-{args.set}.conllu.gz"):
        for (word, tag), got in zip(sentence, tagger.tag([w for w, _ in sentence])):
            kind = "known" if word in tagger.words else "unknown"
            seen[kind] += 1
            right[kind] += tag == got
    total = sum(seen.values())
    print(f"{args.set}: {100 * sum(right.values()) / total:.2f} % of {total} words; "
          f"known {100 * right['known'] / seen['known']:.2f} %, "
          f"unknown {100 * right['unknown'] / seen['unknown']:.2f} % ({seen['unknown']})")


if __name__ == "__main__":
    main()
