"""State beside a network's parameters: arrays laid out as they are, and a count of steps.

Optimisers and rewiring rules have it. It belongs to the network that it was made for: used for
another one, of equal size even, it would be nonsense that nobody notices.
"""

from __future__ import annotations

import inspect
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.learning import stored
from snnlab.learning.guard import check_gradients, real
from snnlab.parameters import Gradients, check_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from snnlab._types import PathLike
    from snnlab.network import Network


@dataclass(frozen=True)
class Kind:
    """What an array beside the parameters may hold.

    Attributes
    ----------
    dtype : dtype, optional
        By default that of the parameters.
    low, high : float
        Smallest and largest value; all are finite.
    padded : bool
        Whether it is surely 0 where layers are padded.
    """

    dtype: type | None = None
    low: float = -np.inf
    high: float = np.inf
    padded: bool = True


class Stateful:
    """Base of optimisers and rules.

    Attributes
    ----------
    arrays : dict
        What is remembered of each parameter: `Kind`s by the name of the attribute. A class says
        so; the attributes are made at the first step, flat arrays like ``network.parameters``.
    steps : int
        Steps done.

    Notes
    -----
    At its first step it takes the network as its own and refuses any other, until `rebind` says
    that it is to go on with a copy. A deep copy, or what comes from a pickle or a saved state,
    belongs to the next network that it is used with. The network is not kept alive.
    """

    arrays = {}
    steps = 0
    _network = None  # a weak reference

    def step(
        self, network: Network, gradients: Gradients | np.ndarray, factor: float = 1.0
    ) -> None:
        """Update the network's parameters in place.

        Parameters
        ----------
        network : Network
            The same at every step (or see `rebind`).
        gradients : Gradients or sequence of array
            By all blocks, as `Network.backward` returns them, or one array per block of weights.
        factor : float
            Multiplies the learning rate.

        Raises
        ------
        FloatingPointError
            If the gradient is not finite, or the step leads out of the floating-point numbers: all
            is then as it was before.
        """
        factor = _check.number("factor", factor, at_least=0)
        self.claim(network)
        if factor > 1e30:
            real(factor, network.dtype, "factor of the learning rate")
        flat = flat_gradients(network, gradients)
        self.take(network, flat, factor, check_gradients(network, flat, self))

    def take(self, network: Network, flat: np.ndarray, factor: float, top: float) -> None:
        """Take a step whose gradient is finite, and count it.

        Parameters
        ----------
        network : Network
        flat : array
            The gradient, laid out as ``network.parameters``.
        factor : float
        top : float
            Its largest absolute entry.
        """
        raise NotImplementedError(f"{type(self).__name__} must define take")

    def own_arrays(self) -> dict[str, np.ndarray]:
        """What is remembered, by name."""
        found = {name: getattr(self, name, None) for name in self.arrays}
        return {name: x for name, x in found.items() if x is not None}

    # whose it is ----------------------------------------------------------------------------------

    def is_used(self) -> bool:
        """Whether there is any state."""
        return self.steps > 0 or bool(self.own_arrays())

    def owner(self) -> Network | None:
        """The network it belongs to; None if it belongs to none, or to one that is gone."""
        return None if self._network is None else self._network()

    def claim(self, network: Network) -> None:
        """Belong to a network from now on.

        Raises
        ------
        ValueError
            If there is state that belongs to another one, or does not fit.
        FloatingPointError
            If the network's weights are not finite.
        """
        if self._network is not None:
            if self._network() is network:
                return
            if self.is_used():
                raise ValueError(
                    f"this {type(self).__name__} has been used for another network, and knows that "
                    "one's weights: make a new one, or call rebind(network) to go on with a copy"
                )
        self.check_fit(network)
        check_weights(network)
        self._network = weakref.ref(network)

    def rebind(self, network: Network) -> Self:
        """Go on with another network, such as a copy of the one so far.

        Parameters
        ----------
        network : Network
            Of the same layout and precision.

        Returns
        -------
        This object.
        """
        self.check_fit(network)
        check_weights(network)
        self._network = weakref.ref(network)
        return self

    def check_fit(self, network: Network) -> None:
        """Refuse a network that the state does not fit."""
        self.check_arrays(self.own_arrays(), network)

    def check_arrays(self, found: dict[str, np.ndarray], network: Network) -> None:
        """Refuse arrays that are not laid out as a network's parameters."""
        _check.network("network", network, needs="blocks")
        for name, x in found.items():
            kind, own = self.arrays[name], network.parameters
            if x.shape != own.shape:
                raise ValueError(f"{name} belongs to a network of another size: {_fault(x, own)}")
            if x.dtype != (own.dtype if kind.dtype is None else kind.dtype):
                raise ValueError(f"{name} is of another precision than the network: {x.dtype}")
            for block in network.blocks if kind.padded else ():
                if block.width > block.columns and block.padded(x)[:, block.columns :].any():
                    raise ValueError(f"{name} is laid out for another network: padding is not 0")

    def __getstate__(self):
        return {name: x for name, x in self.__dict__.items() if name != "_network"}

    # saved and restored ---------------------------------------------------------------------------

    def state(self) -> dict[str, np.ndarray]:
        """All of it as a dict of arrays (for checkpoints); copies."""
        out = {"steps": np.array(self.steps)}
        return out | {name: x.copy() for name, x in self.own_arrays().items()}

    def restore(self, state: Mapping[str, np.ndarray], network: Network | None = None) -> None:
        """Inverse of `state`.

        Parameters
        ----------
        state : dict of array
        network : Network, optional
            That it belongs to from now on. By default the one it belonged to, or the next one it is
            used with.

        Raises
        ------
        ValueError
            If that is not a state of such an object, or does not fit the network. Nothing is
            changed then.
        """
        if network is None:
            network = self.owner()
        else:
            _check.network("network", network, needs="blocks")
        self.adopt(self.checked(state, network), network)

    def save(self, path: PathLike) -> None:
        """Write settings and state to a ``.npz`` file, whole or not at all.

        Raises
        ------
        TypeError
            A setting that cannot be written (a function of one's own); the message names it.
        """
        stored.save(path, self)

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read what `save` wrote; it belongs to the next network that it is used with.

        Classes of one's own must have been defined, or imported, before.

        Raises
        ------
        ValueError
            If the file does not hold such an object whole, or is of a newer format.
        """
        return stored.load(path, cls, Stateful)

    def checked(
        self, state: Mapping[str, np.ndarray], network: Network | None = None
    ) -> dict[str, Any]:
        """A state as it may be adopted: a dict of attributes; raises as `restore` does."""
        if not isinstance(state, dict):
            raise TypeError(f"state must be a dict of arrays, not {type(state).__name__}")
        strange = sorted(set(state) - {"steps", *self.arrays}, key=str)
        if strange:
            raise ValueError(f"state holds {strange[0]!r}, unknown to {type(self).__name__}")
        steps = whole("steps", state, 0, _check.MOST)
        missing = [name for name in self.arrays if name not in state]
        if missing and (steps > 0 or len(missing) < len(self.arrays)):
            raise ValueError(f"state of {type(self).__name__} has no {missing[0]!r}")
        found = {}
        for name in self.arrays:
            found[name] = None if missing else self._checked_array(name, state[name])
        if len({x.shape for x in found.values() if x is not None}) > 1:
            raise ValueError(f"state holds arrays of different sizes: {', '.join(found)}")
        if network is not None and not missing:
            self.check_arrays(found, network)
        return found | {"steps": steps}

    def _checked_array(self, name, value):
        kind, x = self.arrays[name], _check.as_array(f"state's {name!r}", value)
        allowed = (np.float32, np.float64) if kind.dtype is None else (kind.dtype,)
        if x.ndim != 1 or x.dtype not in allowed:
            names = " or ".join(np.dtype(t).name for t in allowed)
            raise ValueError(f"state's {name!r} must be flat and of {names}: {_fault(x)}")
        if x.size == 0 or not np.isfinite(x).all() or x.min() < kind.low or x.max() > kind.high:
            raise ValueError(
                f"state's {name!r} must hold finite values from {kind.low:g} to {kind.high:g}"
            )
        return np.array(x)

    def adopt(self, values: Mapping[str, Any], network: Network | None = None) -> None:
        """Take over what `checked` returned."""
        for name, x in values.items():
            setattr(self, name, x)
        self._network = None if network is None else weakref.ref(network)

    # what it is -----------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """What it was made with, by name, as it is now."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if name in vars(self)}

    def __repr__(self):
        defaults = inspect.signature(type(self).__init__).parameters
        given = [
            f"{name}={_short(x)}"
            for name, x in self.settings().items()
            if name == "lr" or _differs(x, defaults[name].default)
        ]
        text = f"{type(self).__name__}({', '.join(given)})"
        return f"<{text} after {self.steps} steps>" if self.steps else text


def flat_gradients(network, gradients):
    """Gradients by all parameters, flat, from Gradients or from one array per block of weights."""
    if not isinstance(gradients, Gradients):
        given, gradients = gradients, Gradients(network)
        given = _check.sequence("gradients", given, len(gradients), "arrays, one per layer")
        for k, (own, g) in enumerate(zip(gradients, given, strict=True)):
            own[...] = _check.array(f"gradients[{k}]", g, network.dtype, own.shape)
    if not gradients.fits(network):
        raise ValueError("gradients do not fit the network")
    return gradients.flat


def whole(name, state, least, most):
    """A whole number of a state, within bounds."""
    x = _check.as_array(f"state's {name!r}", state.get(name))
    if x.shape != () or x.dtype.kind not in "iu" or not least <= int(x) <= most:
        raise ValueError(f"state's {name!r} must be a whole number from {least} to {most}")
    return int(x)


def _fault(x, wanted=None):
    text = f"{x.dtype} {x.shape}"
    return text if wanted is None else f"{text} for {wanted.shape}"


def _differs(x, default):
    """Whether a setting is not its default (of arrays there is none)."""
    if default is None and x == {}:
        return False
    try:
        return bool(x != default)
    except ValueError:
        return True


def _short(x):
    """A setting in few words."""
    if isinstance(x, list | tuple) and any(isinstance(part, np.ndarray) for part in x):
        return f"<{len(x)} arrays>"
    return repr(x)
