"""Worker threads that share a batch; kernels release the interpreter lock while they run."""

import os
from concurrent.futures import ThreadPoolExecutor

_pool = None
_pool_size = 0


def _forget_pool():
    global _pool, _pool_size
    _pool, _pool_size = None, 0


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_forget_pool)


def worker_count(workers=None):
    """Threads to use: ``workers``, else ``$SNNLAB_WORKERS``, else what this process may use.

    The last follows CPU quota and affinity, so that a container with a small share of a large
    machine is not oversubscribed.
    """
    if workers is None:
        text = os.environ.get("SNNLAB_WORKERS", "")
        if not text:
            from joblib import cpu_count

            return cpu_count()
        if not text.isdecimal():
            raise ValueError(f"SNNLAB_WORKERS must be a positive integer, got {text!r}")
        workers = int(text)
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise TypeError(f"workers must be an integer or None, not {type(workers).__name__}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    return workers


def share(work, n, workers):
    """Call ``work(lo, hi)`` so that the calls together cover ``range(n)``, one per worker.

    One dispatch per worker and call: less overhead than one per chunk, and under contention no
    thread spins while it waits. Returns after all of them have ended, even when interrupted.
    """
    global _pool, _pool_size
    workers = min(workers, n)
    if workers <= 1:
        work(0, n)
        return
    if _pool_size < workers - 1:
        _pool = ThreadPoolExecutor(workers - 1, thread_name_prefix="snnlab")
        _pool_size = workers - 1
    edges = [n * w // workers for w in range(workers + 1)]
    others = [_pool.submit(work, edges[w], edges[w + 1]) for w in range(1, workers)]
    interrupt = None
    try:
        work(0, edges[1])
    finally:
        for other in others:
            while True:
                try:
                    other.result()
                    break
                except KeyboardInterrupt as stop:  # the buffers are still being written to
                    interrupt = stop
    if interrupt is not None:
        raise interrupt
