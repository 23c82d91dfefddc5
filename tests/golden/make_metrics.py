#!/usr/bin/env python3
"""Writes metrics.json: what sacrebleu says of sentences made here, and of Multi30K's test set under changes that
test_metrics_golden.c makes too; Unicode's classes and lower case as Python has them; error rates and alignment error rates by
plain algorithms.

Needs sacrebleu 2.6.0, regex and RAPT_DATA. Usage: make_metrics.py > tests/golden/metrics.json
"""
import functools, gzip, json, os, random, unicodedata
import regex
import sacrebleu.metrics.ter
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu import significance
from sacrebleu.significance import PairedTest

# Many cases ask for the same edits again: most of the time would go there.
edit_rate = sacrebleu.metrics.ter.translation_edit_rate
remembered = functools.lru_cache(None)(lambda hyp, ref: edit_rate(list(hyp), list(ref)))
sacrebleu.metrics.ter.translation_edit_rate = lambda hyp, ref: remembered(tuple(hyp), tuple(ref))

rng = random.Random(7)
NOUNS = "dog woman river market bicycle window teacher ball train garden horse bridge kitchen crowd guitar lamp".split()
VERBS = "carries watches paints crosses holds repairs follows greets throws cleans".split()
PLACES = "near the harbour,under a tree,in front of the station,at 7:45,on a red bench,behind the old mill".split(",")
LOOKS = "old young tall smiling tired blue wooden small".split()
ENDS = [".", ".", ".", "!", "?", " .", "...", ""]


def sentence():
    words = [rng.choice(["A", "The", "Two", "Some"]), rng.choice(LOOKS), rng.choice(NOUNS), rng.choice(VERBS), "a",
             rng.choice(LOOKS), rng.choice(NOUNS)]
    if rng.random() < 0.6:
        words.append(rng.choice(PLACES))
    if rng.random() < 0.3:
        words.append(rng.choice(["while the " + rng.choice(NOUNS) + " sleeps", "and, it seems, 3.5 km away", "for $1,250.99",
                                 "(or so they say)", "with \"great\" care", "in 2016-17", "at the dog's side"]))
    return " ".join(words) + rng.choice(ENDS)


def changed(line):
    """A few edits; a block moved; sometimes another sentence or none."""
    words = line.split(" ")
    for _ in range(rng.randrange(4)):
        i = rng.randrange(len(words))
        what = rng.randrange(4)
        if what == 0 and len(words) > 1:
            del words[i]
        elif what == 1:
            words.insert(i, rng.choice(LOOKS))
        elif what == 2:
            words[i] = rng.choice(NOUNS)
        else:
            words[i] = words[i].swapcase()
    if rng.random() < 0.4 and len(words) > 4:
        i, n, j = rng.randrange(len(words)), rng.randrange(1, 4), rng.randrange(len(words))
        block, rest = words[i:i + n], words[:i] + words[i + n:]
        words = rest[:j] + block + rest[j:]
    line = " ".join(words)
    return sentence() if rng.random() < 0.05 else line


EDGES = [  # hypothesis, reference
    ("", "An empty hypothesis."), ("An empty reference.", ""), ("", ""), (" ", "."), ("a", "a"), ("a b", "a b"),
    ("a b c", "a b c d"), ("the the the the", "the cat"), ("  leading and trailing  ", "leading and trailing"),
    ("tab\there\u00a0and\u3000there\u2009now\u200bjoined", "tab here and there now\u200bjoined"),
    ("&quot;Quoted&quot; &amp;amp; &lt;b&gt;", "\"Quoted\" &amp; <b>"), ("It's the dogs' 's -- 5-6 end's", "Its the dogs 5 - 6"),
    ("1,000.50 -5 5- 3.,4 .5 5. ,,, a.b,c", "1000.50 - 5 5 3 .4"), ("<skipped> line <skipped>", "line"),
    ("[x] {y} (z) ~a^b_c|d\\e/f=g+h*i#j@k%l$m!n?o;p:q<r>s`t", "[ x ] { y } ( z )"),
    ("Größe ÄÖÜ ß ẞ İstanbul ΣΊΣΥΦΟΣ ΟΔΟΣ. Σ ΑΣ' ΑΣ'Α", "größe äöü SS i̇stanbul σίσυφος οδος. σ ας' ασ'α"),
    ("«Ça va?» — dit-il… €5 ½ ² Ⅷ x² 5½%", "« Ça va ? » — dit-il ... 5 € ½"), ("٣٫٥ १२,३ ３．５，６", "٣,٥ १२.३ 3.5,6"),
    ("我喜欢红色的自行车。今天3.5公里，走吧！", "我喜歡紅色自行車，今天3.5公里。走！"), ("彼は「カメラ」を持っている。ｶﾒﾗ･2台", "彼はカメラを2台持っている。"),
    ("그는 2대의 카메라를 가지고 있다.", "그는 카메라 2대를 갖고 있다."), ("→ ⇒ ∑ ☂ ✓ ㎞ ㈱ ︰ ﹏ 𠀀𠀁 㐀 豈 ⼀ ⿰ ㇀ ㄅ ㆠ", "→ ∑ ☃ ㎞ 𠀀 㐀 豈 ⼀"),
    ("👩‍👩‍👧 smiles 👍🏽!!", "👩‍👩‍👧 smiles 👍!"), ("e\u0301 é x\u0323\u0307", "é e\u0301 x\u0307\u0323"), ("\ufeffmark a\u0000b", "mark a\u0000b"),
    (". start 5 . , end ,", ".start 5., end,"), ("'s 's' 's", "s"), ("“it's” ‘so’ x.’ (hi) (a b) -x- ...", "\"it's\" 'so' x . ' ( hi )"),
    ("b c d e f a", "a b c d e f"), ("d e f a b c x y z", "a b c d e f x y z"), ("c b a c b a c b a", "a b c a b c a b c"),
    ("w " * 60 + "end", "w " * 20 + "end"), ("x y " * 30, "y x " * 30),
    (" ".join(str(i) for i in range(90)), " ".join(str(i) for i in range(60, 90)) + " " + " ".join(str(i) for i in range(60))),
    (" ".join(str(i % 7) for i in range(150)), " ".join(str(i * 3 % 7) for i in range(140))),
    ("one two", " ".join(str(i) for i in range(130)) + " one two"), (" ".join(str(i) for i in range(130)) + " one two", "one two"),
    (" ".join(str(i * i % 11) for i in range(70)), " ".join(str(i * i * i % 11) for i in range(75))),
    # TER tokenizes references twice, which is not the same as once
    ("x . . 5 end's.", "x..5 (.,5 end's."), ("a , , 5 dog 's we 's", "a,,5 dog's we's,"), (" .5 leads", ".5 leads"),
    # a block of ten words, and of eleven, behind thirty others
    *[(" ".join("m%d" % i for i in range(n)) + " " + " ".join("s%d" % i for i in range(30)),
       " ".join("s%d" % i for i in range(30)) + " " + " ".join("m%d" % i for i in range(n))) for n in (9, 10, 11)],
    # common words that lie k places off the diagonal
    *[(" ".join("h%d" % i for i in range(k)) + " " + " ".join("c%d" % i for i in range(60)),
       " ".join("c%d" % i for i in range(60)) + " " + " ".join("r%d" % i for i in range(k))) for k in (23, 24, 25, 26)],
    *[(" ".join("c%d" % i for i in range(60)) + " " + " ".join("r%d" % i for i in range(k)),
       " ".join("h%d" % i for i in range(k)) + " " + " ".join("c%d" % i for i in range(60))) for k in (23, 24, 25, 26)],
    ("zwei Hunde spielen im Park mit einem Ball und ein Mann sieht zu", "ein Mann sieht zu und zwei Hunde spielen mit einem Ball im Park"),
]


def sets():
    plain = [sentence() for _ in range(60)]
    long = [" ".join(sentence() for _ in range(6)) for _ in range(8)]
    return {
        "made": ([changed(l) for l in plain], [plain, [changed(l) for l in plain], [changed(l) for l in plain]]),
        "edges": ([h for h, _ in EDGES], [[r for _, r in EDGES], [h[::-1] for h, _ in EDGES]]),
        "long": ([changed(changed(changed(l))) for l in long], [long]),
        "search": tuple(f(["".join(rng.choice("abcdefghi") + " " for _ in range(rng.randrange(18, 45))) for _ in range(80)])
                        for f in (lambda h: h, lambda r: [r])),
        "lines": (["one-\ntwo\nthree\n-four 's\nfive's"], [["onetwo three -\nfour five 's"]]),
        "short": (["a b", "c"], [["a b", "c d"]]),
        "none": (["a b c", "d e"], [["f g h", "i j"]]),
        "empty": (["", ""], [["a b", "c"]]),
    }


def fnv(text):
    h = 14695981039346656037
    for byte in text.encode("utf-8"):
        h = ((h ^ byte) * 1099511628211) & (2**64 - 1)
    return "%016x" % h


def make(kind, options):
    return {"bleu": BLEU, "chrf": CHRF, "ter": TER}[kind](**options)


def case(name, kind, options, hyps, refs, sentences=True):
    metric = make(kind, options)
    score = metric.corpus_score(hyps, refs)
    signature = str(metric.get_signature())
    one = {"set": name, "metric": kind, "options": options, "references": len(refs), "score": score.score,
           "line": score.format(signature=signature), "plain": score.format(width=4)}
    if sentences:
        if kind == "bleu":
            metric = make(kind, dict(options, effective_order=True))
        scores = [metric.sentence_score(h, list(r)) for h, *r in zip(hyps, *refs)]
        one["sentences"] = [float("%.12g" % s.score) for s in scores]
        one["sentence_lines"] = fnv("".join(s.format(signature=str(metric.get_signature())) + "\n" for s in scores))
    return one


BLEUS = [{}, {"lowercase": True}, {"tokenize": "none"}, {"tokenize": "intl"}, {"tokenize": "char"}, {"tokenize": "zh"},
         {"tokenize": "intl", "lowercase": True}, {"smooth_method": "none"}, {"smooth_method": "floor"},
         {"smooth_method": "floor", "smooth_value": 0.5}, {"smooth_method": "add-k"},
         {"smooth_method": "add-k", "smooth_value": 0.25}, {"effective_order": True}, {"max_ngram_order": 2}]
CHRFS = [{}, {"word_order": 2}, {"word_order": 1, "lowercase": True}, {"whitespace": True}, {"eps_smoothing": True},
         {"word_order": 2, "eps_smoothing": True, "whitespace": True}, {"beta": 1}, {"beta": 3, "char_order": 4}]
TERS = [{}, {"case_sensitive": True}, {"normalized": True}, {"no_punct": True}, {"normalized": True, "no_punct": True},
        {"normalized": True, "asian_support": True}, {"no_punct": True, "asian_support": True},
        {"normalized": True, "no_punct": True, "asian_support": True, "case_sensitive": True}]


def cases(texts):
    out = []
    for name, (hyps, refs) in texts.items():
        counts = sorted({1, len(refs)})
        every = (("bleu", BLEUS), ("chrf", CHRFS), ("ter", TERS))
        for kind, settings in (("ter", [{}]),) if name == "search" else every:
            for options in settings:
                for n in counts:
                    out.append(case(name, kind, options, hyps, refs[:n]))
    return out


def dropped(line):
    """Every fifth word left out, the last two moved to the front; test_metrics_golden.c does the same."""
    words = [w for i, w in enumerate(line.split(" ")) if i % 5 != 4]
    return " ".join(words[-2:] + words[:-2])


def multi30k():
    def read(language):
        path = os.environ["RAPT_DATA"] + "/multi30k/raw/test_2016_flickr.%s.gz" % language
        return [l.rstrip() for l in gzip.open(path, "rt", encoding="utf-8", newline="\n")]
    de, en, fr = read("de"), read("en"), read("fr")
    out = []
    for name, hyps, refs in (("dropped", [dropped(l) for l in de], [de]), ("english", en, [de]), ("two", [dropped(l) for l in fr], [fr, de])):
        for kind, options in (("bleu", {}), ("bleu", {"tokenize": "intl", "lowercase": True}), ("chrf", {}),
                              ("chrf", {"word_order": 2}), ("ter", {}), ("ter", {"normalized": True, "no_punct": True})):
            out.append(case(name, kind, options, hyps, refs, sentences=False))
    return out


def comparisons(texts):
    """Paired tests with numpy's random numbers: rapt's agree within sampling error. p_ties counts differences as large as
    the one that is seen too, as rapt does; the same where there are none, as in BLEU and chrF."""
    def with_ties(stats, difference):
        return ((stats >= difference - 1e-9).sum().item() + 1) / (len(stats) + 1)
    hyps, refs = texts["made"]
    systems = [("a", hyps), ("b", refs[1]), ("c", refs[2])]
    out = []
    for test, samples in (("bs", 4000), ("ar", 4000)):
        metrics = {"BLEU": BLEU(references=refs[:1]), "CHRF": CHRF(references=refs[:1]), "TER": TER(references=refs[:1])}
        _, scores = PairedTest(systems, metrics, None, test_type=test, n_samples=samples)()
        original, significance._compute_p_value = significance._compute_p_value, with_ties
        _, tied = PairedTest(systems, metrics, None, test_type=test, n_samples=samples)()
        significance._compute_p_value = original
        for metric, name in (("bleu", "BLEU"), ("chrf", "chrF2"), ("ter", "TER")):
            out.append({"test": test, "samples": samples, "metric": metric, "options": {}, "systems": [
                {k: None if v is None else float(v) for k, v in (("score", r.score), ("mean", r.mean), ("interval", r.ci),
                                                                ("p", r.p_value), ("p_ties", t.p_value))}
                for r, t in zip(scores[name], tied[name])]})
    return out


def runs(wanted):
    """[first, last, first, last, …] of the code points that Python's Unicode has and for which it holds."""
    out = []
    for c in range(0x110000):
        if unicodedata.category(chr(c)) in ("Cn", "Cs") or not wanted(chr(c)):
            continue
        if out and out[-1] == c - 1:
            out[-1] = c
        else:
            out += [c, c]
    return out


def unicode():
    lower = {}
    for c in range(0x110000):
        if unicodedata.category(chr(c)) not in ("Cn", "Cs") and chr(c).lower() != chr(c):
            lower[c] = [ord(x) for x in chr(c).lower()]
    return {"version": unicodedata.unidata_version, "assigned": runs(lambda c: True), "space": runs(str.isspace),
            "punctuation": runs(lambda c: regex.match(r"\p{P}", c)), "symbol": runs(lambda c: regex.match(r"\p{S}", c)),
            "number": runs(lambda c: regex.match(r"\p{N}", c)),
            "lower": [x for c, to in lower.items() if len(to) == 1 for x in (c, to[0])],
            # each capital sigma between characters of every kind that decides about its form
            "sigma": [[t, t.lower()] for a in ("", " ", "A", "a1", "a'", "ª.", "1", "\u0345", "\u2160", "ʰ", "中", "a\u0301", "-")
                      for b in ("", " ", "B", "'b", ".", "1b", "\u0301Σ", ":", "ⓐ", "ʰ ", "\u00ad", "🄰") for t in (a + "Σ" + b,)]}


def errors(hyp, ref):
    """Errors and substitutions of the alignment with the fewest errors, then the fewest substitutions."""
    h, r = hyp.split(), ref.split()
    best = {}
    for i in range(len(r) + 1):
        for j in range(len(h) + 1):
            ways = [(0, 0)] if i == j == 0 else []
            if i and j:
                e, s = best[i - 1, j - 1]
                wrong = int(r[i - 1] != h[j - 1])
                ways.append((e + wrong, s + wrong))
            if i:
                ways.append((best[i - 1, j][0] + 1, best[i - 1, j][1]))
            if j:
                ways.append((best[i, j - 1][0] + 1, best[i, j - 1][1]))
            best[i, j] = min(ways)
    return list(best[len(r), len(h)]) + [len(h), len(r)]


def alignments():
    """Random links and the error rate as its definition has it, over sets of pairs; file and figures."""
    gold, hyp = [], []
    sums = dict(links=0, sure=0, possible=0, correct_sure=0, correct_possible=0)
    for n in range(30):
        size = rng.randrange(1, 9)
        every = [(i, j) for i in range(size) for j in range(size)]
        sure = set(rng.sample(every, rng.randrange(min(len(every), 9))))
        possible = sure | set(rng.sample(every, rng.randrange(min(len(every), 5))))
        found = {l for l in possible if rng.random() < 0.7} | set(rng.sample(every, rng.randrange(2)))
        for name, value in (("links", found), ("sure", sure), ("possible", possible), ("correct_sure", found & sure),
                            ("correct_possible", found & possible)):
            sums[name] += len(value)
        links = ["%d-%d" % (i + 1, j + 1) for i, j in sure] + ["%dp%d" % (i + 1, j + 1) for i, j in possible]
        rng.shuffle(links)
        gold.append(" ".join(links))
        hyp.append(" ".join("%d-%d" % l for l in found))
    aer = 1 - (sums["correct_sure"] + sums["correct_possible"]) / (sums["links"] + sums["sure"])
    return dict(sums, gold="\n".join(gold) + "\n", hypothesis="\n".join(hyp) + "\n", aer=aer,
                precision=sums["correct_possible"] / sums["links"], recall=sums["correct_sure"] / sums["sure"])


def compact(value):
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def lines(values):
    return "[%s]" % ",\n".join(compact(v) for v in values)


texts = sets()
made = texts["made"]
out = {"sets": {k: {"hypotheses": h, "references": r} for k, (h, r) in texts.items()}, "cases": cases(texts),
       "multi30k": multi30k(), "comparisons": comparisons(texts), "unicode": unicode(),
       "errors": [errors(h, r) for h, r in zip(made[0], made[1][0])], "alignments": alignments()}
print("{%s}" % ",\n".join('"%s":%s' % (k, lines(v) if isinstance(v, list) else compact(v)) for k, v in out.items()))
