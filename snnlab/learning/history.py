"""`History`: what a training recorded."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from snnlab import _check


@dataclass
class History:
    """What `train` recorded, one entry per epoch.

    Attributes
    ----------
    loss : list of float
        Mean over the epoch's batches, with dropout and augmentation as trained, without penalties.
    penalty : list of float
        What was added to it, likewise; 0 without penalties.
    train_accuracy : list of float
        Likewise.
    hidden_spikes : list of float
        Mean spikes per sample in all hidden layers, likewise.
    validation_accuracy, validation_hidden_spikes : list of float
        After the epoch, on the validation set; empty without one.
    lr : list of float
        Learning rate at the end of the epoch.
    seconds : list of float
        Duration of the epoch, without validation.
    interrupted : bool
        Whether training was stopped before its last epoch.
    """

    loss: list = field(default_factory=list)
    penalty: list = field(default_factory=list)
    train_accuracy: list = field(default_factory=list)
    hidden_spikes: list = field(default_factory=list)
    validation_accuracy: list = field(default_factory=list)
    validation_hidden_spikes: list = field(default_factory=list)
    lr: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    interrupted: bool = False

    def __len__(self):
        return len(self.loss)

    def line(self, epochs: int) -> str:
        """The last epoch in one line of text."""
        epochs = _check.integer("epochs", epochs, at_least=0)
        if not len(self):
            return f"no epoch of {epochs} is complete yet"
        text = (
            f"epoch {len(self)}/{epochs}  loss {self.loss[-1]:.4f}  "
            f"train {100 * self.train_accuracy[-1]:.2f} %"
        )
        if self.validation_accuracy:
            text += f"  validation {100 * self.validation_accuracy[-1]:.2f} %"
        return text + f"  {self.hidden_spikes[-1]:.1f} hidden spikes  {self.seconds[-1]:.2f} s"

    def joined(self, later: History) -> History:
        """A history of these epochs and those of a later one."""
        lists = {
            f.name: getattr(self, f.name) + getattr(later, f.name)
            for f in fields(self)
            if f.name != "interrupted"
        }
        return History(**lists, interrupted=later.interrupted)
