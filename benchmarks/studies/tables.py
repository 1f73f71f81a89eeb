"""Fourteen tables: the classifier with its defaults against scikit-learn's, 5 x 5-fold.

    python benchmarks/studies/tables.py [--repeats 5] [--folds 5] [--sets iris wine] [--others]

All sets ship with scikit-learn or are generated here. `SpikingClassifier` gets the columns as they
are; `MLPClassifier` and `LogisticRegression`, with their defaults, get them from `StandardScaler`.
No setting differs among the sets; but some rules behind the defaults (dropout) were chosen with
these sets in view, too. When a linear model does as well, and what is felt then, was chosen after
an earlier rule had been seen to fail on three of them, on generated sets that are not here (seeds
300, 700 and 900 of `generated`); that a logistic regression is among the linear models, and that a
kernel's decisions count, was found on folds of breast cancer, wine and digits; that less evidence
is asked for where there are more rows, on Fashion-MNIST at 8 x 8 pixels. Only sets that are in no
list are a fair test. Folds that are in the file are kept, so a study that was stopped goes on. With
``--others`` the sets are others on which the defaults were chosen, with ``--generated SEED``
generated ones; nothing is written then.
"""

import folds
import numpy as np
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import snnlab


def made(n_features, n_informative, n_classes, seed, n=1000):
    """Gaussian clusters at the corners of a cube, with columns of noise."""
    return datasets.make_classification(
        n,
        n_features,
        n_informative=n_informative,
        n_redundant=0,
        n_classes=n_classes,
        random_state=seed,
    )


def with_outliers(data, n=1, seed=0):
    """Some rows become a hundred times the largest values."""
    x, y = data[0].astype(float).copy(), data[1]
    x[np.random.default_rng(seed).choice(len(x), n, replace=False)] = 100 * x.max(axis=0)
    return x, y


def forest(n=1500, seed=0):
    """Integer columns of very different sizes and many of 0 and 1, like those of covtype."""
    rng = np.random.default_rng(seed)
    height, slope = rng.normal(2900, 300, n), rng.gamma(4, 3.5, n)
    side, water, road = rng.integers(0, 360, n), rng.exponential(250, n), rng.exponential(2000, n)
    shade = np.clip(220 - 2 * slope * np.cos(np.radians(side)) + rng.normal(0, 10, n), 0, 254)
    soil, area = rng.integers(0, 12, n), rng.integers(0, 4, n)
    kinds = np.hstack([soil[:, None] == np.arange(12), area[:, None] == np.arange(4)])
    x = np.column_stack([height, side, slope, water, road, shade, kinds]).round().astype(int)
    score = (height - 2900) / 300 + 0.4 * np.cos(np.radians(side)) + 0.3 * (soil % 3 - 1)
    score += 0.3 * (area == 2) - water / 800 + rng.normal(0, 0.35, n)
    return x, np.digitize(score, np.quantile(score, [0.3, 0.6, 0.85]))


def the_sets():
    """Features and labels by name."""
    iris, wine = datasets.load_iris(return_X_y=True), datasets.load_wine(return_X_y=True)
    return {
        "iris": iris,
        "wine": wine,
        "breast cancer": datasets.load_breast_cancer(return_X_y=True),
        "digits": datasets.load_digits(return_X_y=True),
        "moons": datasets.make_moons(500, noise=0.25, random_state=0),
        "circles": datasets.make_circles(500, noise=0.12, factor=0.5, random_state=0),
        "10 features": made(10, 6, 3, 0),
        "20 features": made(20, 10, 3, 1),
        "40 features": made(40, 40, 5, 2),
        "60 features": made(60, 30, 2, 3),
        "100 features": made(100, 20, 4, 4),
        "wine, one outlier": with_outliers(wine),
        "iris + 1e9": (iris[0] + 1e9, iris[1]),
        "integer columns": forest(),
    }


def other_sets():
    """Those on which defaults were chosen."""
    rng = np.random.default_rng(5)
    normal, bits = rng.normal(size=(800, 40)), (rng.random((800, 60)) < 0.3) * 1.0
    skewed, flat = np.exp(1.5 * rng.normal(size=(800, 12))), rng.random((800, 6))
    line = normal @ rng.normal(size=40) + 2 * rng.normal(size=800)
    few = bits[:, :20].sum(axis=1) + 0.7 * rng.normal(size=800)
    product = np.log(skewed[:, :6]).sum(axis=1) + rng.normal(size=800)
    return {
        "30 features": made(30, 15, 4, 11),
        "8 features": made(8, 8, 4, 13),
        "80 features, 300 rows": made(80, 20, 2, 14, n=300),
        "ten squares": datasets.make_hastie_10_2(1200, random_state=1),
        "shells": datasets.make_gaussian_quantiles(
            n_samples=1000, n_features=5, n_classes=3, random_state=2
        ),
        "blobs": datasets.make_blobs(600, 30, centers=6, cluster_std=9, random_state=3),
        "a plane": (normal, (line > 0).astype(int)),
        "bits": (bits, (few > 6).astype(int)),
        "log-normal": (skewed, (product > 0).astype(int)),
        "exclusive or": (flat, ((flat[:, 0] > 0.5) ^ (flat[:, 1] > 0.5)).astype(int)),
        "integer columns, 800": forest(800, 7),
        "ten outliers": with_outliers(made(24, 12, 3, 16), 10),
    }


def generated(seed):
    """Sets of which there are as many as seeds: clusters, shared factors, counts, answers."""
    kinds = (
        (30, 10, 2, 800),
        (30, 30, 4, 800),
        (45, 15, 3, 1000),
        (60, 60, 2, 1000),
        (50, 25, 2, 400),
    )
    sets = {}
    for i, (n_features, informative, n_classes, n) in enumerate((*kinds, (16, 4, 2, 600))):
        sets[f"clusters, {n_features} features, {informative} of use"] = (
            datasets.make_classification(
                n,
                n_features,
                n_informative=informative,
                n_redundant=(n_features - informative) // 2,
                n_classes=n_classes,
                class_sep=(1, 0.7, 1.3)[i % 3],
                flip_y=0.03,
                random_state=seed + i,
            )
        )
    sets["integer columns"] = forest(1500, seed + 50)
    sets["integer columns, 600 rows"] = forest(600, seed + 51)
    rng = np.random.default_rng(seed)
    factors = {"skewed factors": (500, 30, 2, 1.6), "13 factors": (180, 13, 3, 2.2)}
    for name, (n, d, n_classes, apart) in (factors | {"50 factors": (400, 50, 2, 1.0)}).items():
        y = rng.integers(0, n_classes, n)
        shared = rng.normal(size=(max(2, d // 5), d))
        means = rng.normal(size=(n_classes, d)) * apart / np.sqrt(d) * 2
        x = means[y] + rng.normal(size=(n, len(shared))) @ shared + 0.5 * rng.normal(size=(n, d))
        x *= np.exp(2 * rng.normal(size=d))
        sets[name] = (np.exp(x / x.std(axis=0) / 2) if name == "skewed factors" else x), y
    rates, y = rng.gamma(2, 2, (3, 25)), rng.integers(0, 3, 700)
    sets["counts"] = rng.poisson(rates.mean(axis=0) * 0.6 + 0.4 * rates[y]), y
    x = rng.integers(1, 6, (900, 20))
    score = x[:, :8] @ rng.normal(size=8) + 1.5 * rng.normal(size=900)
    sets["answers of 1 to 5"] = x, np.digitize(score, np.quantile(score, [0.33, 0.66]))
    return sets


def models(seed):
    """The three, with their defaults."""
    return {
        "ours": snnlab.SpikingClassifier(random_state=seed),
        "mlp": make_pipeline(StandardScaler(), MLPClassifier(random_state=seed)),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    }


def splits(x, y, n, repeat):
    """Folds that hold a share of each class."""
    return StratifiedKFold(n, shuffle=True, random_state=repeat).split(x, y)


LINE = (
    "{label:22} ours {mean:.1%}  mlp {mlp:.1%}  logistic {logistic:.1%} "
    "+- {standard_errors[logistic]:.1%}  {codes}"
)


def main():
    """Run what is missing; a line per set."""
    parser = folds.parser(__doc__)
    parser.add_argument("--others", action="store_true")
    parser.add_argument("--generated", type=int, metavar="SEED")
    args = parser.parse_args()
    sets = other_sets() if args.others else the_sets()
    sets = sets if args.generated is None else generated(args.generated)
    study = folds.Study("tables", "accuracy", models, splits, LINE)
    records = study.run(sets, args, trial=args.others or args.generated is not None)
    means = [np.mean([r[m] for r in records.values()]) for m in ("mean", "mlp", "logistic")]
    print("mean of the sets: ours {:.2%}, mlp {:.2%}, logistic {:.2%}".format(*means))


if __name__ == "__main__":
    main()
