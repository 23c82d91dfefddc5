#!/usr/bin/env python3
"""The twin of `seq2seq`: an encoder–decoder without attention on Multi30k, German to English, in plain PyTorch.

    seq2seq.py --data FOLDER [--steps N] [--forward] …

Batches are of sentences of like length; the rate rises over the warm-up and falls with the cosine. Test sentences are translated
greedily; BLEU is sacrebleu's over the tokens as they are. Prints losses on the way, then perplexity, BLEU and processor time.
"""
import argparse
import gzip
import math
import pathlib
import time
from collections import Counter

import torch
from rnn_encdec import EncoderDecoder

BOS, PAD, EOS, UNK = range(4)


def read(folder, part, side):
    with gzip.open(pathlib.Path(folder) / "tok" / f"{part}.lc.norm.tok.{side}.gz", "rt", encoding="utf-8") as file:
        return [line.split() for line in file]


def vocabulary(lines, least):
    counts = Counter(word for line in lines for word in line)
    words = [w for w, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if n >= least]
    return ["<s>", "<pad>", "</s>", "<unk>"] + words


def encode(lines, words):
    ids = {w: i for i, w in enumerate(words)}
    return [[ids.get(w, UNK) for w in line] + [EOS] for line in lines]


def padded(rows):
    out = torch.full((len(rows), max(map(len, rows))), PAD)
    for i, row in enumerate(rows):
        out[i, :len(row)] = torch.tensor(row)
    return out


def batches(pairs, size, generator):
    """Of like length, in random order."""
    order = torch.randperm(len(pairs), generator=generator).tolist()
    order.sort(key=lambda i: max(len(pairs[i][0]), len(pairs[i][1])))
    groups = [order[i:i + size] for i in range(0, len(order), size)]
    for i in torch.randperm(len(groups), generator=generator).tolist():
        yield [pairs[j] for j in groups[i]]


def loss_of(model, batch, smoothing):
    source, target = [s for s, _ in batch], padded([t for _, t in batch])
    shifted = torch.cat([torch.full((len(batch), 1), BOS), target[:, :-1]], 1)
    scores = model(padded(source), torch.tensor([len(s) for s in source]), shifted)
    return torch.nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten(), ignore_index=PAD,
                                             label_smoothing=smoothing), int((target != PAD).sum())


@torch.no_grad()
def perplexity(model, pairs):
    model.eval()
    total = count = 0
    for i in range(0, len(pairs), 64):
        loss, n = loss_of(model, pairs[i:i + 64], 0)
        total, count = total + float(loss) * n, count + n
    model.train()
    return math.exp(total / count)


@torch.no_grad()
def translate(model, sources, longest=64):
    model.eval()
    out = []
    for i in range(0, len(sources), 50):
        rows = sources[i:i + 50]
        context, h, c = model.encode(padded(rows), torch.tensor([len(r) for r in rows]))
        token, done, said = torch.full((len(rows), 1), BOS), torch.zeros(len(rows), dtype=bool), [[] for _ in rows]
        for _ in range(longest):
            scores, h, c = model.decode(token, context, h, c)
            token = scores[:, -1].argmax(-1, keepdim=True)
            done |= token[:, 0] == EOS
            if done.all():
                break
            for r in range(len(rows)):
                if not done[r]:
                    said[r].append(int(token[r]))
        out += said
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--steps", type=int, default=3000)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--min-lr", type=float, default=1e-4)
    p.add_argument("--warmup", type=int, default=100)
    p.add_argument("--width", type=int, default=256)
    p.add_argument("--layers", type=int, default=2)
    p.add_argument("--dropout", type=float, default=0.2)
    p.add_argument("--smoothing", type=float, default=0.1)
    p.add_argument("--least", type=int, default=3, help="occurrences of a word, at least")
    p.add_argument("--clip", type=float, default=1)
    p.add_argument("--forward", action="store_true", help="the source is not reversed")
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    lines = {(part, side): read(a.data, part, side) for part in ("train", "val", "test_2016_flickr") for side in ("de", "en")}
    words = {side: vocabulary(lines["train", side], a.least) for side in ("de", "en")}
    pairs = {part: list(zip(encode(lines[part, "de"], words["de"]), encode(lines[part, "en"], words["en"])))
             for part in ("train", "val", "test_2016_flickr")}
    model = EncoderDecoder(len(words["de"]), len(words["en"]), layers=a.layers, width=a.width, dropout=a.dropout,
                           reverse=not a.forward)
    torch.nn.init.uniform_(model.head.weight, -0.08, 0.08)
    print(f"{sum(x.numel() for x in model.parameters())} parameters, {len(words['de'])} and {len(words['en'])} words", flush=True)
    optimizer = torch.optim.AdamW([{"params": [x for x in model.parameters() if x.dim() > 1], "weight_decay": 0.01},
                                   {"params": [x for x in model.parameters() if x.dim() == 1], "weight_decay": 0}],
                                  lr=a.lr, betas=(0.9, 0.99))
    generator, step, begin = torch.Generator().manual_seed(a.seed), 0, time.process_time()
    while step < a.steps:
        for batch in batches(pairs["train"], a.batch, generator):
            part = (step - a.warmup) / max(1, a.steps - a.warmup)
            rate = a.lr * (step + 1) / a.warmup if step < a.warmup else \
                a.min_lr + 0.5 * (a.lr - a.min_lr) * (1 + math.cos(math.pi * part))
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            loss, _ = loss_of(model, batch, a.smoothing)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), a.clip)
            optimizer.step()
            step += 1
            if step % 500 == 0:
                print(f"step {step}: loss {float(loss):.3f}, validation perplexity {perplexity(model, pairs['val']):.2f}, "
                      f"{time.process_time() - begin:.0f} s", flush=True)
            if step == a.steps:
                break
    spent = time.process_time() - begin
    said = translate(model, [s for s, _ in pairs["test_2016_flickr"]])
    hypotheses = [" ".join(words["en"][i] for i in row) for row in said]
    import sacrebleu
    bleu = sacrebleu.corpus_bleu(hypotheses, [[" ".join(x) for x in lines["test_2016_flickr", "en"]]], tokenize="none")
    print(f"test: perplexity {perplexity(model, pairs['test_2016_flickr']):.2f}, greedy {bleu}, {spent:.0f} s of training")


if __name__ == "__main__":
    main()
