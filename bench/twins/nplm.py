#!/usr/bin/env python3
"""A twin of the recipe nplm in plain PyTorch: the network of Bengio et al. 2003 and its mixture with a Kneser-Ney trigram.

Same data preparation, network and settings as the recipe's defaults, written apart from the C code, so that pass marks can be set
before rapt is measured. tests/golden/make_nplm.py holds both implementations to each other with this class. The test text is read
after the net is trained and the mixture's weight is chosen. Prints one line of JSON. Needs torch. Example: nplm.py --data FOLDER
"""
import argparse, collections, gzip, json, math, pathlib, sys, time

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"))
import kn_reference

END, UNKNOWN = 0, 1


class NPLM(nn.Module):
    """b + W e + U tanh(d + H e), e the rows of C side by side; the parameters have the paper's letters."""

    def __init__(self, words, order, features, hidden, direct):
        super().__init__()
        width = (order - 1) * features
        self.C = nn.Parameter(0.1 * torch.randn(words + 1, features))  # the last row is <s>
        self.H = nn.Parameter(torch.randn(hidden, width) / math.sqrt(width))
        self.d = nn.Parameter(torch.zeros(hidden))
        self.U = nn.Parameter(0.02 * torch.randn(words, hidden))
        self.b = nn.Parameter(torch.zeros(words))
        self.W = nn.Parameter(torch.zeros(words, width)) if direct else None

    def forward(self, contexts):
        e = F.embedding(contexts, self.C).flatten(1)
        y = F.linear(torch.tanh(F.linear(e, self.H, self.d)), self.U, self.b)
        return y if self.W is None else y + F.linear(e, self.W)

    def groups(self, decay):
        """The parameters for an optimizer: weight decay of the matrices, none of the biases."""
        return [{"params": [p for p in self.parameters() if p.ndim == 2], "weight_decay": decay},
                {"params": [p for p in self.parameters() if p.ndim == 1], "weight_decay": 0.0}]


# ---- Data ----

def read_lines(folder, part):
    path = pathlib.Path(folder) / ("ptb.%s.txt" % part)
    if path.exists():
        text = path.read_text()
    else:
        text = gzip.open(str(path) + ".gz", "rt").read()
    return [line.split() for line in text.splitlines()]


def vocabulary(lines):
    """</s>, <unk>, then the other words from the most frequent to the rarest; counts one higher for the first two."""
    counts = collections.Counter(word for line in lines for word in line)
    unknown = counts.pop("<unk>", 0)
    others = sorted(counts, key=lambda word: -counts[word])  # stable: ties stay in order of appearance
    ids = {word: i for i, word in enumerate(["</s>", "<unk>"] + others)}
    return ids, torch.tensor([len(lines) + 1, unknown + 1] + [counts[word] for word in others])


def encode(lines, ids):
    return [[ids.get(word, UNKNOWN) for word in line] + [END] for line in lines]


def examples(sentences, order, start):
    """(words, order - 1) contexts that do not reach into the sentence before, and (words) labels."""
    contexts, labels = [], []
    for sentence in sentences:
        padded = [start] * (order - 1) + sentence
        for i, word in enumerate(sentence):
            contexts.append(padded[i : i + order - 1])
            labels.append(word)
    return torch.tensor(contexts), torch.tensor(labels)


# ---- Training and measuring ----

def rate(step, steps, a):
    if step < a.warmup:
        return a.lr * (step + 1) / a.warmup
    part = min(1.0, (step - a.warmup) / (steps - a.warmup)) if steps > a.warmup else 1.0
    return a.min_lr + 0.5 * (a.lr - a.min_lr) * (1 + math.cos(math.pi * part))


def train(model, contexts, labels, a):
    optimizer = torch.optim.AdamW(model.groups(a.decay), lr=a.lr, betas=(a.beta1, a.beta2), eps=1e-8, fused=True)
    batches, steps, times = len(labels) // a.batch, a.steps, []
    begin, work = time.perf_counter(), time.process_time()
    step, smooth = 0, math.nan
    while step < steps:
        if step % batches == 0:
            order = torch.randperm(len(labels))
        now = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps, a)
        rows = order[step % batches * a.batch :][: a.batch]
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(contexts[rows]), labels[rows])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), a.clip)
        optimizer.step()
        step += 1
        times.append(time.perf_counter() - now)
        smooth = loss.item() if math.isnan(smooth) else 0.95 * smooth + 0.05 * loss.item()
        if a.minutes > 0 and step == 60:
            each = sorted(times[10:])[25]
            steps = min(steps, step + int((60 * a.minutes - (time.perf_counter() - begin)) * 0.98 / each))
        if step % 500 == 0:
            print("step %d of %d: %.4f, %.0f s" % (step, steps, smooth, time.perf_counter() - begin), file=sys.stderr,
                  flush=True)
    return {"steps": steps, "seconds": round(time.perf_counter() - begin, 1), "cpu_seconds": round(time.process_time() - work, 1),
            "median_step_ms": round(sorted(times)[len(times) // 2] * 1e3, 2)}


@torch.no_grad()
def net_probabilities(model, contexts, labels):
    parts = []
    for i in range(0, len(labels), 512):
        logs = F.log_softmax(model(contexts[i : i + 512]), -1)
        parts.append(logs.gather(1, labels[i : i + 512, None])[:, 0].double().exp())
    return torch.cat(parts)


def kn_probabilities(kn, sentences):
    out = []
    for sentence in sentences:
        marked = [kn_reference.START] + sentence
        out += [kn.prob(marked[max(0, i - kn.order + 1) : i], marked[i]) for i in range(1, len(marked))]
    return torch.tensor(out, dtype=torch.float64)


def mixture_weight(kn, net):
    weight = 0.5
    for _ in range(200):
        share = (weight * net / (weight * net + (1 - weight) * kn)).mean().item()
        moved, weight = abs(share - weight), share
        if moved <= 1e-10:
            break
    return weight


def perplexity(p):
    return round(math.exp(-p.log().mean().item()), 3)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="a folder with ptb.train.txt, ptb.valid.txt, ptb.test.txt, or .gz of them")
    for name, kind, value in (
        ("order", int, 5), ("features", int, 60), ("hidden", int, 100), ("batch", int, 256), ("steps", int, 12500),
        ("lr", float, 5e-3), ("min-lr", float, 2e-5), ("warmup", int, 100), ("beta1", float, 0.9), ("beta2", float, 0.999),
        ("decay", float, 0.01), ("clip", float, 1.0), ("threads", int, 1), ("seed", int, 1)):
        p.add_argument("--" + name, type=kind, default=value)
    p.add_argument("--direct", action="store_true", help="direct connections W")
    p.add_argument("--minutes", type=float, default=0, help="> 0: at most as many steps as fit, timed over steps 11 to 60")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)

    lines = read_lines(a.data, "train")
    ids, counts = vocabulary(lines)
    texts = {"train": encode(lines, ids), "valid": encode(read_lines(a.data, "valid"), ids)}
    model = NPLM(len(ids), a.order, a.features, a.hidden, a.direct)
    with torch.no_grad():
        model.b.copy_((counts.double() / counts.sum()).log())
    contexts, labels = examples(texts["train"], a.order, len(ids))
    trained = train(model, contexts, labels, a)

    kn = kn_reference.KneserNey([[kn_reference.START] + s for s in texts["train"]], 3, True, len(ids))
    result = {"parameters": sum(w.numel() for w in model.parameters()), "vocabulary": len(ids), "training_words": len(labels)} | trained
    for part in ("valid", "test"):
        if part == "test":
            texts[part] = encode(read_lines(a.data, part), ids)
        net = net_probabilities(model, *examples(texts[part], a.order, len(ids)))
        grams = kn_probabilities(kn, texts[part])
        if part == "valid":
            weight = result["weight_of_net"] = mixture_weight(grams, net)
        mixed = weight * net + (1 - weight) * grams
        result[part] = {"kneser_ney_3": perplexity(grams), "net": perplexity(net), "mixture": perplexity(mixed)}
    result["below_kneser_ney"] = round(1 - result["test"]["mixture"] / result["test"]["kneser_ney_3"], 4)
    print(json.dumps(result | {"torch": torch.__version__, "settings": vars(a) | {"data": pathlib.Path(a.data).name}}))


if __name__ == "__main__":
    main()
