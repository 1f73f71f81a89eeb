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
import math
import os
import platform
import sys
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from snnlab import _check
from snnlab._extras import EXTRAS
from snnlab._files import check_writable, write_atomically

SHOWN = 10  # names in a message


def read_table(path, target=None):
    """A table of numbers with a line of names, all different.

    Parameters
    ----------
    path : path
        Comma-separated values; a column other than the target must hold numbers.
    target : str, optional
        Name of a column of classes that is set apart, as text; none may be missing.

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
    names, rows = _lines(path)
    wanted = _all_but(target, path, names)
    y = None if target is None else _classes(path, names.index(target), target, rows)
    return [names[k] for k in wanted], _numbers(path, names, rows, wanted), y


def _lines(path):
    """Names of a table's columns, all different, and its rows, as text."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            rows = [row for row in reader if row]
    except csv.Error as fault:
        raise ValueError(f"{path}, line {reader.line_num}: {fault}") from None
    except UnicodeDecodeError as fault:
        raise ValueError(f"{path} must be text in UTF-8: {fault}") from None
    if len(rows) < 2:
        raise ValueError(f"{path} must hold a line of names and at least one row")
    names, rows = [name.strip() for name in rows[0]], rows[1:]
    _refuse_doubles(path, names)
    for i, row in enumerate(rows):
        if len(row) != len(names):
            raise ValueError(f"{path}, row {i + 1}: {len(row)} values for {len(names)} names")
    return names, rows


def _refuse_doubles(path, names):
    doubles = [name for name, n in Counter(names).items() if n > 1]
    if doubles:
        raise ValueError(f"{path} has more than one column {_listed(map(repr, doubles))}")


def _listed(names):
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _all_but(target, path, names):
    """Positions of the columns other than the target."""
    if target is not None and target not in names:
        raise ValueError(f"target: {path} has no column {target!r}, but {_listed(names)}")
    wanted = [k for k, name in enumerate(names) if name != target]
    if not wanted:
        raise ValueError(f"{path} must have a column other than the target")
    return wanted


def _classes(path, k, name, rows):
    """A column, by position, as text."""
    y = [row[k].strip() for row in rows]
    if "" in y:
        where = f"{path}, row {y.index('') + 1}: column {name!r}"
        raise ValueError(f"{where} must hold a class, not {rows[y.index('')][k]!r:.60}")
    _refuse_lines(f"{path}: column {name!r}:", y)
    return np.array(y)


def _refuse_lines(what, classes):
    """Refuse classes of several lines: a prediction is a line."""
    several = [name for name in classes if len(str(name).splitlines()) > 1]
    if several:
        raise ValueError(f"{what} must have classes of one line, not {str(several[0])!r:.60}")


def _numbers(path, names, rows, wanted):
    """Some columns, by position, as float64 (row, column)."""
    x = np.empty((len(rows), len(wanted)))
    for i, row in enumerate(rows):
        for j, k in enumerate(wanted):
            try:
                x[i, j] = float(row[k])
                # Python reads 1_000, and the digits of all scripts, too
                if not math.isfinite(x[i, j]) or "_" in row[k] or not row[k].strip().isascii():
                    raise ValueError
            except ValueError:
                where = f"{path}, row {i + 1}: column {names[k]!r}"
                raise ValueError(f"{where} must hold numbers, not {row[k]!r:.60}") from None
    return x


def _place(out, *inputs):
    """The path of a file that can be written, which is seen before there is work to be lost.

    What is read, ``inputs``, is not written over.
    """
    path = _check.path("--out", out)
    check_writable("--out", path)
    for given in map(Path, inputs):
        if path.exists() and given.exists() and path.samefile(given):
            raise ValueError(f"--out must be another file: {path} is read, and would be lost")
    return path


def train(arguments):
    """Fit a classifier to a table; print its accuracy beside a baseline's; save it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from snnlab.estimator import SpikingClassifier

    seed = _check.integer("--seed", arguments.seed, 0, 2**32 - 1)
    names, x, y = read_table(arguments.table, arguments.target)
    x_train, x_test, y_train, y_test = _split(x, y, arguments.target)
    out = arguments.out
    out = Path(arguments.table).with_suffix(".npz").name if out is None else out
    out = _place(out, arguments.table)
    classes, counts = np.unique(y, return_counts=True)
    print(f"{len(y)} rows, {len(names)} columns, {len(classes)} classes; a quarter is for testing")
    model = SpikingClassifier(random_state=seed)
    baseline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    for name, one in (("spiking network", model), ("logistic regression", baseline)):
        print(f"{name:20}{100 * _fitted(one, x_train, y_train).score(x_test, y_test):6.1f} %")
    print(f"{'most frequent class':20}{100 * np.mean(y_test == classes[counts.argmax()]):6.1f} %")
    _fitted(model, x, y)
    model.feature_names_in_ = np.array(names, dtype=object)  # as if x had been a data frame
    model.save(out)
    print(f"saved: {out} (fitted to all rows)")


def _fitted(model, x, y):
    """A model, fitted; an interrupt, which a spiking one only ends early for, goes on."""
    model.fit(x, y)
    if getattr(model, "history_", None) and model.history_.interrupted:
        raise KeyboardInterrupt
    return model


def _split(x, y, target):
    """Rows to learn from and rows to test, a quarter, if there are classes to be told apart."""
    from sklearn.model_selection import train_test_split

    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise ValueError(
            f"target: {target!r} must have two classes or more, not {str(y[0])!r} alone"
        )
    if len(classes) > max(50, len(y) // 5):
        raise ValueError(f"target: {target!r} has {len(classes)} values: are they classes?")
    n_test = -(-len(y) // 4)
    alike = counts.min() > 1 and len(classes) <= min(n_test, len(y) - n_test)
    parts = train_test_split(x, y, test_size=n_test, random_state=0, stratify=y if alike else None)
    if len(np.unique(parts[2])) < 2:
        raise ValueError(
            f"target: {target!r} must have more rows of each class: of {len(y)} rows those to "
            f"learn from, three quarters, are all {str(parts[2][0])!r}"
        )
    return parts


def predict(arguments):
    """Print a class per row of a table, or write them to a file."""
    from snnlab.estimator import SpikingClassifier

    out = arguments.out
    out = None if out is None else _place(out, arguments.model, arguments.table)
    model = SpikingClassifier.load(arguments.model)
    _refuse_lines(f"{arguments.model}:", model.classes_)
    names, rows = _lines(arguments.table)
    wanted = _learned_columns(model, arguments, names)
    found = model.predict(_numbers(arguments.table, names, rows, wanted))
    said = "\n".join(map(str, found)) + "\n"
    if out is None:
        print(said, end="")
    else:
        write_atomically(out, lambda file: file.write(said.encode()))


def _learned_columns(model, arguments, names):
    """Positions of the columns that a model has learned from, in its order.

    They are found by name; where the model holds no names, they are all but the target.
    """
    table, target = arguments.table, arguments.target
    there = {names[k]: k for k in _all_but(target, table, names)}
    learned = vars(model).pop("feature_names_in_", None)  # an array has none to compare with
    if learned is None:
        return list(there.values())
    learned = [name.strip() for name in learned]  # as those of a table are
    _refuse_doubles(arguments.model, learned)
    missing = [name for name in learned if name not in there]
    if missing:
        beside = "" if target is None else f" beside the target {target!r}"
        raise ValueError(
            f"{table} must have the columns that {arguments.model} has learned from: it has no "
            f"{_listed(map(repr, missing))}{beside}, but {_listed(there)}"
        )
    known = set(learned)
    unknown = [name for name in there if name not in known]
    if unknown:
        print(
            f"snnlab: {table}: left out what {arguments.model} has not learned from: "
            f"{_listed(unknown)}",
            file=sys.stderr,
        )
    return [there[name] for name in learned]


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
    folder = _check.path("folder", arguments.folder)
    if not arguments.folder or folder.exists() and not folder.is_dir():
        raise ValueError(f"folder must be a folder, or a name for a new one: {str(folder)!r}")
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
        content = path.read_bytes()
        write_atomically(target, lambda file, content=content: file.write(content))
        copied += 1
    print(f"{copied} files copied to {folder}" + f", {kept} there already" * bool(kept))
    print(f"next: jupyter lab {folder / '00_start_here.ipynb'}")


def demo(arguments):
    """Train on the default digits."""
    from snnlab import demo

    epochs = _check.optional(_check.like(_check.integer, at_least=1))("--epochs", arguments.epochs)
    demo.run(epochs, _place(arguments.out))


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
    sub.add_argument("--epochs", type=int, help="passes through the training images")
    sub.add_argument("--out", default="snnlab-demo.png", help="where the picture goes")
    sub = command(train, "fit a classifier to a table, print accuracies, save it")
    sub.add_argument("table", help="comma-separated values with a line of names")
    sub.add_argument("--target", required=True, help="name of the column of classes")
    sub.add_argument("--out", help="where the model goes; by default the table's name with .npz")
    sub.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of the first weights and the order of rows; 0 by default",
    )
    sub = command(predict, "classes of a table's rows, by a model that train saved")
    sub.add_argument("model", help="file that train saved")
    sub.add_argument("table", help="comma-separated values; columns are found by their names")
    sub.add_argument("--target", help="a column to leave out")
    sub.add_argument("--out", help="a file for them; by default they are printed")
    command(doctor, "say what is installed, and where things are kept")
    sub = command(notebooks, "copy the course's notebooks into a folder")
    sub.add_argument("folder", nargs="?", default="snnlab-course", help="by default %(default)s")
    return top


def main(argv=None):
    """Run the command; errors of the user's are told in a line.

    Returns
    -------
    int
        Exit code: 0, or 2 for an error; as a shell has them, 130 after an interrupt, and 141 if
        whoever was reading the output has left.
    """
    try:
        try:
            arguments = parser().parse_args(argv)
            arguments.run(arguments)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # at Python's own end nobody could tell why it fails
    except KeyboardInterrupt:
        print("snnlab: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # ``snnlab predict ... | head`` has what it wants
        _drop_output()
        return 141
    except (OSError, TypeError, ValueError) as fault:
        _drop_output()
        print(f"snnlab: {fault}", file=sys.stderr)
        return 2
    return 0


def _drop_output():
    """What could not be written to the standard output is not tried again when Python ends."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
