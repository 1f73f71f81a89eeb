"""Tasks: one function for many settings, here or elsewhere; what has finished is never lost.

Tasks are run one after the other, by processes on this machine (loky, which comes with
scikit-learn), or by a Dask cluster. One that fails, or kills its process, is tried again and then
given up by name; all others go on. Every task is given as many threads as leave the others theirs.
"""

import os
import tempfile
import traceback
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from snnlab import _check
from snnlab._workers import worker_count

__all__ = ["Failure", "run_tasks"]


@dataclass(frozen=True)
class Failure:
    """A task that was given up.

    Attributes
    ----------
    task
        What the function was to be called with.
    error : str
        Class and message of the last error.
    tries : int
        How often it was begun.
    details : str
        The traceback, where there is one.
    """

    task: object
    error: str
    tries: int
    details: str = ""


def run_tasks(function, tasks, *, executor=None, n_jobs=None, retries=1, finished=None):
    """Call a function for each of some tasks.

    Parameters
    ----------
    function : callable
        Of an int, or of a dict's entries as keywords. For other processes it must be such as
        cloudpickle takes; what it holds, data for example, is sent once.
    tasks : sequence of (int or dict)
    executor : {"serial", "loky"} or dask.distributed.Client, optional
        Who runs them; "serial", or "loky" if ``n_jobs`` asks for more than one process.
    n_jobs : int, optional
        Processes of "loky", as joblib counts them: -1 for one per processor.
    retries : int
        How often a task is tried again.
    finished : callable, optional
        Called as ``finished(k, outcome)`` when task k has ended, with its result or a `Failure`.

    Returns
    -------
    list
        Per task its result, or a `Failure`.
    """
    tasks = list(tasks)
    book = _Book(tasks, _check.integer("retries", retries, 0, 1000), finished)
    _runner(executor, n_jobs, len(tasks))(function, book)
    return [book.outcomes[k] for k in range(len(tasks))]


def _runner(executor, n_jobs, n_tasks):
    """The function that runs a book of tasks."""
    if n_jobs is not None:
        n_jobs = _check.integer("n_jobs", n_jobs, -1024, 1024)
        if n_jobs == 0:
            raise ValueError("n_jobs must not be 0")
        n_jobs = n_jobs if n_jobs > 0 else max(1, worker_count() + 1 + n_jobs)
        n_jobs = min(n_jobs, max(1, n_tasks))  # more have nothing to do
    if executor is None:
        executor = "loky" if (n_jobs or 1) > 1 else "serial"
    if isinstance(executor, str) and executor == "serial":
        return _run_here
    if isinstance(executor, str) and executor == "loky":
        return lambda function, book: _run_in_processes(function, book, n_jobs or worker_count())
    if all(hasattr(executor, name) for name in ("submit", "scatter", "dashboard_link")):
        return lambda function, book: _run_on_cluster(function, book, executor)
    raise ValueError(
        f'executor must be "serial", "loky" or a dask.distributed.Client, not {executor!r}'
    )


class _Book:
    """What is to be done, how often that was tried, and what came of it."""

    def __init__(self, tasks, retries, finished):
        self.tasks, self.retries = tasks, retries
        self.finished = finished or (lambda k, outcome: None)
        self.tries, self.outcomes = Counter(), {}

    def ended(self, k, outcome):
        """A task has come to its end."""
        self.outcomes[k] = outcome
        self.finished(k, outcome)

    def failed(self, k, error):
        """Count a try that failed; returns whether there is another one."""
        self.tries[k] += 1
        if self.tries[k] <= self.retries:
            return True
        details = "".join(traceback.format_exception(error))
        said = f"{type(error).__name__}: {error}"
        self.ended(k, Failure(self.tasks[k], said, self.tries[k], details))
        return False


def _call(function, task):
    return function(**task) if isinstance(task, dict) else function(task)


# here ---------------------------------------------------------------------------------------------


def _run_here(function, book):
    for k, task in enumerate(book.tasks):
        again = True
        while again:
            try:
                result = _call(function, task)
            except Exception as error:
                again = book.failed(k, error)
            else:
                again = False
                book.ended(k, result)


# processes ----------------------------------------------------------------------------------------


@lru_cache(1)
def _function(path):
    """The function in a file, read once per process."""
    from joblib.externals.loky.cloudpickle_wrapper import loads

    return loads(Path(path).read_bytes())


@contextmanager
def _threads(n):
    """As many threads as are this task's share, unless the user says how many."""
    own = "SNNLAB_WORKERS" in os.environ
    os.environ.setdefault("SNNLAB_WORKERS", str(n))
    try:
        from threadpoolctl import threadpool_limits

        with nullcontext() if own else threadpool_limits(n):
            yield
    finally:
        if not own:
            os.environ.pop("SNNLAB_WORKERS", None)


def _call_in_process(path, task, n_threads):
    with _threads(n_threads):
        return _call(_function(path), task)


def _run_in_processes(function, book, n_jobs):
    """Each process has one task at a time, so that it is known what was lost with one.

    Of several that were lost together one is guilty: they are tried alone.
    """
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.cloudpickle_wrapper import dumps

    waiting, suspects, running = deque(range(len(book.tasks))), deque(), {}
    n_threads = max(1, worker_count() // n_jobs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "function"
        path.write_bytes(dumps(function))

        def submit(k):
            pool = get_reusable_executor(max_workers=n_jobs, timeout=60)
            running[pool.submit(_call_in_process, str(path), book.tasks[k], n_threads)] = k

        while waiting or suspects or running:
            while waiting and not suspects and len(running) < n_jobs:
                submit(waiting.popleft())
            if suspects and not running:
                submit(suspects.popleft())
            lost = []
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                k = running.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool as error:
                    lost.append((k, error))
                except Exception as error:
                    if book.failed(k, error):
                        waiting.append(k)
                else:
                    book.ended(k, result)
            if lost:
                lost += [(k, lost[0][1]) for k in running.values()]
                running.clear()
            for k, error in lost:
                if len(lost) > 1 or book.failed(k, error):
                    suspects.append(k)


# a cluster ----------------------------------------------------------------------------------------


def _call_on_cluster(function, task):
    with _threads(1):
        return _call(function, task)


def _run_on_cluster(function, book, client):
    """By a Dask client; the scheduler itself gives a lost worker's tasks to others."""
    from dask.distributed import as_completed

    print(f"{len(book.tasks)} tasks; dashboard: {client.dashboard_link}")
    [there] = client.scatter([function], broadcast=True, hash=False)

    def submit(k):
        return client.submit(_call_on_cluster, there, book.tasks[k], pure=False)

    running = {submit(k): k for k in range(len(book.tasks))}
    try:
        completed = as_completed(list(running))
        for future in completed:
            k = running.pop(future)
            try:
                result = future.result()
            except Exception as error:
                if book.failed(k, error):
                    again = submit(k)
                    running[again] = k
                    completed.add(again)
            else:
                book.ended(k, result)
    finally:
        client.cancel(list(running))
