"""Worker threads that share a batch; kernels release the interpreter lock while they run."""

import os
import threading
from functools import cache
from queue import SimpleQueue

import numpy as np

from snnlab import _check
from snnlab.kernels.spin import wait

_helpers = []  # of each thread that waits for work: its queue, how often it was called
_growing = threading.Lock()
_AT_WORK = object()
MOST_WORKERS = 1024


def _start_anew():
    """Threads do not survive a fork, and one that is gone may have held the lock."""
    global _growing
    _helpers.clear()
    _growing = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


@cache
def _usable_cpus():
    """Processors this process may use: a container's quota and the affinity count.

    Asked once: the answer takes longer than a training step's share of it may.
    """
    from joblib import cpu_count

    return cpu_count()


def worker_count(workers=None):
    """Threads to use: ``workers``, else ``$SNNLAB_WORKERS``, else as many as this process may use.

    The last follows CPU quota and affinity, so that a container with a small share of a large
    machine is not oversubscribed.
    """
    if workers is None:
        text = os.environ.get("SNNLAB_WORKERS", "")
        if not text:
            return _usable_cpus()
        if not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= MOST_WORKERS:
            raise ValueError(
                f"SNNLAB_WORKERS must be a positive integer, at most {MOST_WORKERS}, got {text!r}"
            )
        return int(text)
    return _check.integer("workers", workers, 1, MOST_WORKERS)


class _Lookout:
    """Waits for a moment without sleeping, while that pays.

    Work comes in quick succession while a network is trained, and being woken takes longer than a
    part of it may. But where other processes keep the processors busy, what is waited for needs
    the very processor on which one waits: after some vain waits only one in 32 is tried.
    """

    def __init__(self, looks):
        self.looks, self.faith, self.skipped = looks, 4, 0

    def wait(self, number, enough):
        """Return when ``number[0]`` has reached ``enough``, or a moment later."""
        if number[0] >= enough:  # which says nothing about waiting
            return
        if self.faith == 0:
            self.skipped += 1
            if self.skipped % 32:
                return
        wait(number, enough, self.looks)
        self.faith = min(self.faith + 1, 4) if number[0] >= enough else max(self.faith - 2, 0)


_for_helpers = _Lookout(3000)


def _help(jobs, called):
    """A helper's life: take a part, do it, report."""
    seen, for_work = 0, _Lookout(8000)  # what is done in between takes a step's loss, or batch
    while True:
        seen += 1
        for_work.wait(called, seen)
        work, lo, hi, reports, k, ended, done = jobs.get()
        if reports[k] is not _AT_WORK:  # asked for twice, after an interrupt
            continue
        fault = None
        try:
            work(lo, hi)
        except BaseException as error:  # reported where the work was asked for
            fault = error
        reports[k] = fault
        ended[0] += 1
        done.put(None)
        del work, reports, ended, done, fault  # do not keep a batch alive while waiting


def _insist(action):
    """Run to the end, from the beginning after each interrupt; the last of them, or None."""
    interrupt = None
    while True:
        try:
            action()
            return interrupt
        except KeyboardInterrupt as stop:
            interrupt = stop


def share(work, n, workers):
    """Call ``work(lo, hi)`` so that the calls together cover ``range(n)``, one per worker.

    One dispatch per worker and call: less overhead than one per chunk, and under contention no
    thread spins. Returns after all of them have ended, even when
    interrupted. (Work must not call `share` itself: it would wait for its own thread.)
    """
    workers = min(workers, n)
    if workers <= 1:
        work(0, n)
        return
    with _growing:
        while len(_helpers) < workers - 1:
            helper = SimpleQueue(), np.zeros(1, np.int64)
            wait(helper[1], 0, 1)  # compiled here: an error in the thread would not be heard
            name = f"snnlab-{len(_helpers) + 1}"
            threading.Thread(target=_help, args=helper, name=name, daemon=True).start()
            _helpers.append(helper)
    edges = [n * w // workers for w in range(workers + 1)]
    # The reports say who has ended; ``ended`` lets this thread look out for that for a moment, and
    # the queue wakes it later: an interrupt may swallow what it took from there, but a helper still
    # at work will report, and wake, later.
    reports, done = [_AT_WORK] * (workers - 1), SimpleQueue()
    ended = np.zeros(1, np.int64)

    def dispatch():
        for k in range(workers - 1):
            jobs, called = _helpers[k]
            called[0] += 1
            jobs.put((work, edges[k + 1], edges[k + 2], reports, k, ended, done))

    def await_helpers():
        while any(report is _AT_WORK for report in reports):
            done.get()

    interrupt, later = _insist(dispatch), None
    try:
        if interrupt is None:
            work(0, edges[1])
            _for_helpers.wait(ended, workers - 1)
    finally:  # whatever happened, the helpers still write to the caller's arrays
        later = _insist(await_helpers)
    for fault in (interrupt, later, *reports):
        if fault is not None:
            raise fault
