#!/usr/bin/env python3
"""Makes quant.json: blocks of random bytes and the numbers that they stand for, by the published layouts of GGML's types; and
numbers with the blocks that GGML's plain quantisers make of them. Needs numpy; with the package gguf, --check compares all of it
with that package's own implementation.

    python3 tests/golden/make_quant.py            writes tests/golden/quant.json
    python3 tests/golden/make_quant.py --check    and compares
"""
import json
import pathlib
import sys

import numpy as np

F = np.float32


def f16(two):
    return two.copy().view("<f2").astype(F)  # (blocks, 1)


def halves(b):
    return np.concatenate([b & 15, b >> 4], axis=1).astype(np.int32)


def read_f16(b):
    return b.copy().view("<f2").astype(F)


def read_bf16(b):
    return (b.copy().view("<u2").astype(np.uint32) << 16).view(F)


def read_q4_0(b):
    return f16(b[:, :2]) * (halves(b[:, 2:]) - 8).astype(F)


def read_q5_0(b):
    bits = np.unpackbits(b[:, 2:6], axis=1, bitorder="little").astype(np.int32)
    return f16(b[:, :2]) * (halves(b[:, 6:]) + 16 * bits - 16).astype(F)


def read_q8_0(b):
    return f16(b[:, :2]) * b[:, 2:].view(np.int8).astype(F)


def scales_and_mins(p):
    low, middle, high = p[:, 0:4], p[:, 4:8], p[:, 8:12]
    scales = np.concatenate([low & 63, (high & 15) | (low >> 6) << 4], axis=1)
    mins = np.concatenate([middle & 63, (high >> 4) | (middle >> 6) << 4], axis=1)
    return scales.astype(F)[:, :, None], mins.astype(F)[:, :, None]


def parts(quants):  # 128 bytes to 8 parts of 32
    b = quants.reshape(len(quants), 4, 1, 32)
    return np.concatenate([b & 15, b >> 4], axis=2).reshape(len(quants), 8, 32)


def with_mins(b, q):
    d, dmin = f16(b[:, :2])[:, :, None], f16(b[:, 2:4])[:, :, None]
    scales, mins = scales_and_mins(b[:, 4:16])
    return (d * scales * q.astype(F) - dmin * mins).reshape(len(b), 256)


def read_q4_k(b):
    return with_mins(b, parts(b[:, 16:]))


def read_q5_k(b):
    high = np.stack([b[:, 16:48] >> p & 1 for p in range(8)], axis=1)
    return with_mins(b, parts(b[:, 48:]) + 16 * high)


def read_q6_k(b):
    out = []
    d, scales = f16(b[:, 208:]), b[:, 192:208].view(np.int8).astype(F)
    for half in range(2):
        low, high = b[:, 64 * half:64 * half + 64], b[:, 128 + 32 * half:160 + 32 * half]
        for quarter in range(4):
            four = low[:, 32 * (quarter % 2):32 * (quarter % 2) + 32]
            four = four & 15 if quarter < 2 else four >> 4
            q = (four | (high >> 2 * quarter & 3) << 4).astype(np.int32) - 32
            s = np.repeat(scales[:, 8 * half + 2 * quarter:8 * half + 2 * quarter + 2], 16, axis=1)
            out.append(d * s * q.astype(F))
    return np.concatenate(out, axis=1)


def greatest(x):
    return np.take_along_axis(x, np.abs(x).argmax(axis=1)[:, None], axis=1)


def inverse(d):
    with np.errstate(divide="ignore"):
        return np.where(d == 0, F(0), F(1) / d).astype(F)


def pack(d, *rest):
    return np.concatenate([d.astype("<f2").view(np.uint8), *rest], axis=1)


def write_q4_0(x):
    d = greatest(x) / F(-8)
    q = np.minimum(15, np.trunc(x * inverse(d) + F(8.5)).astype(np.uint8))
    return pack(d, q[:, :16] | q[:, 16:] << 4)


def write_q5_0(x):
    d = greatest(x) / F(-16)
    q = np.minimum(31, np.trunc(x * inverse(d) + F(16.5)).astype(np.uint8))
    return pack(d, np.packbits(q >> 4, axis=1, bitorder="little"), (q[:, :16] & 15) | (q[:, 16:] & 15) << 4)


def write_q8_0(x):
    d = np.abs(greatest(x)) / F(127)
    v = x * inverse(d)
    q = (np.sign(v) * np.floor(np.abs(v) + F(0.5))).astype(np.int8)  # halves go away from zero
    return pack(d, q.view(np.uint8))


TYPES = {  # bytes of a block, elements, places of binary16 numbers
    "F16": (2, 1, [], read_f16, None), "BF16": (2, 1, [], read_bf16, None),
    "Q4_0": (18, 32, [0], read_q4_0, write_q4_0), "Q5_0": (22, 32, [0], read_q5_0, write_q5_0),
    "Q8_0": (34, 32, [0], read_q8_0, write_q8_0), "Q4_K": (144, 256, [0, 2], read_q4_k, None),
    "Q5_K": (176, 256, [0, 2], read_q5_k, None), "Q6_K": (210, 256, [208], read_q6_k, None)}


def main():
    random = np.random.default_rng(11)
    out = {}
    for name, (size, elements, places, read, write) in TYPES.items():
        count = 64 if elements == 1 else 4 if elements == 32 else 3
        blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
        for place in places:
            blocks[:, place:place + 2] = random.normal(0, 0.1, (count, 1)).astype("<f2").view(np.uint8)
        if elements == 1:
            blocks = random.normal(0, 3, (count, 1)).astype("<f2").view(np.uint8)
        values = read(blocks)
        out[name] = {"blocks": blocks.tobytes().hex(), "values": values.astype("<f4").tobytes().hex()}
        if write:
            x = random.normal(0, 1, (6, elements)).astype(F)
            x[4] = 0
            x[5] = x[5] * F(1e-3)
            out[name] |= {"numbers": x.astype("<f4").tobytes().hex(), "written": write(x).tobytes().hex()}
        if "--check" in sys.argv:
            import gguf
            kind = getattr(gguf.GGMLQuantizationType, name)
            theirs = gguf.quants.dequantize(blocks, kind)
            assert np.array_equal(theirs.reshape(values.shape), values), name
            if write:
                assert np.array_equal(gguf.quants.quantize(x, kind), write(x)), name
            print(name, "the same as gguf", getattr(gguf, "__version__", ""))
    path = pathlib.Path(__file__).with_name("quant.json")
    path.write_text(json.dumps(out, indent=1) + "\n")


main()
