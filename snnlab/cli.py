"""The command ``snnlab`` (and ``python -m snnlab``): try, train, predict, copy the course.

snnlab demo                               train on digits, print the result, write a picture
snnlab train table.csv --target y         fit, print accuracies, save table.npz
snnlab predict table.npz new.csv          a prediction per row
snnlab doctor                             versions, threads, caches, data
snnlab notebooks ./course                 copy the course's notebooks
"""

import argparse
import csv
import importlib.util
import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from snnlab._extras import EXTRAS


def read_table(path, target=None):
    """A table of numbers with a line of names.

    Parameters
    ----------
    path : path
        Comma-separated values; a column other than the target must hold numbers.
    target : str, optional
        Name of a column that is set apart, as text.

    Returns
    -------
    names : list of str
    x : array of float64 (row, column)
    y : array of str (row,), or None without a target

    Raises
    ------
    ValueError
        Files that are no such table; the message names file, column and line.
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if len(rows) < 2:
        raise ValueError(f"{path} must hold a line of names and at least one row")
    names, rows = [name.strip() for name in rows[0]], rows[1:]
    if target is not None and target not in names:
        raise ValueError(f"target: {path} has no column {target!r}, but {', '.join(names)}")
    wanted = [k for k, name in enumerate(names) if name != target]
    x = np.empty((len(rows), len(wanted)))
    for i, row in enumerate(rows):
        if len(row) != len(names):
            raise ValueError(f"{path}, row {i + 1}: {len(row)} values for {len(names)} names")
        for j, k in enumerate(wanted):
            try:
                x[i, j] = float(row[k])
            except ValueError:
                raise ValueError(
                    f"{path}, row {i + 1}: column {names[k]!r} must hold numbers, not {row[k]!r}"
                ) from None
    y = None if target is None else np.array([row[names.index(target)].strip() for row in rows])
    return [names[k] for k in wanted], x, y


def train(arguments):
    """Fit a classifier to a table; print its accuracy beside a baseline's; save it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from snnlab.estimator import SpikingClassifier

    names, x, y = read_table(arguments.table, arguments.target)
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) > max(50, len(y) // 5):
        raise ValueError(
            f"target: {arguments.target!r} has {len(classes)} values: are they classes?"
        )
    split = train_test_split(
        x, y, test_size=0.25, random_state=0, stratify=y if counts.min() > 1 else None
    )
    x_train, x_test, y_train, y_test = split
    print(f"{len(y)} rows, {len(names)} columns, {len(classes)} classes; a quarter is for testing")
    model = SpikingClassifier(random_state=arguments.seed)
    baseline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    for name, one in (("spiking network", model), ("logistic regression", baseline)):
        print(f"{name:20}{100 * one.fit(x_train, y_train).score(x_test, y_test):6.1f} %")
    print(f"{'most frequent class':20}{100 * np.mean(y_test == classes[counts.argmax()]):6.1f} %")
    out = Path(arguments.out or Path(arguments.table).with_suffix(".npz").name)
    model.fit(x, y).save(out)
    print(f"saved: {out} (fitted to all rows)")


def predict(arguments):
    """Print a class per row of a table, or write them to a file."""
    from snnlab.estimator import SpikingClassifier

    model = SpikingClassifier.load(arguments.model)
    _, x, _ = read_table(arguments.table, arguments.target)
    said = "\n".join(map(str, model.predict(x))) + "\n"
    if arguments.out:
        Path(arguments.out).write_text(said, encoding="utf-8")
    else:
        print(said, end="")


def doctor(arguments):
    """Print what a report of a fault should hold, and what is missing."""
    import snnlab
    from snnlab._workers import worker_count
    from snnlab.datasets.fetch import cache_folder

    print(f"snnlab {snnlab.__version__} in {Path(snnlab.__file__).parent}")
    print(f"Python {platform.python_version()}, {platform.platform()}, {platform.machine()}")
    for name in ("numpy", "numba", "scikit-learn"):
        print(f"{name} {_version(name)}")
    for extra, parts in EXTRAS.items():
        missing = [name for name in parts if importlib.util.find_spec(name) is None]
        how = f"lacks {', '.join(missing)}: pip install 'snnlab[{extra}]'" if missing else "is here"
        print(f"extra {extra} {how}")
    own = os.environ.get("SNNLAB_WORKERS")
    print(f"threads: {worker_count()}" + (f" (SNNLAB_WORKERS={own})" if own else ""))
    print(
        f"kernels: compiled or loaded in {snnlab.warm_up(verbose=False):.1f} s, kept in "
        f"{_kernel_cache()}"
    )
    print(f"data: SNNLAB_DATA={os.environ.get('SNNLAB_DATA', '(not set)')}, cache {cache_folder()}")


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "is missing"


def _kernel_cache():
    """The folder of compiled kernels, or that there is none."""
    from snnlab.kernels import lif

    return getattr(lif.integrate.stats, "cache_path", None) or "no folder (set NUMBA_CACHE_DIR)"


def notebooks(arguments):
    """Copy the course into a folder; files that are there already stay as they are."""
    import snnlab

    inside = Path(snnlab.__file__).parent
    found = [p for p in (inside / "_notebooks", inside.parent / "notebooks") if p.is_dir()]
    if not found:
        raise ValueError("this installation has no notebooks")
    folder = Path(arguments.folder).expanduser()
    copied = kept = 0
    for path in sorted(found[0].rglob("*")):
        part = path.relative_to(found[0])
        if path.is_dir() or any(name.startswith((".", "__")) for name in part.parts):
            continue
        target = folder / part
        if target.exists():
            kept += 1
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        copied += 1
    print(f"{copied} files copied to {folder}" + f", {kept} there already" * bool(kept))
    print(f"next: jupyter lab {folder / '00_start_here.ipynb'}")


def demo(arguments):
    """Train on the default digits."""
    from snnlab import demo

    demo.run(arguments.epochs, arguments.out)


def parser():
    """The command's arguments."""
    import snnlab

    top = argparse.ArgumentParser(prog="snnlab", description="Spiking networks, interactively.")
    top.add_argument("--version", action="version", version=f"snnlab {snnlab.__version__}")
    commands = top.add_subparsers(title="commands", required=True)

    def command(run, about):
        sub = commands.add_parser(run.__name__, help=about, description=about)
        sub.set_defaults(run=run)
        return sub

    sub = command(demo, "train on digits, print the result, write a picture")
    sub.add_argument("--epochs", type=int)
    sub.add_argument("--out", default="snnlab-demo.png")
    sub = command(train, "fit a classifier to a table, print accuracies, save it")
    sub.add_argument("table", help="comma-separated values with a line of names")
    sub.add_argument("--target", required=True, help="name of the column of classes")
    sub.add_argument("--out", help="where the model goes; by default the table's name with .npz")
    sub.add_argument("--seed", type=int, default=0)
    sub = command(predict, "classes of a table's rows, by a model that train saved")
    sub.add_argument("model")
    sub.add_argument("table")
    sub.add_argument("--target", help="a column to leave out")
    sub.add_argument("--out", help="a file for them; by default they are printed")
    command(doctor, "say what is installed, and where things are kept")
    sub = command(notebooks, "copy the course's notebooks into a folder")
    sub.add_argument("folder", nargs="?", default="snnlab-course")
    return top


def main(argv=None):
    """Run the command; errors of the user's are told in a line.

    Returns
    -------
    int
        Exit code.
    """
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (OSError, TypeError, ValueError) as fault:
        print(f"snnlab: {fault}", file=sys.stderr)
        return 2
    return 0
