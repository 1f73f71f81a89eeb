"""Quick form of the notebooks, for tests: the same cells, with less training.

A kernel that finds `START` in its IPython profile caps epochs of `snnlab.train` and steps of the
small experiments of the course before a notebook's first cell. Notebooks and package know
nothing of it; ``pytest --all`` runs them as they are.
"""

import functools
from pathlib import Path

EPOCHS = 3
STEPS = 60
# questions to which the solution is right only after the whole training
OPEN = {"n11.q1", "n11.q2", "n14.q2"}
START = "import sys; sys.path.insert(0, {tests!r}); import quick_notebook; quick_notebook.install()"


def profile(folder):
    """Write an IPython profile with the cap into a folder; the environment variable that names it.

    Returns
    -------
    dict
    """
    start = Path(folder) / "profile_default" / "startup"
    start.mkdir(parents=True)
    (start / "quick.py").write_text(START.format(tests=str(Path(__file__).parent)) + "\n")
    return {"IPYTHONDIR": str(folder)}


def install():
    """Cap training in this process; before anything else imports what is capped.

    Not while an exercise is checked: what a check trains is measured against fixed bounds.
    """
    from snnlab.learning import training

    whole = training.train
    training.train = capped(whole, "epochs", EPOCHS)

    from snnlab.course import exercises, lessons, photographs

    lessons.task = capped(lessons.task, "steps", STEPS)
    photographs.photograph_task = capped(photographs.photograph_task, "steps", STEPS)
    check = exercises.check

    @functools.wraps(check)
    def checked(*answer, **how):
        training.train, quick = whole, training.train
        try:
            return check(*answer, **how)
        finally:
            training.train = quick

    exercises.check = checked


def capped(function, name, most):
    """The function, given at most so much of a keyword; also by default."""

    @functools.wraps(function)
    def quick(*args, **keywords):
        return function(*args, **keywords | {name: min(keywords.get(name, most), most)})

    return quick
