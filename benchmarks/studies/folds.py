"""Estimators with their defaults over folds of given tables: what such studies share.

A study is run set by set, fold by fold; folds that are in its file are kept, so one that was
stopped goes on.
"""

import argparse
import json
import os
import platform
import time
import warnings

import numba
import numpy as np
import sklearn
import studies

import snnlab
from snnlab._files import write_atomically


def parser(doc):
    """Options that the studies share."""
    out = argparse.ArgumentParser(description=doc.split("\n")[0])
    out.add_argument("--repeats", type=int, default=5)
    out.add_argument("--folds", type=int, default=5)
    out.add_argument("--sets", nargs="+")
    return out


class Study:
    """A study of ours beside others.

    Parameters
    ----------
    name, metric : str
    models : callable
        Estimators by name for a seed, "ours" among them.
    splits : callable
        Indices of what is seen and held back: ``splits(x, y, folds, repeat)``.
    line : str
        How a set's record is printed, as a format.
    """

    def __init__(self, name, metric, models, splits, line):
        self.name, self.metric, self.models, self.splits, self.line = (
            name, metric, models, splits, line,
        )  # fmt: skip
        self.path = studies.RESULTS / f"{name}.json"

    def run(self, sets, args, trial):
        """Run what is missing, a line per set; nothing is written in a trial. Returns records."""
        if hasattr(os, "nice"):
            os.nice(10)
        warnings.simplefilter("ignore")  # scikit-learn's, of epochs that do not suffice
        defaults = self.models(0)["ours"].set_params(random_state=None).get_params(deep=False)
        config = json.loads(json.dumps({"folds": args.folds, "defaults": defaults}))
        done, records = {} if trial else self.stored(config), {}
        for name, (x, y) in sets.items():
            runs = done.get(name, {})
            for repeat in range(args.repeats if not args.sets or name in args.sets else 0):
                for k, (seen, held) in enumerate(self.splits(x, y, args.folds, repeat)):
                    if f"{repeat}-{k}" not in runs:
                        runs[f"{repeat}-{k}"] = self.fold(x, y, seen, held, repeat)
            if len(runs) < 2:
                continue
            records[name] = self.record(name, runs, config, x.shape)
            said = records[name] | {"codes": ", ".join(records[name]["codes"])}
            print(self.line.format(**said), flush=True)
            if not trial:
                write(self.path, records)
        return records

    def fold(self, x, y, seen, held, repeat):
        """Scores on one fold, and seconds of ours."""
        out = {}
        for name, model in self.models(repeat).items():
            began = time.perf_counter()
            out[name] = float(model.fit(x[seen], y[seen]).score(x[held], y[held]))
            if name == "ours":
                out |= {"seconds": time.perf_counter() - began, "code": model.code_.kind}
        return out

    def record(self, name, runs, config, shape):
        """Means and their standard errors of one set."""
        columns = {m: np.array([run[m] for run in runs.values()]) for m in self.models(0)}
        errors = {m: float(x.std(ddof=1) / np.sqrt(len(x))) for m, x in columns.items()}
        return {
            "study": self.name,
            "metric": self.metric,
            "label": name,
            "shape": list(shape),
            **by_repeat(runs),
            "paper": None,
            "paper_source": None,
            "paper_tag": "unverified",
            **{m: float(x.mean()) for m, x in columns.items() if m != "ours"},
            "standard_errors": errors,
            "codes": sorted({run["code"] for run in runs.values()}),
            "config": config,
            "command": f"python benchmarks/studies/{self.name}.py",
            "versions": versions(),
            "runs": runs,
        }

    def stored(self, config):
        """Runs by set that are in the file, if they are of this study."""
        old = json.loads(self.path.read_text()) if self.path.exists() else []
        return {r["label"]: r["runs"] for r in old if r["config"] == config}


def versions():
    """Of what the numbers may depend on."""
    return {
        "snnlab": snnlab.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "scikit-learn": sklearn.__version__,
    }


def by_repeat(runs):
    """Means of ours over the folds of each repeat, which is its seed; their mean and deviation."""
    seeds = sorted({int(key.split("-")[0]) for key in runs})
    values = [
        float(np.mean([run["ours"] for key, run in runs.items() if key.startswith(f"{seed}-")]))
        for seed in seeds
    ]
    sd = float(np.std(values, ddof=1)) if len(seeds) > 1 else None
    return {"seeds": seeds, "values": values, "mean": float(np.mean(values)), "sd": sd}


def write(path, records):
    """A file of records, whole or not at all."""
    text = json.dumps(list(records.values()), indent=1) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
