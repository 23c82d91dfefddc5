#!/usr/bin/env python3
"""A twin of the recipe reber in plain PyTorch: torch.nn.LSTM (forget gate, whole gradient) learns the embedded Reber grammar string by
string.

Written apart from the C code: six units and direct connections from the letter to the seven logistic outputs, cross-entropy, one update
by plain SGD after every string, tests on all test strings after every 100. Prints one line of JSON a seed. Needs torch. Example:
reber.py --seeds 3
"""
import argparse, json, random, time

import torch

LETTERS = "BTPSXVE"
WAYS = [[("T", 1), ("P", 2)], [("S", 1), ("X", 3)], [("T", 2), ("V", 4)], [("X", 2), ("S", 5)], [("P", 3), ("V", 5)], [("E", 6)]]


def draw(rng):
    """A string, and the set of letters that may follow each of its letters but the last."""
    outer = rng.choice("TP")
    letters, allowed, state = ["B", outer, "B"], ["TP", "B", "TP"], 0
    while state != 6:
        letter, state = rng.choice(WAYS[state])
        letters.append(letter)
        allowed.append(outer if state == 6 else "".join(way[0] for way in WAYS[state]))
    return "".join(letters) + outer + "E", allowed + ["E"]


class Net(torch.nn.Module):
    def __init__(self, units):
        super().__init__()
        self.lstm = torch.nn.LSTM(7, units)
        self.out = torch.nn.Linear(units + 7, 7)
        for p in self.parameters():
            torch.nn.init.uniform_(p, -0.2, 0.2)

    def forward(self, x):
        return self.out(torch.cat([self.lstm(x)[0], x], -1))


def one_hot(string):
    return torch.eye(7)[[LETTERS.index(c) for c in string]].unsqueeze(1)


def right(net, string, allowed):
    with torch.no_grad():
        scores = net(one_hot(string[:-1]))[:, 0].tolist()
    for row, follow in zip(scores, allowed):
        inside = [v for c, v in zip(LETTERS, row) if c in follow]
        if min(inside) <= max(v for c, v in zip(LETTERS, row) if c not in follow):
            return False
    return True


def run(seed, args):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    train, test = ([draw(rng) for _ in range(256)] for _ in range(2))
    net = Net(args.units)
    optimizer = torch.optim.SGD(net.parameters(), lr=args.rate)
    begun, solved, n = time.process_time(), False, 0
    while n < args.sequences and not solved:
        x = one_hot(rng.choice(train)[0])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x[:-1]), x[1:], reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        n += 1
        if n % 100 == 0:
            solved = all(right(net, *string) for string in test)
    wrong = sum(not right(net, *string) for string in test)
    print(json.dumps({"seed": seed, "solved": solved, "strings": n, "wrong": wrong,
                      "seconds": round(time.process_time() - begun, 1)}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--units", type=int, default=6)
    parser.add_argument("--rate", type=float, default=0.07)
    parser.add_argument("--sequences", type=int, default=15000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for seed in range(args.first, args.first + args.seeds):
        run(seed, args)


main()
