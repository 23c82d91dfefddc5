"""Philox4x32-10 (Salmon et al. 2011) and unbiased integers below a limit: the random numbers of src/base/rng.h.

With it a twin is judged by the very windows that `rapt train gpt` is judged by under the same seed."""

M32, M64 = (1 << 32) - 1, (1 << 64) - 1


def philox(key, high, low):
    counter = [low & M32, low >> 32, high & M32, high >> 32]
    k0, k1 = key & M32, key >> 32
    for _ in range(10):
        p0, p1 = counter[0] * 0xD2511F53, counter[2] * 0xCD9E8D57
        counter = [(p1 >> 32) ^ counter[1] ^ k0, p1 & M32, (p0 >> 32) ^ counter[3] ^ k1, p0 & M32]
        k0, k1 = (k0 + 0x9E3779B9) & M32, (k1 + 0xBB67AE85) & M32
    return counter


def below(seed, stream, index, limit):
    excess, key = (1 << 64) % limit, seed
    while True:
        w = philox(key, stream, index)
        for r in (w[0] | w[1] << 32, w[2] | w[3] << 32):
            if (r * limit) & M64 >= excess:
                return (r * limit) >> 64
        key = (key + 0x9E3779B97F4A7C15) & M64


if __name__ == "__main__":  # known answers published with Random123
    assert philox(0, 0, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox(M64, M64, M64) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    print("philox: both known answers agree")
