#!/usr/bin/env python3
"""Writes tokenizers.json: for each text file, how many ids Hugging Face's tokenizers gives and their FNV-1a hash: of GPT-2's
vocabulary, and of the file's own words in lower case that it has twice or more, cut at punctuation.

Needs `pip install tokenizers` and RAPT_DATA. Usage: make_tokenizers.py > tests/golden/tokenizers.json
"""
import glob, gzip, json, os, struct, sys
from collections import Counter
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

data = os.environ["RAPT_DATA"]
tokenizer = Tokenizer.from_str(gzip.open(data + "/tokenizers/gpt2/tokenizer.json.gz", "rt", encoding="utf-8").read())
tokenizer.no_truncation()
tokenizer.no_padding()
files = [data + "/tinyshakespeare/input.txt"] + sorted(glob.glob(data + "/wikixml/*.gz")) + sorted(
    p for p in glob.glob(data + "/multi30k/**/*", recursive=True) if os.path.isfile(p) and not p.endswith(".md"))


def fnv(ids):
    h = 14695981039346656037
    for byte in struct.pack("<%di" % len(ids), *ids):
        h = ((h ^ byte) * 1099511628211) & (2**64 - 1)
    return "%016x" % h


def words(text):
    lower, cut = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    counts = Counter(word for word, _ in cut.pre_tokenize_str(lower.normalize_str(text)))
    kept = sorted((w for w in counts if counts[w] >= 2), key=lambda w: (-counts[w], w.encode()))
    vocabulary = {w: i for i, w in enumerate(["<s>", "<pad>", "</s>", "<unk>"] + kept)}
    t = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    t.normalizer, t.pre_tokenizer = lower, cut
    return t.encode(text).ids


out = []
for path in files:
    raw = gzip.open(path).read() if path.endswith(".gz") else open(path, "rb").read()
    text = raw.decode("utf-8")
    ids, word_ids = tokenizer.encode(text, add_special_tokens=False).ids, words(text)
    out.append({"file": os.path.relpath(path, data), "ids": len(ids), "fnv": fnv(ids), "words": len(word_ids),
                "words_fnv": fnv(word_ids)})
json.dump(out, sys.stdout, indent=1)
print()
