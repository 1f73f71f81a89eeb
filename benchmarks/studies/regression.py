"""Five tables of values: the regressor with its defaults against scikit-learn's, 5 x 5-fold.

    python benchmarks/studies/regression.py [--repeats 5] [--folds 5] [--sets diabetes] [--fresh]

`SpikingRegressor` gets columns and values as they are; `MLPRegressor` and `RidgeCV`, with their
defaults, get both from `StandardScaler`. Scores are R2, of several outputs their mean; no setting
differs among the sets. Folds that are in the file are kept, so a study that was stopped goes on.
How closely values are fitted, and by which currents, was chosen on folds of Friedman's three sets
and on the others that ``--fresh`` runs (nothing is written then).
"""

import folds
import numpy as np
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import snnlab

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


def splits(x, y, n, repeat):
    """Folds of rows, shuffled."""
    return KFold(n, shuffle=True, random_state=repeat).split(x)


LINE = "{label:20} ours {mean:.3f}  mlp {mlp:.3f}  ridge {ridge:.3f} {codes}"


def main():
    """Run what is missing; a line per set."""
    parser = folds.parser(__doc__)
    parser.add_argument("--fresh", action="store_true")
    args = parser.parse_args()
    study = folds.Study("regression", "R2", models, splits, LINE)
    records = study.run(fresh_sets() if args.fresh else the_sets(), args, trial=args.fresh)
    means = [np.mean([r[m] for r in records.values()]) for m in ("mean", "mlp", "ridge")]
    print("mean of the sets: ours {:.3f}, mlp {:.3f}, ridge {:.3f}".format(*means))


if __name__ == "__main__":
    main()
