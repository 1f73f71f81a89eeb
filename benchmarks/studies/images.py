"""Few images: the classifier with its defaults against an MLP of the same size.

    python benchmarks/studies/images.py [--repeats 5] [--folds 5] [--sets digits]

Both get pixels in [0, 1] as they are; `MLPClassifier` has as many hidden units, and otherwise its
defaults. Of scikit-learn's digits there are 5 x 5 folds. Of MNIST and Fashion-MNIST each repeat
draws 5,000 training images anew, and tests on all 10,000 test images; epochs and dropout were
chosen on other training images of both, and on digits. Folds that are in the file are kept, so a
study that was stopped goes on.
"""

import folds
import numpy as np
from sklearn import datasets
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier

import snnlab

HIDDEN, DRAWN = 246, 5000


def the_sets():
    """Pixels in [0, 1] and labels by name; of MNIST and Fashion-MNIST the test images come last."""
    x, y = datasets.load_digits(return_X_y=True)
    sets = {"digits, 8 x 8": (x / 16, y)}
    names = {
        "digits16": "digits, 16 x 16",
        "mnist16": "5,000 of MNIST, 16 x 16",
        "fashion16": "5,000 of Fashion-MNIST, 16 x 16",
    }
    for name, title in names.items():
        data = snnlab.datasets.load(name, progress=False)
        images = np.concatenate([data.x_train, data.x_test])
        sets[title] = images, np.concatenate([data.y_train, data.y_test])
    return sets


def models(seed):
    """The two, with their defaults."""
    return {
        "ours": snnlab.SpikingClassifier(HIDDEN, random_state=seed),
        "mlp": MLPClassifier(HIDDEN, random_state=seed),
    }


def splits(x, y, n, repeat):
    """Folds that hold a share of each class; of 70,000 images some of the first 60,000."""
    if len(x) < 70_000:
        return list(StratifiedKFold(n, shuffle=True, random_state=repeat).split(x, y))
    drawn = np.random.default_rng(repeat).permutation(60_000)[:DRAWN]
    return [(drawn, np.arange(60_000, 70_000))]


LINE = "{label:32} ours {mean:.2%}  mlp {mlp:.2%}  {codes}"


def main():
    """Run what is missing; a line per set."""
    study = folds.Study("images", "accuracy", models, splits, LINE)
    study.run(the_sets(), folds.parser(__doc__).parse_args(), trial=False)


if __name__ == "__main__":
    main()
