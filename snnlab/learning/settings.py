"""`Settings`: how to train, in one place; `snnlab.train` and its kin take them as keywords."""

import functools
import inspect
from dataclasses import dataclass, fields
from typing import Any
from zlib import crc32

import numpy as np

from snnlab import _check
from snnlab.currents import ConstantCurrent, Values
from snnlab.learning.digest import digest
from snnlab.learning.losses import check_deadlines, check_readable, check_targets, resolve
from snnlab.learning.optim import Adam
from snnlab.learning.penalties import Penalties
from snnlab.learning.schedules import resolve_schedule
from snnlab.medium import IDEAL
from snnlab.signals import SpikeTrains

__all__ = ["Settings"]


@dataclass(kw_only=True)
class Settings:
    """How to train.

    Parameters
    ----------
    epochs, batch_size : int
    loss : str or callable
        "max_over_time", "sum_over_time", "rate_mse", "first_spike", "squared_error" (of values),
        "per_step" and "squared_error_per_step", or any function ``(readout, labels) -> value,
        g_readout`` (`snnlab.losses`).
    optimizer : Adam, SGD, a rule of `snnlab.rewiring` or your own, optional
        ``Adam()`` by default. It belongs to the first network that it trains (see
        `snnlab.optim.Optimizer`).
    schedule : str or callable
        "constant", "exponential", "cosine", or a function ``(epoch, epochs) -> factor``.
    dropout : float
        Share of hidden units left out, drawn anew for each batch. Of neurons that spike.
    penalties : sequence of penalties
        On spikes, readout or weights (`snnlab.penalties`), added to the loss.
    substrate : Substrate or Recording, optional
        Chip on which the forward pass runs (`snnlab.substrate`); the backward pass reads what was
        measured there. Validation runs on it too.
    validation : (inputs, labels), optional
        Evaluated after each epoch.
    backward : MembraneSignal or your own, optional
        What finds gradients in a trace, in place of `Network.backward`: an object with a method
        ``backward(network, trace, g_readout, *, g_spikes, out) -> Gradients``
        (`snnlab.learning.membrane`).
    """

    epochs: int = 10
    batch_size: int = 100
    loss: Any = "max_over_time"
    optimizer: Any = None
    schedule: Any = "cosine"
    dropout: float = 0.0
    penalties: Any = ()
    substrate: Any = None
    validation: Any = None
    backward: Any = None

    @property
    def medium(self):
        """What runs the network."""
        return IDEAL if self.substrate is None else self.substrate

    def checked(self, network):
        """The same with everything resolved, if it fits a network.

        Raises
        ------
        TypeError, ValueError
            A setting of the wrong kind or out of range; the message names it.
        """
        if not hasattr(network, "backward") or isinstance(network, type):
            name = type(network).__name__
            raise TypeError(f"network must be a Network: a {name} is not trained")
        loss = resolve(self.loss)
        check_readable(loss, network)
        check_deadlines(loss, network.n_steps)
        optimizer = Adam() if self.optimizer is None else self.optimizer
        able = callable(getattr(optimizer, "step", None)) and hasattr(optimizer, "lr")
        if not able or isinstance(optimizer, type):
            raise TypeError(
                "optimizer must be Adam(...), SGD(...) or an object with lr and "
                f"step(network, gradients, factor), not {optimizer!r}"
            )
        _check.number("lr of optimizer", optimizer.lr)
        check_medium("substrate", self.substrate)
        return Settings(
            epochs=_check.integer("epochs", self.epochs, at_least=0),
            batch_size=_check.integer("batch_size", self.batch_size, at_least=1),
            loss=loss,
            optimizer=optimizer,
            schedule=resolve_schedule(self.schedule),
            dropout=self._checked_dropout(network),
            penalties=Penalties(self.penalties, network),
            substrate=self.substrate,
            validation=self._checked_validation(network, loss),
            backward=self._checked_backward(network),
        )

    def _checked_dropout(self, network):
        dropout = _check.number("dropout", self.dropout, at_least=0, below=1)
        for stage in getattr(network, "neuron_stages", [])[:-1] if dropout else ():
            if stage.rates:
                raise ValueError(
                    f"dropout must be 0 where network has {stage.name} of ReLU units: it leaves "
                    "out neurons that spike"
                )
        return dropout

    def _checked_backward(self, network):
        rule = self.backward
        if rule is None:
            return None
        if not callable(getattr(rule, "backward", None)) or isinstance(rule, type):
            raise TypeError(
                "backward must be MembraneSignal(...) or an object with "
                f"backward(network, trace, g_readout, *, g_spikes, out), not {rule!r}"
            )
        if hasattr(rule, "check"):
            rule.check(network)
        return rule

    def gradients(self, network, trace, g_readout, g_spikes, out):
        """Those of a batch, by its trace; ``out`` is written over if it is there."""
        if self.backward is None:
            return network.backward(trace, g_readout, g_spikes=g_spikes, out=out)
        return self.backward.backward(network, trace, g_readout, g_spikes=g_spikes, out=out)

    def _checked_validation(self, network, loss):
        if self.validation is None:
            return None
        if not getattr(self.medium, "can_evaluate", True):
            raise ValueError(
                f"validation must be left out where substrate is {self.substrate!r}: "
                "it holds training batches only"
            )
        if not isinstance(self.validation, tuple | list) or len(self.validation) != 2:
            raise TypeError("validation must be a pair of inputs and labels")
        inputs, labels = self.validation
        n = check_samples("validation", network, inputs)
        sizes = n, network.sizes[-1], network.n_steps
        return inputs, check_targets(loss, "validation", labels, *sizes)

    def describe(self):
        """What a checkpoint must agree on, as plain text and numbers (of checked settings)."""
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "loss": _name(self.loss),
            "optimizer": _plain(self.optimizer),
            "schedule": _name(self.schedule),
            "dropout": self.dropout,
            "penalties": [_name(x) for x in self.penalties.given],
            "substrate": None if self.substrate is None else repr(self.substrate),
            "backward": None if self.backward is None else _name(self.backward),
            "validation": None if self.validation is None else digest(self.validation),
        }


def takes_settings(function):
    """Decorator: the function's ``settings`` are keywords, those of `Settings`, one by one."""
    known = [field.name for field in fields(Settings)]

    @functools.wraps(function)
    def wrapper(*given, **keywords):
        settings = Settings(**{k: keywords.pop(k) for k in known if k in keywords})
        return function(*given, settings=settings, **keywords)

    signature = inspect.signature(function)
    own = [p for p in signature.parameters.values() if p.name != "settings"]
    spelled = [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
        for field in fields(Settings)
    ]
    wrapper.__signature__ = signature.replace(parameters=own + spelled)
    return wrapper


def check_samples(name, network, inputs):
    """Number of samples, of inputs that fit the network as far as can be seen without a batch."""
    if isinstance(inputs, SpikeTrains | ConstantCurrent | Values):
        network.check_inputs(inputs, name)
    elif not (hasattr(inputs, "batch") and hasattr(inputs, "__len__")):
        raise TypeError(
            f"{name} must be SpikeTrains, ConstantCurrent or a stream with a length and a method "
            f"batch(indices, rng), not {type(inputs).__name__}"
        )
    if len(inputs) == 0:
        raise ValueError(f"{name} must hold at least one sample")
    return len(inputs)


def normalises(network):
    """Whether a network's layers take statistics of a batch."""
    return getattr(network, "normalises", False)


def check_batches(network, n_samples, batch_size):
    """Refuse batches of one sample where layers take statistics of a batch."""
    if normalises(network) and (batch_size == 1 or n_samples % batch_size == 1):
        raise ValueError(
            f"batch_size {batch_size} leaves a batch of one of {n_samples} samples: "
            "layers with a norm need two at least"
        )


def check_medium(name, medium):
    """Refuse what cannot stand in for the simulation (somebody's own chip can)."""
    able = hasattr(medium, "run") and hasattr(medium, "clip")
    if medium is not None and (not able or isinstance(medium, type)):
        raise TypeError(
            f"{name} must be a Substrate, a Recording or a Medium of your own, not {medium!r}"
        )


def _plain(x):
    """A setting as text and numbers; of an optimiser its kind and settings."""
    if x is None or isinstance(x, bool | int | float | str):
        return x
    if isinstance(x, tuple | list):
        return [_plain(part) for part in x]
    if isinstance(x, dict):
        return {name: _plain(part) for name, part in x.items()}
    if isinstance(x, np.ndarray):
        return [str(x.dtype), list(x.shape), crc32(np.ascontiguousarray(x).data)]
    if hasattr(x, "settings"):
        return [type(x).__name__, _plain(x.settings())]
    if hasattr(x, "step"):  # somebody's own optimiser
        known = {k: v for k, v in vars(x).items() if isinstance(v, float | str) or callable(v)}
        return [type(x).__name__, _plain(known)]
    return _name(x)


def _name(x):
    """By which a setting is known in another process: what it is called and what it holds."""
    return [getattr(x, "__qualname__", type(x).__qualname__), digest(x, code=True)]
