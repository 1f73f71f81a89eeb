"""What fits with default epochs take beside these: ``python benchmarks/speed/fit.py``.

A line per data set and number of time steps: seconds of the fit and of its epochs, their ratio, and
how many seconds of the rest went into learning the code and into the initial activity. One fit of
each is done before, so that nothing is compiled meanwhile.
"""

import argparse
import cProfile
import pstats
import time

from sklearn import datasets

import snnlab

PARTS = {"code": ("learn_code", "image_code"), "activity": ("scale_to_activity",)}


def the_sets():
    """Name, features and labels: images, tables, and one of few rows."""
    images = snnlab.datasets.load("digits16", progress=False)
    table = datasets.make_classification(1000, 40, n_informative=20, n_classes=3, random_state=0)
    return {
        "images, 1,437 x 256": (images.x_train, images.y_train),
        "a table, 1,797 x 64": datasets.load_digits(return_X_y=True),
        "a table, 1,000 x 40": table,
        "a table, 150 x 4": datasets.load_iris(return_X_y=True),
    }


def parts_of(profile):
    """Seconds in each of `PARTS`; one that calls another of its own name is counted once."""
    out = dict.fromkeys(PARTS, 0.0)
    for (path, _, function), (*_, seconds, _) in pstats.Stats(profile).stats.items():
        for part, names in PARTS.items():
            if function in names and "snnlab" in path:
                out[part] = max(out[part], seconds)
    return out


def measure(x, y, n_steps):
    """Seconds of a fit, of its epochs, and of parts of the rest."""
    model = snnlab.SpikingClassifier(n_steps=n_steps, random_state=0)
    profile = cProfile.Profile()
    began = time.perf_counter()
    profile.runcall(model.fit, x, y)
    taken = time.perf_counter() - began
    return taken, sum(model.history_.seconds), len(model.history_.seconds), parts_of(profile)


def main():
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, nargs="*", default=[20, 1000])
    for n_steps in parser.parse_args().steps:
        for name, (x, y) in the_sets().items():
            snnlab.SpikingClassifier(n_steps=n_steps, epochs=1, random_state=0).fit(x, y)
            taken, inside, epochs, parts = measure(x, y, n_steps)
            rest = ", ".join(f"{part} {seconds:.3f} s" for part, seconds in parts.items())
            told = f"fit {taken:.2f} s, {epochs} epochs {inside:.2f} s, ratio {taken / inside:.3f}"
            print(f"{name:20} {n_steps:5} steps: {told}; {rest}", flush=True)


if __name__ == "__main__":
    main()
