"""`Decoder`: an ordinary network in plain NumPy, which reads numbers and gives pixels."""

from __future__ import annotations

from collections import namedtuple
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _backward, _check
from snnlab.memory import padded_width
from snnlab.parameters import Block, Gradients, new_flat
from snnlab.products import product, product_transposed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from snnlab._types import Seed

__all__ = ["Decoder", "Layer"]

Layer = namedtuple("Layer", "name")


class Decoder:
    """A perceptron without spikes or time: rectified linear units, and a sigmoid at the end.

    Its parameters lie as a `Network`'s do, so every optimiser of `snnlab.optim` trains it.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, hidden units layer by layer, outputs.
    rng : numpy.random.Generator or int
        For the initial weights: normal, standard deviation ``sqrt(2 / n_in)``.
    dtype : numpy.float32 or numpy.float64

    Attributes
    ----------
    sizes : tuple of int
    parameters : array
        All weights and biases, flat and padded; optimisers work on it.
    blocks : tuple of Block
        What lies where in it.
    weights, biases : tuple of array (n_in, n_out) and (n_out,)
        Views of the parameters, per layer.

    Raises
    ------
    TypeError, ValueError
        Fewer than two sizes, or some that are no positive integers.
    """

    workers = None  # of optimisers: as many as there are

    def __init__(self, sizes: Sequence[int], *, rng: Seed, dtype: DTypeLike = np.float32) -> None:
        sizes = _check.sequence("sizes", sizes, of="integers")
        if len(sizes) < 2:
            raise ValueError(f"sizes must be of two layers at least, inputs and outputs: {sizes}")
        self._sizes = tuple(
            _check.integer(f"sizes[{k}]", n, 1, _check.MOST_UNITS) for k, n in enumerate(sizes)
        )
        self._dtype = _check.plain_type("dtype", dtype)
        if self.dtype.kind != "f":
            raise TypeError(f"dtype must be float32 or float64, not {self.dtype}")
        rng = _check.generator("rng", rng)
        self._blocks = tuple(_blocks(self.sizes))
        self._parameters = new_flat(self.blocks, self.dtype)
        views = [block.of(self.parameters) for block in self.blocks]
        self._weights = tuple(views[::2])
        self._biases = tuple(view[0] for view in views[1::2])
        for w in self.weights:
            w[...] = rng.standard_normal(w.shape) * np.sqrt(2 / len(w))

    sizes = property(attrgetter("_sizes"), doc="Inputs, and units of each layer.")
    dtype = property(attrgetter("_dtype"), doc="Precision of weights, activations, gradients.")
    blocks = property(attrgetter("_blocks"), doc="Where each block lies in the parameters.")
    parameters = property(attrgetter("_parameters"), doc="All blocks, flat and padded.")
    weights = property(attrgetter("_weights"), doc="Per layer a view (n_in, n_out).")
    biases = property(attrgetter("_biases"), doc="Per layer a view (n_out,).")

    @property
    def weight_blocks(self) -> tuple[Block, ...]:
        """The blocks that `weights` are views of."""
        return self.blocks[::2]

    @property
    def stages(self) -> list[Layer]:
        """The layers by name, as errors of optimisers call them."""
        return [Layer(f"layer {k} of the decoder") for k in range(len(self.weights))]

    def forward(self, x: ArrayLike) -> list[np.ndarray]:
        """Run a batch.

        Parameters
        ----------
        x : array (n_samples, n_inputs)

        Returns
        -------
        list of array
            The inputs, and what each layer makes of them, (n_samples, units); the last in (0, 1).
        """
        values = [_check.array("x", x, self.dtype, (None, self.sizes[0]))]
        with np.errstate(over="ignore", invalid="ignore"):  # it is heard below
            for k, (w, b) in enumerate(zip(self.weights, self.biases, strict=True), 1):
                y = product(values[-1], w)
                y += b
                _check.finite("x, or weights of the decoder,", y)
                values.append(sigmoid(y) if k == len(self.weights) else np.maximum(y, 0, out=y))
        return values

    def backward(
        self,
        values: Sequence[np.ndarray],
        g: ArrayLike,
        *,
        out: Gradients | None = None,
        inputs: bool = False,
    ) -> Gradients | tuple[Gradients, np.ndarray]:
        """Gradients by weights and biases.

        Parameters
        ----------
        values : list of array
            What `forward` returned.
        g : array (n_samples, n_outputs)
            Gradient of the loss by the outputs.
        out : Gradients, optional
            From an earlier call; its memory is used again.
        inputs : bool
            Also return the gradient by the inputs, (n_samples, n_inputs).

        Returns
        -------
        Gradients, or a tuple of Gradients and array
        """
        values = _check.sequence("values", values, len(self.sizes), "arrays, as forward returns")
        n = len(_check.array("values[0]", values[0], self.dtype, (None, self.sizes[0])))
        values = [
            _check.array(f"values[{k}]", x, self.dtype, (n, size))
            for k, (x, size) in enumerate(zip(values, self.sizes, strict=True))
        ]
        g = _check.array("g", g, self.dtype, (n, self.sizes[-1]))
        inputs = _check.flag("inputs", inputs)
        out = _backward.written_to(out, self, "decoder")
        with np.errstate(over="ignore", invalid="ignore"):  # it is heard below
            g = g * values[-1] * (1 - values[-1])
            for k in range(len(self.weights) - 1, -1, -1):
                weights, bias = (self.blocks[2 * k + i].of(out.flat) for i in (0, 1))
                weights[...] = product_transposed(values[k], g)
                bias[0] = g.sum(axis=0)
                if k > 0 or inputs:
                    g = product(g, self.weights[k].T)
                if k > 0:
                    g *= values[k] > 0
        _check.finite("g, or values,", out.flat)
        return (out, _check.finite("g, or values,", g)) if inputs else out

    def __reduce__(self):  # weights are views of one array: lay them out anew
        return type(self)._restored, (self.sizes, self.dtype, self.parameters.copy())

    @classmethod
    def _restored(cls, sizes, dtype, parameters):
        out = cls(sizes, rng=0, dtype=dtype)
        out.parameters[...] = parameters
        return out

    def __repr__(self):
        return f"Decoder({' - '.join(map(str, self.sizes))}, {self.parameters.dtype})"


def _blocks(sizes):
    """Weights and a bias per layer."""
    start = 0
    for k, (rows, columns) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        for name, n in (("weights", rows), ("bias", 1)):
            block = Block(k, name, n, columns, padded_width(columns), start, name == "weights")
            yield block
            start = block.stop


def sigmoid(x: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-x))``, of an array of floats, in its precision."""
    return 0.5 * (1 + np.tanh(0.5 * _check.floats("x", x)))
