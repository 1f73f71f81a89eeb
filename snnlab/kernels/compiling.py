"""Saying that kernels are compiled, which takes some seconds the first time on a machine."""

from numba.core import event


class _Told(event.Listener):
    """Says once that something is being compiled."""

    def __init__(self, say):
        self.say, self.said = say, False

    def on_start(self, event):
        if not self.said:
            self.said = True
            self.say("snnlab: compiling kernels, once per machine; this takes some seconds ...")

    def on_end(self, event):
        """Nothing to say."""


def telling(say):
    """A context in which ``say(text)`` is called if kernels are compiled, not found in the cache.

    Parameters
    ----------
    say : callable
        Called once at most.

    Returns
    -------
    context manager
    """
    return event.install_listener("numba:compile", _Told(say))
