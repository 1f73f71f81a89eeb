"""What fits with default epochs take beside these, and what predicting many rows takes of memory.

    python benchmarks/speed/fit.py [--quick]

A record per data set and number of time steps: how many times its epochs' seconds a fit takes,
with the seconds that went into learning the code and into the initial activity. One fit of each is
done before, so that nothing is compiled meanwhile. Then the memory that `predict` of a million rows
takes above what there was before, data included, in a process of its own. Let nothing else run
meanwhile; ``--quick`` does each once, predicts a tenth of the rows, and writes nothing.
"""

import argparse
import cProfile
import pstats
import subprocess
import sys
import time

import numpy as np
import speed
from sklearn import datasets

import snnlab

PARTS = {"code": ("learn_code", "image_code"), "activity": ("scale_to_activity",)}
STEPS, COLUMNS = (20, 1000), 20
PREDICT = """
import resource, sys, numpy as np, snnlab
rng = np.random.default_rng(0)
x, y = rng.normal(size=(int(sys.argv[1]), int(sys.argv[2]))), rng.integers(0, 2, 500)
model = snnlab.SpikingClassifier(epochs=2, random_state=0).fit(x[:500], y)
model.predict(x[:5000])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert len(model.predict(x)) == len(x)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


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
    """Seconds of a fit, of its epochs, and of parts of the rest; the number of epochs."""
    model = snnlab.SpikingClassifier(n_steps=n_steps, random_state=0)
    profile = cProfile.Profile()
    began = time.perf_counter()
    profile.runcall(model.fit, x, y)
    taken = time.perf_counter() - began
    return taken, sum(model.history_.seconds), len(model.history_.seconds), parts_of(profile)


def fits(report, rounds):
    """A record per set and number of steps."""
    rows = []
    for n_steps in STEPS:
        for name, (x, y) in the_sets().items():
            snnlab.SpikingClassifier(n_steps=n_steps, epochs=1, random_state=0).fit(x, y)
            runs = [measure(x, y, n_steps) for _ in range(rounds)]
            ratios = [taken / inside for taken, inside, _, _ in runs]
            taken, inside, epochs, parts = runs[int(np.argmin(ratios))]
            about = {"n_steps": n_steps, "epochs": epochs, "fit_s": taken, "epochs_s": inside}
            about |= {f"{part}_s": seconds for part, seconds in parts.items()}
            report.record("fit_per_epochs", ratios, name, **about)
            seconds = [f"{s:.3f}" for s in (taken, inside, *parts.values())]
            rows.append((name, n_steps, epochs, *seconds, f"{np.median(ratios):.3f}"))
    head = "data", "steps", "epochs", "fit (s)", "its epochs (s)", *(f"{p} (s)" for p in PARTS)
    report.table((*head, "times its epochs"), rows)


def predicting(report, n):
    """Memory above the data of predicting n rows, in GB."""
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, str(n), str(COLUMNS)],
        capture_output=True,
        text=True,
        check=True,
    )
    gigabytes = int(done.stdout) * 1024 / 1e9
    report.record("gigabytes_above_data", gigabytes, "predict", rows=n, columns=COLUMNS)
    report.text(f"predict of {n:,} x {COLUMNS}: {gigabytes:.3f} GB above the data")


def main():
    """Measure all, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="rough, and stores nothing")
    options = parser.parse_args()
    report = speed.Report("python benchmarks/speed/fit.py" + " --quick" * options.quick)
    fits(report, 1 if options.quick else 3)
    predicting(report, 100_000 if options.quick else 1_000_000)
    if not options.quick:
        report.store("fit")


if __name__ == "__main__":
    main()
