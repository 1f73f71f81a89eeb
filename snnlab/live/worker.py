"""Long work beside a notebook: one thread per panel, on which the newest request wins.

Callbacks of widgets must return at once, and those of JupyterLab arrive on changing threads. So
they only say what is wanted (`Worker.ask`); the worker's thread does it in small slices and is the
only one that writes to the picture. While a slider is dragged, what is being computed is given up
for the newest request, but not before its first frame was shown: a drag never starves the picture.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import sys
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_ALIVE = weakref.WeakSet()  # workers that an interrupt stops
_NUMBERS = itertools.count(1)
_watching = False


class Worker:
    """A thread that works for one panel.

    Parameters
    ----------
    work : callable
        ``work(request)`` returns a generator. Each ``yield`` ends a slice of work, which should
        take 5 to 10 ms: only there can the work be given up. It yields a frame to be shown, or None
        if there is nothing new to see.
    show : callable
        ``show(frame)``, called by the thread.
    fail : callable
        ``fail(error)``, called by the thread with whatever exception ended the work.

    Attributes
    ----------
    error : Exception or None
        What ended the last request's work, if it did not end by itself; `wait` raises it.

    Notes
    -----
    The thread begins with the first request and is a daemon: it does not keep Python alive.
    """

    def __init__(
        self,
        work: Callable[[Any], Iterator],
        show: Callable[[Any], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._work, self._show, self._fail = work, show, fail
        self._change = threading.Condition()
        # requests are counted: the newest asked for, taken up, finished, and dropped by `stop`
        self._asked = self._taken = self._finished = self._dropped = 0
        self._request = None
        self._closed = False
        self._thread = None
        self.error = None
        _ALIVE.add(self)
        _watch_for_interrupts()

    @property
    def busy(self) -> bool:
        """Whether there is work that was neither finished nor stopped."""
        return self._asked > max(self._finished, self._dropped) and not self._closed

    @property
    def closed(self) -> bool:
        """Whether it was closed, and does nothing any more."""
        return self._closed

    def ask(self, request: Any = None) -> None:
        """Have this done instead of anything asked before; from any thread, returns at once."""
        with self._change:
            if self._closed:
                return
            self._asked += 1
            self._request = request
            if self._thread is None:
                name = f"snnlab-panel-{next(_NUMBERS)}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
            self._change.notify_all()

    def stop(self) -> None:
        """Give up the present work after its present slice, and whatever waits; returns at once."""
        with self._change:
            self._dropped = self._asked
            self._change.notify_all()

    def close(self, timeout: float = 2.0) -> None:
        """Stop, and end the thread; waits for it unless it is the caller. Twice does no harm."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        _ALIVE.discard(self)
        if self._thread not in (None, threading.current_thread()):
            self._thread.join(timeout)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is left to do; raises what ended the work.

        Returns
        -------
        bool
            False if that took longer than ``timeout`` seconds.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("a worker cannot wait for itself")
        try:
            with self._change:
                done = self._change.wait_for(
                    lambda: self._closed or self._taken == self._finished and not self.busy, timeout
                )
        except KeyboardInterrupt:
            self.stop()
            raise
        if done and self.error is not None:
            raise self.error
        return done

    def _run(self):
        """The thread's life."""
        while True:
            with self._change:
                self._finished = self._taken
                self._change.notify_all()
                self._change.wait_for(
                    lambda: self._closed or self._asked > max(self._taken, self._dropped)
                )
                if self._closed:
                    return
                number = self._taken = self._asked
                request, self.error = self._request, None
            try:
                self._do(number, request)
            except BaseException as error:  # nobody else would hear of it; an exit is one, too
                self.error = error
                with contextlib.suppress(Exception):  # `wait` raises the first one
                    self._fail(error)

    def _do(self, number, request):
        """Work for one request until it ends or is given up."""
        frames = self._work(request)
        shown = False
        try:
            for frame in frames:
                if self._closed or number <= self._dropped:
                    return
                if frame is not None:
                    self._show(frame)
                    shown = True
                if shown and self._asked > number:
                    return
        finally:
            frames.close()


# the stop button ----------------------------------------------------------------------------------


def stop_all():
    """Stop the work of every panel."""
    for worker in list(_ALIVE):
        worker.stop()


def _watch_for_interrupts():
    """In a notebook, have an interrupt of the kernel stop long work too.

    While a cell runs, the interrupt ends the cell, and stops the work once the cell has ended.
    Between cells a kernel ignores interrupts, so a handler is installed there. That must happen
    outside of cells and callbacks: after each the kernel puts back the handler it found before.
    """
    global _watching
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    kernel = getattr(shell, "kernel", None)
    if _watching or kernel is None or threading.current_thread() is not threading.main_thread():
        return
    _watching = True

    def cell_ended(result):
        if isinstance(result.error_in_exec, KeyboardInterrupt):
            stop_all()

    shell.events.register("post_run_cell", cell_ended)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a kernel without a running loop: cells can still be interrupted
        return
    _install_between_cells(loop)


def _install_between_cells(loop):
    """Once interrupts are ignored, that is between cells, let them stop long work."""

    def install():
        if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
            signal.signal(signal.SIGINT, lambda number, frame: stop_all())
        else:  # a cell is waiting for something; later, then
            loop.call_later(0.2, install)

    loop.call_later(0.2, install)
