#!/usr/bin/env python3
"""Makes tests/golden/g2p.txt: what the net of the package g2p-en (PyPI) pronounces words as: a word and its phonemes, a line each.

    python make_g2p.py FOLDER    # of the package: the one that has g2p.py and checkpoint20.npz

The package's own code computes them. What it imports for other things (sentences, numbers, parts of speech) stands empty here.
"""
import importlib.util
import pathlib
import sys
import types

WORDS = """a cat bird hello translation encoder decoder recurrent phrase probability zebra quixotic rhythm through thorough though
tough knight psychology xylophone queue colonel bourbon champagne jalapeño naïve o'clock rapt gated pyramid vector machine
neighbourhood antidisestablishmentarianism floccinaucinihilipilification blorptang snorgle wugs fnord zyzzyva mxyzptlk
copenhagen montreal kyunghyun multilingual sentences""".split()


def load(folder):
    nltk = types.ModuleType("nltk")
    nltk.pos_tag, nltk.data = None, types.SimpleNamespace(find=lambda path: path)
    corpus, tokenize, expand = (types.ModuleType(name) for name in ("nltk.corpus", "nltk.tokenize", "g2p_en.expand"))
    corpus.cmudict = types.SimpleNamespace(dict=dict)
    tokenize.TweetTokenizer = lambda: types.SimpleNamespace(tokenize=None)
    expand.normalize_numbers = None
    package = types.ModuleType("g2p_en")
    package.__path__ = [str(folder)]
    for module in (nltk, corpus, tokenize, expand, package):
        sys.modules[module.__name__] = module
    spec = importlib.util.spec_from_file_location("g2p_en.g2p", folder / "g2p.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.G2p()


def main():
    net = load(pathlib.Path(sys.argv[1]))
    lines = ["%s %s" % (word, " ".join(net.predict(word))) for word in WORDS]
    phonemes = " ".join(net.phonemes)
    pathlib.Path(__file__).with_name("g2p.txt").write_text("%s\n%s\n" % (phonemes, "\n".join(lines)))


if __name__ == "__main__":
    main()
