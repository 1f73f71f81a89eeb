"""When to show how long work stands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from snnlab import _check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


class Pace:
    """Says of each slice of long work whether it is time for a picture of it.

    At most half of the time goes into pictures: after one, work goes on for at least as long as it
    took to make and show it.

    Parameters
    ----------
    pause : float
        Seconds between two pictures, at least.
    wait : float
        Seconds until the first.

    Examples
    --------
    In a panel's ``simulate``::

        pace = Pace()
        for k in range(n):
            ...  # a few milliseconds of work
            yield from pace.frame(lambda: picture_of(...), now=k == n - 1)
    """

    def __init__(self, pause: float = 0.06, wait: float = 0.0) -> None:
        self.pause = _check.number("pause", pause, at_least=0)
        self._due = time.perf_counter() + _check.number("wait", wait, at_least=0)

    def frame(self, make: Callable[[], Any], now: bool = False) -> Iterator[Any]:
        """Yield what is to be shown after a slice of work.

        Parameters
        ----------
        make : callable
            ``make()`` gives the frame; it is called only if that is to be shown.
        now : bool
            Whether it is to be shown in any case: the last one is.

        Yields
        ------
        object or None
            None if it is not yet time.
        """
        _check.function("make", make, 0)
        if not _check.flag("now", now) and time.perf_counter() < self._due:
            yield None
            return
        began = time.perf_counter()
        yield make()
        ended = time.perf_counter()
        self._due = ended + max(self.pause, ended - began)
