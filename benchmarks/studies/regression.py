"""Five tables of values: the regressor with its defaults against scikit-learn's, 5 x 5-fold.

    python benchmarks/studies/regression.py [--repeats 5] [--folds 5] [--sets diabetes] [--fresh]

`SpikingRegressor` gets columns and values as they are; `MLPRegressor` and `RidgeCV`, with their
defaults, get both from `StandardScaler`. Scores are R2, of several outputs their mean; no setting
differs among the sets. Folds that are in the file are kept, so a study that was stopped goes on.
How closely values are fitted, and by which currents, was chosen on folds of Friedman's three sets
and on the others that ``--fresh`` runs (nothing is written then).
"""

import argparse
import json
import os
import time
import warnings

import numpy as np
import studies
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import by_repeat, versions, write

import snnlab

PATH = studies.RESULTS / "regression.json"
MODELS = "ours", "mlp", "ridge"


def the_sets():
    """Features and values by name. Friedman's have the noise of his paper, about a third."""
    return {
        "diabetes": datasets.load_diabetes(return_X_y=True),
        "linnerud": datasets.load_linnerud(return_X_y=True),
        "friedman1": datasets.make_friedman1(500, noise=1.0, random_state=0),
        "friedman2": datasets.make_friedman2(500, noise=125.0, random_state=0),
        "friedman3": datasets.make_friedman3(500, noise=0.1, random_state=0),
    }


def fresh_sets():
    """Those on which rules were chosen."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(400, 8))
    skewed = np.exp(rng.normal(size=(400, 5)))
    bumps = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.5 * np.abs(x[:, 3])
    line = x @ rng.normal(size=(8, 2))
    few = rng.normal(size=(25, 3))
    return {
        "a line, 2 outputs": (x, line + rng.normal(size=line.shape)),
        "bumps": (x, bumps + 0.3 * rng.normal(size=400)),
        "skewed": (skewed, np.log(skewed).sum(axis=1) + 0.5 * rng.normal(size=400)),
        "25 rows": (few, few[:, 0] + few[:, 1] + rng.normal(size=25)),
        "30 rows of noise": (rng.normal(size=(30, 3)), rng.normal(size=(30, 2))),
        "20 features": datasets.make_regression(300, 20, n_informative=8, noise=60, random_state=3),
        "friedman1, no noise": datasets.make_friedman1(300, random_state=7),
        "friedman2, no noise": datasets.make_friedman2(300, random_state=7),
        "friedman3, no noise": datasets.make_friedman3(300, random_state=7),
    }


def models(seed):
    """The three, with their defaults."""

    def scaled(model):
        inner = make_pipeline(StandardScaler(), model)
        return TransformedTargetRegressor(inner, transformer=StandardScaler())

    ours = snnlab.SpikingRegressor(random_state=seed)
    others = scaled(MLPRegressor(random_state=seed)), scaled(RidgeCV())
    return dict(zip(MODELS, (ours, *others), strict=True))


def fold(x, y, folds, repeat, k):
    """R2 on one fold, and seconds of ours."""
    seen, held = list(KFold(folds, shuffle=True, random_state=repeat).split(x))[k]
    out = {}
    for name, model in models(repeat).items():
        began = time.perf_counter()
        out[name] = float(model.fit(x[seen], y[seen]).score(x[held], y[held]))
        if name == "ours":
            out |= {"seconds": time.perf_counter() - began, "code": model.code_.kind}
    return out


def record(name, runs, config, shape):
    """Means and their standard errors of one set."""
    columns = {m: np.array([run[m] for run in runs.values()]) for m in MODELS}
    errors = {m: float(x.std(ddof=1) / np.sqrt(len(x))) for m, x in columns.items()}
    return {
        "study": "regression",
        "metric": "R2",
        "label": name,
        "shape": list(shape),
        **by_repeat(runs),
        "paper": None,
        "paper_source": None,
        "paper_tag": "unverified",
        "mlp": float(columns["mlp"].mean()),
        "ridge": float(columns["ridge"].mean()),
        "standard_errors": errors,
        "codes": sorted({run["code"] for run in runs.values()}),
        "config": config,
        "command": "python benchmarks/studies/regression.py",
        "versions": versions(),
        "runs": runs,
    }


def main():
    """Run what is missing; a line per set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--fresh", action="store_true")
    args = parser.parse_args()
    if hasattr(os, "nice"):
        os.nice(10)
    warnings.simplefilter("ignore")  # MLPRegressor's, of epochs that do not suffice
    config = {"folds": args.folds, "defaults": snnlab.SpikingRegressor().get_params(deep=False)}
    config = json.loads(json.dumps(config))
    old = json.loads(PATH.read_text()) if PATH.exists() and not args.fresh else []
    done = {r["label"]: r["runs"] for r in old if r["config"] == config}
    records = {}
    for name, (x, y) in (fresh_sets() if args.fresh else the_sets()).items():
        runs = done.get(name, {})
        for repeat in range(args.repeats if not args.sets or name in args.sets else 0):
            for k in range(args.folds):
                if f"{repeat}-{k}" not in runs:
                    runs[f"{repeat}-{k}"] = fold(x, y, args.folds, repeat, k)
        if len(runs) < 2:
            continue
        r = records[name] = record(name, runs, config, x.shape)
        print(
            f"{name:20} ours {r['mean']:.3f}  mlp {r['mlp']:.3f}  ridge {r['ridge']:.3f} "
            f"{', '.join(r['codes'])}",
            flush=True,
        )
        if not args.fresh:
            write(PATH, records)
    means = [np.mean([r[m] for r in records.values()]) for m in ("mean", "mlp", "ridge")]
    print("mean of the sets: ours {:.3f}, mlp {:.3f}, ridge {:.3f}".format(*means))


if __name__ == "__main__":
    main()
