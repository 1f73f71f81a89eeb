"""`Network`: a list of layers, run forward to a `Trace` and backward from one."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _backward, _check
from snnlab._workers import worker_count
from snnlab.activity import scale_to_activity
from snnlab.blueprint import (
    check_layers,
    check_models,
    check_neurons,
    from_header,
    initial_spread,
    make_stages,
    with_neurons,
)
from snnlab.layers import Dense
from snnlab.learning.evaluation import predict_scores
from snnlab.medium import IDEAL, run_on
from snnlab.memory import Workspaces
from snnlab.network_file import NetworkFile
from snnlab.parameters import check_weights, fill_blocks, new_flat
from snnlab.passes import Backward, Wiring
from snnlab.reports import summary
from snnlab.signals import check_inputs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from numpy.typing import DTypeLike

    from snnlab._types import Inputs, Loss, Seed, Signals
    from snnlab.medium import Medium
    from snnlab.neurons import LIF, LeakyIntegrator
    from snnlab.parameters import Block, Gradients
    from snnlab.rewiring.compressed import CompressedNetwork
    from snnlab.trace import Trace


class Network(NetworkFile):
    """A network of spiking neurons: layers, one upon the other.

    Parameters
    ----------
    layers : sequence
        First the inputs: an int, or their shape, ``(n,)`` or ``(y, x, channel)``. Then the layers
        (`snnlab.layers`); an int n is ``Dense(n)``. At least one.
    neuron : LIF or sequence of LIF
        Hidden neurons: one model for all hidden layers or one per layer.
    readout : LeakyIntegrator or LIF, optional
        Neurons of the last layer that has some: an integrator's potentials or a neuron's spikes are
        read out. By default the integrator with the last hidden neuron's constants.
    n_steps : int
        Time steps of a sample.
    rng : numpy.random.Generator or int
        For the initial weights.
    spread : float, optional
        Initial weights are normal with standard deviation ``spread / sqrt(n_in)``; by default
        ``0.7 (1 - decay_mem) / gain`` (Cramer et al. 2022, code), and ``sqrt(2)`` of units without
        spikes. See also `scale_to_activity`.
    dtype : numpy.float32 or numpy.float64
        Of weights, potentials and gradients.
    workers : int, optional
        Threads; by default all that this process may use. Results do not depend on it.

    Attributes
    ----------
    weights : tuple of array (n_in, n_out)
        Per block that can be pruned, one per layer that has weights. Views of ``parameters``:
        change them in place (``network.weights[0][...] = w``).
    parameters : array
        All blocks in one flat array (with padding, which stays zero); optimisers work on it.
    blocks : tuple of Block
        What lies where in it.
    layers : tuple of Layer
    neurons : tuple
        Model of each layer that has neurons, the readout's last.
    sizes : tuple of int
        Inputs, and units of each layer.
    stages : list of Stage
        The layers as they stand here, those of composites one by one.

    Raises
    ------
    TypeError, ValueError
        Arguments of the wrong kind or out of range; the message names the argument.
    """

    def __init__(
        self,
        layers: Sequence,
        neuron: LIF | Sequence[LIF],
        *,
        n_steps: int,
        rng: Seed,
        readout: LeakyIntegrator | LIF | None = None,
        spread: float | None = None,
        dtype: DTypeLike = np.float32,
        workers: int | None = None,
    ) -> None:
        shape, layers = check_layers(layers)
        models = check_neurons(neuron, readout, len(with_neurons(layers)))
        rng = _check.generator("rng", rng)
        self._build(shape, layers, models, n_steps, dtype, workers)
        for stage in self.stages:
            if stage.neuron is not None:
                sd = initial_spread(spread, stage.neuron)
                start = stage.layer.init(rng, stage.shape_in, sd)
                start = stage.layer.tuned(start, stage.neuron, self.n_steps)
                if set(start) != set(stage.blocks):
                    raise ValueError(
                        f"init of {stage.name} gives {sorted(start)}, "
                        f"its blocks are {sorted(stage.blocks)}"
                    )
                for name, block in stage.blocks.items():
                    size, what = (block.rows, block.columns), f"init of {stage.name}: {name}"
                    x = _check.array(what, start[name], self.dtype, size)
                    block.of(self.parameters)[...] = x

    def _build(self, shape, layers, neurons, n_steps, dtype, workers):
        self._shape, self._layers = shape, layers
        self._n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
        self._dtype = _real_type(dtype)
        self.workers = worker_count(workers) if workers is not None else None
        self._stages = make_stages(shape, layers, neurons, self.dtype)
        found = ({**stage.blocks, **stage.learned}.values() for stage in self.stages)
        self._blocks = tuple(block for blocks in found for block in blocks)
        if not self._blocks:
            raise ValueError("layers must have parameters")
        self._parameters = new_flat(self._blocks, self.dtype)
        self._weights = tuple(b.of(self._parameters) for b in self._blocks if b.prunable)
        for stage in self.stages:
            stage.store(self._parameters)
        self.workspaces, self._wirings = Workspaces(), {}
        self._sizes = (self.stages[0].n_in, *(stage.n for stage in self.stages))
        self.total_width = sum(stage.width for stage in self.stages)
        self._conditions = [stage.conditions(self._parameters) for stage in self.stages]
        # whether samples are worth a thread each, which changes the order of sums
        per_sample = self.n_steps * self.total_width
        self.is_heavy = per_sample >= 50_000 and any(s.layer.keeps_bits for s in self.stages)
        self.neuron_stages = [stage for stage in self.stages if stage.neuron is not None]
        self.normalises = any(stage.layer.normalises for stage in self.stages)
        self.hidden_stages = [stage for stage in self.neuron_stages[:-1] if stage.fires]

    # what is laid out by them is not changed any more; parameters change in place
    n_steps = property(attrgetter("_n_steps"), doc="Time steps of a sample.")
    dtype = property(attrgetter("_dtype"), doc="Precision of weights, potentials and gradients.")
    layers = property(attrgetter("_layers"), doc="The layers, as they were given.")
    stages = property(attrgetter("_stages"), doc="The layers as they stand here, one by one.")
    shape_in = property(attrgetter("_shape"), doc="Shape of a sample's inputs in one step.")
    sizes = property(attrgetter("_sizes"), doc="Inputs, and units of each layer.")
    blocks = property(attrgetter("_blocks"), doc="Where each block lies in the parameters.")
    parameters = property(attrgetter("_parameters"), doc="All blocks, flat and padded.")
    weights = property(attrgetter("_weights"), doc="Per block of weights a view (n_in, n_out).")

    @property
    def neurons(self) -> tuple[LeakyIntegrator, ...]:
        """Model of each layer that has neurons, with what it has learned."""
        return tuple(stage.model for stage in self.neuron_stages)

    @property
    def ideal_conditions(self) -> list:
        """Under which layers run in the ideal simulation (`snnlab.layers.stage.Conditions`)."""
        pairs = zip(self._conditions, self.stages, strict=True)
        return [c._replace(constants=s.constants) if s.learned else c for c, s in pairs]

    @property
    def weight_blocks(self) -> tuple[Block, ...]:
        """The blocks that `weights` are views of."""
        return tuple(block for block in self._blocks if block.prunable)

    @property
    def spiking_readout(self) -> bool:
        """Whether the last layer spikes."""
        return self.stages[-1].fires

    @property
    def dt(self) -> float:
        """Time step in seconds."""
        return self.neuron_stages[0].neuron.dt

    def wiring(self, kind: type) -> Wiring:
        """Who hears whom, for inputs of a kind (a class); a `Wiring`."""
        if kind not in self._wirings:
            self._wirings[kind] = Wiring(self.stages, kind)
        return self._wirings[kind]

    # the three steps ------------------------------------------------------------------------------

    def forward(
        self,
        inputs: Signals,
        *,
        on: Medium | None = None,
        potentials: bool = True,
        dropout: list[np.ndarray | None] | None = None,
        out: Trace | None = None,
        training: bool = False,
    ) -> Trace:
        """Run a batch.

        Parameters
        ----------
        inputs : SpikeTrains, ConstantCurrent or Values
            ``n_units`` and ``n_steps`` as the network's.
        on : Substrate, Recording or another medium, optional
            What runs it (`snnlab.medium`); simulated as it is by default.
        potentials : bool
            Keep the membrane potentials, which a backward pass needs. Without, inference is faster
            and uses little memory.
        dropout : list of (array of bool (n,) or None), optional
            Per hidden layer which units take part; the others hear nothing and begin at rest.
        out : Trace, optional
            A trace that an earlier call returned and that may be written over: its memory is used
            again if it fits.
        training : bool
            Whether layers with a norm (`snnlab.layers.norm`) take the statistics of this batch,
            and their running ones learn from them. To others it is all the same.

        Returns
        -------
        Trace
        """
        medium = IDEAL if on is None else on
        if not hasattr(medium, "run") or isinstance(medium, type):
            raise TypeError(f"on must be a Substrate, a Recording or the like, not {on!r}")
        potentials = _check.flag("potentials", potentials)
        check_weights(self)
        how = {"training": True} if _check.flag("training", training) and self.normalises else {}
        return run_on(medium, self, inputs, potentials=potentials, dropout=dropout, out=out, **how)

    def backward(
        self,
        trace: Trace,
        g_readout: np.ndarray,
        *,
        g_spikes: Sequence[np.ndarray | None] | None = None,
        out: Gradients | None = None,
        adjoints: bool = False,
        inputs: bool = False,
    ) -> Gradients | tuple:
        """Gradients by the weights, read from a trace.

        Nothing is simulated again: potentials and spikes are taken as they are in the trace, also
        where they were measured on a substrate. Constants and thresholds are this network's. What
        is too large for the network's dtype is infinite: an optimiser's step refuses that.

        Parameters
        ----------
        trace : Trace
        g_readout : array (sample, time, class)
            Gradient of the loss by ``trace.readout``.
        g_spikes : list of (array or None), optional
            Per hidden layer the gradient of a penalty by its spikes, (sample, time, unit), or
            (sample, 1, unit) if it is the same in every step.
        out : Gradients, optional
            From an earlier call of this network; its memory is used again.
        adjoints : bool
            Also return the adjoint synaptic currents, the gradient by each layer's current:
            a list of arrays (sample, time, unit).
        inputs : bool
            Also return the gradient by the inputs, (sample, time, unit); (sample, 1, unit) where
            they are constant.

        Returns
        -------
        Gradients, or a tuple of Gradients and what else was asked for, in this order
        """
        g_readout, g_spikes = _backward.checked(self, trace, g_readout, g_spikes)
        adjoints, inputs = _check.flag("adjoints", adjoints), _check.flag("inputs", inputs)
        out = _backward.written_to(out, self)
        with self.workspaces.borrow() as scratch:
            run = Backward(self, trace, scratch, out, g_readout, g_spikes, adjoints, inputs)
            run.run()
            more = []
            if adjoints:
                pairs = zip(run.g_currents, self.stages, strict=True)
                more.append([g[:, :, : s.n].copy() for g, s in pairs if s.neuron is not None])
            if inputs:
                more.append(run.g_inputs)
        return (out, *more) if more else out

    # checks ---------------------------------------------------------------------------------------

    def check_inputs(self, inputs: Signals, name: str = "inputs") -> None:
        """Refuse what is no batch of inputs for this network; ``name`` is what errors call it."""
        check_inputs(name, inputs, self.sizes[0], self.n_steps, self.dtype)

    # initial activity -----------------------------------------------------------------------------

    def scale_to_activity(
        self,
        inputs: Signals,
        layer_spikes: float | None = None,
        readout: float | None = None,
        *,
        rate: float | None = None,
        level: float | None = None,
    ) -> Self:
        """Scale each hidden layer's weights: what begins silent, or deafened, learns slowly.

        Parameters
        ----------
        inputs : SpikeTrains or ConstantCurrent
            A few hundred samples; of more, the first 1,000 are used.
        layer_spikes : float, optional
            Mean number of spikes per sample and hidden layer to aim at.
        readout : float, optional
            Scale the last layer's weights as well, until the standard deviation of its largest
            potentials, over samples and classes, is this; of neurons that spike, and may vote
            (`snnlab.layers.Vote`), until that is their mean number of spikes per unit and step.
        rate : float, optional
            Instead of ``layer_spikes``: mean spikes per unit and step, for layers of unlike sizes.
        level : float, optional
            Lift each output until its largest potential is this on average (1 does well): some
            else begin at rest in all samples, where `MaxOverTime` has no gradient.

        Returns
        -------
        Network
            This network, changed in place. A layer that spikes more even without its weights (by a
            shortcut, by ``v_init``) keeps them, with a warning.

        Raises
        ------
        ValueError
            If a layer cannot spike as often, or an output not reach the level, however weights are
            changed; or a readout is not in proportion to them.
        """
        scale_to_activity(self, inputs, layer_spikes, readout, rate, level)
        return self

    # copies -----------------------------------------------------------------------------

    def copy(self) -> Network:
        """An independent network with equal weights."""
        return self.replace()

    def replace(
        self,
        *,
        layers: Sequence | None = None,
        neurons: Sequence[LeakyIntegrator] | None = None,
        n_steps: int | None = None,
        weights: Sequence[np.ndarray] | None = None,
    ) -> Network:
        """A new network with some things changed, everything else as here.

        Parameters
        ----------
        layers : sequence, optional
            As `Network` takes them. Where blocks change their shapes, ``weights`` must be given.
        neurons : sequence, optional
            A model per layer that has neurons, the readout's last; constants that they learn begin
            with theirs.
        n_steps : int, optional
        weights : sequence of array, optional
            One per block of weights; other blocks stay as they are.

        Returns
        -------
        Network
        """
        shape, layers = (self._shape, self._layers) if layers is None else check_layers(layers)
        models = [stage.neuron for stage in self.neuron_stages]
        models = models if neurons is None else _check.sequence("neurons", neurons)
        new = Network.__new__(Network)
        new._build(
            shape, layers, check_models(models, len(with_neurons(layers))),
            self.n_steps if n_steps is None else n_steps, self.dtype, self.workers,
        )  # fmt: skip
        kept, taken = (
            [
                block
                for stage in net.stages
                for block in (stage.blocks | (stage.learned if neurons is None else {})).values()
                if weights is None or not block.prunable
            ]
            for net in (self, new)
        )
        same = [(b.stage, b.name, b.rows, b.columns) for b in kept]
        if same != [(b.stage, b.name, b.rows, b.columns) for b in taken]:
            fault = "other blocks (biases and the like) than this network"
            if weights is None:
                fault = "other weights than this network: weights must be given"
            raise ValueError(f"layers have {fault}")
        for old, block in zip(kept, taken, strict=True):
            block.of(new.parameters)[...] = old.of(self.parameters)
        if weights is None:
            return new
        weights = _check.sequence("weights", weights, len(new.weights), "arrays, one per layer")
        for k, (w, given) in enumerate(zip(new.weights, weights, strict=True)):
            w[...] = _check.array(f"weights[{k}]", given, new.dtype, w.shape)
        return new

    def compressed(
        self, threshold: float | None = None, *, unheard: bool = False
    ) -> CompressedNetwork:
        """A copy for inference that stores and multiplies only the weights that are not zero.

        For pruned networks: memory and time follow the synapses that are left, and units without
        inputs or outputs are left out. (Of convolutions all units stay, and ``unheard`` says
        nothing.) `evaluate` takes it, `train` does not.

        Parameters
        ----------
        threshold, unheard
            As for `snnlab.sparse.CompressedNetwork`.

        Returns
        -------
        snnlab.sparse.CompressedNetwork or snnlab.rewiring.compressed_images.CompressedImages
        """
        if any(getattr(stage.layer, "by_patches", False) for stage in self.stages):
            from snnlab.rewiring.compressed_images import CompressedImages

            _check.flag("unheard", unheard)
            return CompressedImages(self, threshold)
        from snnlab.rewiring.compressed import CompressedNetwork

        return CompressedNetwork(self, threshold, unheard)

    @classmethod
    def _restored(cls, header, arrays, workers=None):
        """A network from the header and arrays of a file."""
        shape, layers, models = from_header(header)
        network = cls.__new__(cls)
        network._build(shape, layers, models, header["n_steps"], header["dtype"], workers)
        fill_blocks(network.blocks, network.parameters, arrays)
        return network

    # in short -------------------------------------------------------------------------------------

    def predict(self, inputs: Inputs, loss: Loss = "max_over_time") -> np.ndarray:
        """The class of each sample, int64 (n_samples,), as `snnlab.evaluate` decides."""
        return predict_scores(self, inputs, loss=loss)[0].argmax(axis=-1)

    def summary(self, inputs: Signals | None = None) -> str:
        """A table (text, in a notebook HTML): layers, units, parameters; activity, with inputs."""
        return summary.as_text(self, inputs)

    def _repr_html_(self):
        return summary.as_html(self, *summary.rows_of(self))

    def __repr__(self):
        if all(isinstance(layer, Dense) for layer in self._layers):
            layers = "-".join(map(str, self.sizes))
        else:
            layers = ", ".join(map(repr, (self._shape, *self._layers)))
        return f"Network({layers}, {self.n_steps} steps of {self.dt:g} s)"


def _real_type(dtype):
    """float32 or float64, as a NumPy type."""
    try:
        found = np.dtype(dtype) if isinstance(dtype, str | type | np.dtype) else None
    except TypeError:
        found = None
    if found not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    return found.newbyteorder("=")
