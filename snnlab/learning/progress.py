"""What is seen of a training as it goes on, and how it is interrupted."""

import signal
import sys
import threading


class Interrupts:
    """While training, an interrupt only sets a flag, so that no step is left half done.

    Only the main thread receives interrupts; a second one is raised at once.
    """

    def __enter__(self):
        self.seen = False
        self.previous = None
        if threading.current_thread() is threading.main_thread():
            previous = signal.getsignal(signal.SIGINT)
            if previous is signal.default_int_handler:
                self.previous = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number, frame):
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True

    def __exit__(self, *exc):
        if self.previous is not None:
            signal.signal(signal.SIGINT, self.previous)


class Progress:
    """A bar where it can be seen to move, else a line per epoch."""

    def __init__(self, wanted, epochs, done):
        self.wanted, self.epochs, self.done, self.bar = wanted, epochs, done, None

    def __enter__(self):
        if self.wanted and interactive():
            try:
                from tqdm.auto import tqdm
            except ImportError:
                return self
            self.bar = tqdm(total=self.epochs, initial=self.done, unit="epoch")
        return self

    def __call__(self, step):
        """Show that a step is done."""
        if not self.wanted:
            return
        line = step.history.line(self.epochs) if len(step.history) else ""
        if self.bar is None:
            if step.ends_epoch:
                print(line, flush=True)
            return
        if step.ends_epoch:
            self.bar.set_postfix_str(line.partition("  ")[2], refresh=False)
        self.bar.update(1 / step.steps_per_epoch)
        if step.ends_epoch:
            self.bar.n = len(step.history)  # fractions do not add up to whole epochs
            self.bar.refresh()

    def __exit__(self, *exc):
        if self.bar is not None:
            self.bar.close()


def interactive():
    """Whether someone watches: a terminal, or a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules
