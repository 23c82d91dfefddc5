#!/usr/bin/env python3
"""Writes tests/golden/hmm.json with hmmlearn: models, data, likelihoods, posteriors, best paths, and rounds of Baum-Welch.

Priors are set so that hmmlearn maximizes the likelihood alone. Of mixtures one round is kept: hmmlearn takes covariances about
the old means; the square of the mean's way is subtracted here, which gives those about the new ones.
"""
import json
import pathlib
import warnings

import hmmlearn
import numpy as np
from hmmlearn import hmm

LENGTHS = [7, 1, 12, 30, 3]


def rows(rng, *shape):
    p = rng.dirichlet(np.full(shape[-1], 2.0), size=shape[:-1])
    return p / p.sum(-1, keepdims=True)


def chain(rng, n, left_right):
    start, step = rows(rng, n), rows(rng, n, n)
    if left_right:
        start = np.eye(n)[0]
        step = np.triu(step) - np.triu(step, 2)
        step /= step.sum(-1, keepdims=True)
    return start, step


def covariances(rng, shape, full):
    d = shape[-1]
    if not full:
        return rng.uniform(0.3, 2.0, size=shape)
    a = rng.normal(size=shape + (d,))
    return a @ np.swapaxes(a, -1, -2) / d + 0.5 * np.eye(d)


def common(model, x, rounds):
    out = {"score": model.score(x, LENGTHS), "posteriors": model.predict_proba(x, LENGTHS).ravel().tolist()}
    best, path = model.decode(x, LENGTHS, algorithm="viterbi")
    out["best"], out["path"] = best, path.tolist()
    _, path = model.decode(x, LENGTHS, algorithm="map")
    out["map"] = path.tolist()
    old = np.array(model.means_) if hasattr(model, "means_") else None
    model.fit(x, LENGTHS)
    out["rounds"], out["history"] = rounds, [float(v) for v in model.monitor_.history]
    assert len(out["history"]) == rounds, out["history"]
    out["after"] = {"start": model.startprob_.tolist(), "step": model.transmat_.ravel().tolist()}
    out["after_score"] = None if isinstance(model, hmm.GMMHMM) else model.score(x, LENGTHS)
    return out, old


def discrete(rng, n, symbols, left_right):
    model = hmm.CategoricalHMM(n, n_iter=5, tol=-np.inf, init_params="", params="ste", implementation="log",
                               n_features=symbols)
    model.startprob_, model.transmat_ = chain(rng, n, left_right)
    model.emissionprob_ = rows(rng, n, symbols)
    x = rng.integers(0, symbols, size=(sum(LENGTHS), 1))
    out = {"kind": "discrete", "states": n, "symbols": symbols, "x": x.ravel().tolist(),
           "start": model.startprob_.tolist(), "step": model.transmat_.ravel().tolist(),
           "emit": model.emissionprob_.ravel().tolist()}
    more, _ = common(model, x, 5)
    more["after"]["emit"] = model.emissionprob_.ravel().tolist()
    return out | more


def gaussian(rng, n, d, full, left_right):
    model = hmm.GaussianHMM(n, covariance_type="full" if full else "diag", n_iter=5, tol=-np.inf, init_params="",
                            params="stmc", covars_prior=0, covars_weight=0, implementation="log")
    model.n_features = d
    model.startprob_, model.transmat_ = chain(rng, n, left_right)
    model.means_ = rng.normal(size=(n, d))
    model.covars_ = covariances(rng, (n, d), full)
    x = 1.5 * rng.normal(size=(sum(LENGTHS), d))
    out = {"kind": "full" if full else "diagonal", "states": n, "dims": d, "parts": 1, "x": x.ravel().tolist(),
           "start": model.startprob_.tolist(), "step": model.transmat_.ravel().tolist(), "weight": [1.0] * n,
           "mean": model.means_.ravel().tolist(), "cov": np.array(model._covars_).ravel().tolist()}
    more, _ = common(model, x, 5)
    more["after"] |= {"weight": [1.0] * n, "mean": model.means_.ravel().tolist(),
                      "cov": np.array(model._covars_).ravel().tolist()}
    return out | more


def mixture(rng, n, m, d, full):
    model = hmm.GMMHMM(n, m, covariance_type="full" if full else "diag", n_iter=1, tol=-np.inf, init_params="",
                       params="stmcw", implementation="log")
    model.n_features = d
    model.startprob_, model.transmat_ = chain(rng, n, False)
    model.weights_, model.means_ = rows(rng, n, m), rng.normal(size=(n, m, d))
    model.covars_ = covariances(rng, (n, m, d), full)
    x = 1.5 * rng.normal(size=(sum(LENGTHS), d))
    out = {"kind": "full" if full else "diagonal", "states": n, "dims": d, "parts": m, "x": x.ravel().tolist(),
           "start": model.startprob_.tolist(), "step": model.transmat_.ravel().tolist(),
           "weight": model.weights_.ravel().tolist(), "mean": model.means_.ravel().tolist(),
           "cov": np.array(model.covars_).ravel().tolist()}
    more, old = common(model, x, 1)
    way = model.means_ - old
    cov = np.array(model.covars_) - (way[..., :, None] * way[..., None, :] if full else way ** 2)
    more["after"] |= {"weight": model.weights_.ravel().tolist(), "mean": model.means_.ravel().tolist(),
                      "cov": cov.ravel().tolist()}
    return out | more


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(253)
    cases = [discrete(rng, 3, 5, False), discrete(rng, 4, 3, True), gaussian(rng, 3, 2, False, False),
             gaussian(rng, 3, 3, True, False), gaussian(rng, 3, 2, False, True), mixture(rng, 2, 3, 2, False),
             mixture(rng, 2, 2, 3, True)]
    path = pathlib.Path(__file__).parent / "hmm.json"
    path.write_text(json.dumps({"hmmlearn": hmmlearn.__version__, "lengths": LENGTHS, "cases": cases}) + "\n")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
