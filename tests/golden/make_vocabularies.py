#!/usr/bin/env python3
"""Writes vocabularies.json: for each vocabulary of the data set "tokenizers", FNV-1a hashes of the ids, the offsets in characters
and the decoded text that the reference library gives for lines of named files and for some made-up lines.

The reference is Hugging Face's tokenizers, or sentencepiece (no offsets). Hugging Face's gets U+FFFD for each
byte that is not UTF-8, sentencepiece the bytes.
Needs `pip install tokenizers sentencepiece` and RAPT_DATA. Usage: make_vocabularies.py > tests/golden/vocabularies.json
"""
import codecs, gzip, json, os, sys
import sentencepiece
from tokenizers import BertWordPieceTokenizer, Tokenizer

data = os.environ["RAPT_DATA"] + "/"
LINES = 800
codecs.register_error("each", lambda e: ("\ufffd", e.start + 1))
files = [f["file"] for f in json.load(open("tests/golden/tokenizers.json"))]
extra = ["Hello \U0001F600 \U0001F468\u200D\U0001F469\u200D\U0001F467 \U0001F1E9\U0001F1EA!", " leading  and   more  ", "tabs\tand\r\n",
         "\uff26\uff35\uff2c\uff2c \ufb01 \u00bd \u2460", "e\u0301le\u0301phant \u0130stanbul \u1e9e", "\u4f60\u597d\uff0c\u4e16\u754c\uff01abc \u4e2d\u6587",
         "<s> x </s> [MASK]", "\u200b\u00a0\u3000 x\u0001", "\ud55c\uad6d\uc5b4 \u1100\u1161\u11a8", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u2581x \u2581 y"]
extra = [s.encode() for s in extra]
broken = [b"ab\xff\xc3( c", b"\xe2\x82 lower \xf0\x9f\x98", b"\x80"]


def lines():
    for name in files:
        raw = gzip.open(data + name).read() if name.endswith(".gz") else open(data + name, "rb").read()
        yield from raw.split(b"\n")[:LINES]


def fnv(h, raw):
    for byte in raw:
        h = ((h ^ byte) * 1099511628211) & (2**64 - 1)
    return h


def numbers(values):
    return b"".join(v.to_bytes(4, "little") for v in values)


def hashes(encode, takes_broken):
    h, count = [14695981039346656037] * 3, 0
    for raw in list(lines()) + extra + (broken if takes_broken else []):
        ids, spans, text = encode(raw)
        count += len(ids)
        h = [fnv(h[0], numbers(ids)), fnv(h[1], numbers(n for s in spans for n in s)), fnv(h[2], text.encode())]
    return {"ids": count, "ids_fnv": "%016x" % h[0], "offsets_fnv": "%016x" % h[1], "text_fnv": "%016x" % h[2]}


def hugging_face(t):
    t.no_truncation()
    t.no_padding()

    def encode(raw):
        e = t.encode(raw.decode("utf-8", "each"), add_special_tokens=False)
        return e.ids, e.offsets, t.decode(e.ids, skip_special_tokens=False)
    return encode


def piece(path):
    m = sentencepiece.SentencePieceProcessor(model_file=data + path)
    return lambda raw: ((ids := m.encode(raw)), [], m.decode(ids))


def json_file(path):
    return hugging_face(Tokenizer.from_str(gzip.open(data + path, "rt", encoding="utf-8").read()))


bert = "tokenizers/bert-base-uncased/vocab.txt"
kinds = [("tokenizers/gpt2/tokenizer.json.gz", json_file, False),
         ("tokenizers/gpt-neox-20b/20B_tokenizer.json.gz", json_file, True),
         (bert, lambda p: hugging_face(BertWordPieceTokenizer(data + p, lowercase=True)._tokenizer), True),
         ("tokenizers/llama2/tokenizer.model", piece, True),
         ("tokenizers/llama2/tokenizer.bin", lambda p: piece("tokenizers/llama2/tokenizer.model"), True),
         ("tokenizers/albert-v1/spiece.model", piece, True)]
out = {"lines": LINES, "files": files, "extra": [s.hex() for s in extra], "broken": [s.hex() for s in broken], "vocabularies": []}
for path, make, takes_broken in kinds:
    out["vocabularies"].append({"path": path, "broken": takes_broken, **hashes(make(path), takes_broken)})
json.dump(out, sys.stdout, indent=1)
print()
