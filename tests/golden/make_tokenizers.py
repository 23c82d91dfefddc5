#!/usr/bin/env python3
"""Writes tokenizers.json: for each text file, how many GPT-2 ids Hugging Face's tokenizers gives and their FNV-1a hash.

Needs `pip install tokenizers` and RAPT_DATA. Usage: make_tokenizers.py > tests/golden/tokenizers.json
"""
import glob, gzip, json, os, struct, sys
from tokenizers import Tokenizer

data = os.environ["RAPT_DATA"]
tokenizer = Tokenizer.from_str(gzip.open(data + "/tokenizers/gpt2/tokenizer.json.gz", "rt", encoding="utf-8").read())
tokenizer.no_truncation()
tokenizer.no_padding()
files = [data + "/tinyshakespeare/input.txt"] + sorted(glob.glob(data + "/wikixml/*.gz")) + sorted(
    p for p in glob.glob(data + "/multi30k/**/*", recursive=True) if os.path.isfile(p) and not p.endswith(".md"))
out = []
for path in files:
    raw = gzip.open(path).read() if path.endswith(".gz") else open(path, "rb").read()
    ids = tokenizer.encode(raw.decode("utf-8"), add_special_tokens=False).ids
    h = 14695981039346656037
    for byte in struct.pack("<%di" % len(ids), *ids):
        h = ((h ^ byte) * 1099511628211) & (2**64 - 1)
    out.append({"file": os.path.relpath(path, data), "ids": len(ids), "fnv": "%016x" % h})
json.dump(out, sys.stdout, indent=1)
print()
