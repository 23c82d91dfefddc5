#!/usr/bin/env python3
"""Interpolated Kneser-Ney by dictionaries, straight from the formulas: the golden figures of tests/unit/test_ngram.c.

The text is made by a small linear congruential generator, so that the test can make the same one. Sentences are
preceded by a start marker; n-grams that begin with it keep raw counts. Run: python3 tests/golden/kn_reference.py
"""
import math
from collections import Counter, defaultdict

VOCAB, END, START = 12, 11, -1


def sample(seed, count):
    """Ids with structure: mostly the successor of what came two places before, else skewed noise."""
    ids, state = [], seed
    for i in range(count):
        state = (state * 1103515245 + 12345) % 2147483648
        r = state // 65536
        if i >= 2 and r % 3:
            ids.append((ids[i - 2] * 5 + ids[i - 1] + r % 2) % VOCAB)
        else:
            ids.append((r % 97) * (r % 89) % VOCAB)
    ids[-1] = END
    return ids


def sentences(ids):
    out, now = [], [START]
    for i in ids:
        now.append(i)
        if i == END:
            out.append(now)
            now = [START]
    return out


def discounts(table, modified):
    n = Counter(table.values())
    y = n[1] / (n[1] + 2 * n[2]) if n[1] else 0
    if not modified:
        d = y if n[1] and n[2] else 0.5
        return [0, d, d, d]
    if n[1] and n[2] and n[3]:
        d = [0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]]
        if all(0 <= d[j] <= j for j in (1, 2, 3)):
            return d
    return [0, 0.5, 1, 1.5]


class KneserNey:
    def __init__(self, text, order, modified, vocabulary=VOCAB):
        self.vocabulary = vocabulary
        raw = [Counter() for _ in range(order + 1)]
        left = [defaultdict(set) for _ in range(order + 1)]
        for s in text:
            for k in range(1, order + 1):
                for i in range(len(s) - k + 1):
                    gram = tuple(s[i : i + k])
                    raw[k][gram] += 1
                    if i > 0:
                        left[k][gram].add(s[i - 1])
        self.order, self.tables, self.d = order, [None] * (order + 1), [None] * (order + 1)
        for k in range(1, order + 1):
            table = {}
            for gram, c in raw[k].items():
                if gram == (START,):
                    continue
                table[gram] = c if k == order or gram[0] == START else len(left[k][gram])
            self.tables[k] = table
            self.d[k] = discounts(table, modified)
        self.rows = [defaultdict(dict) for _ in range(order + 1)]
        for k in range(1, order + 1):
            for gram, c in self.tables[k].items():
                self.rows[k][gram[:-1]][gram[-1]] = c
        # (total, discounted mass) of every context's row
        self.sums = [
            {context: (sum(row.values()), sum(self.d[k][min(c, 3)] for c in row.values())) for context, row in rows.items()}
            for k, rows in enumerate(self.rows)
        ]

    def prob(self, context, w):
        p = 1 / self.vocabulary
        for k in range(1, min(self.order, len(context) + 1) + 1):
            before = tuple(context[len(context) - k + 1 :])
            row = self.rows[k].get(before)
            if not row:
                break
            d, (total, mass) = self.d[k], self.sums[k][before]
            c = row.get(w, 0)
            p = (c - d[min(c, 3)] + mass * p) / total
        return p

    def perplexity(self, text):
        logs = [math.log(self.prob(s[max(0, i - self.order + 1) : i], s[i])) for s in text for i in range(1, len(s))]
        return math.exp(-sum(logs) / len(logs))


if __name__ == "__main__":
    train, test = sentences(sample(7, 3000)), sentences(sample(1234, 500))
    for modified in (False, True):
        for order in range(1, 6):
            lm = KneserNey(train, order, modified)
            print(f"modified={int(modified)} order={order} D={[round(x, 12) for x in lm.d[order]]}", end=" ")
            context = [START, 3, 5, 2][max(0, 5 - order) :] if order > 1 else []
            print(f"perplexity={lm.perplexity(test):.12f} p={lm.prob(context, 4):.15f}")
