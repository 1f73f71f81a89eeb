"""Passes: a batch through all layers of a network, forward and backward.

A pass knows who hears whom and where everything lies; what a layer does is in `snnlab.layers`. Both
are shared among threads: forward sample by sample where all layers are kernels, else, and always
backward, by fixed chunks of samples, each with a gradient of its own that is summed in order. So no
result depends on the number of threads.
"""

from functools import cache, partial

import numpy as np

from snnlab._workers import share, worker_count
from snnlab.currents import ConstantCurrent, Values
from snnlab.kernels import lif
from snnlab.layers.base import firing_back_reals
from snnlab.layers.constants import LearnedBack
from snnlab.layers.stage import without_units
from snnlab.memory import aligned
from snnlab.record import spike_bits
from snnlab.signals import SpikeTrains
from snnlab.surrogate import slope

__all__ = ["Backward", "Forward", "Pass", "Wiring"]

WORTH_SHARING = 100_000  # updates of neurons in a batch from which on threads are worth dispatching


@cache
def chunk_borders(n_samples, heavy=False):
    """Borders of the chunks whose gradients are summed in order.

    They depend on the batch and the network alone, not on the number of threads, and so does the
    sum. Samples of a ``heavy`` network are worth a thread each.
    """
    if heavy and n_samples < 64:
        n = min(n_samples, 4)
    else:
        n = 1 if n_samples < 32 else 2 if n_samples < 64 else 4 if n_samples < 256 else 8
    return np.arange(n + 1) * n_samples // n


def threads_worth(updates, workers):
    """Threads worth their dispatch for so many updates of neurons: one for few."""
    return 1 if updates < WORTH_SHARING else workers or worker_count()


class Wiring:
    """Who hears whom in a network, and how, for inputs of a kind.

    Parameters
    ----------
    stages : list of Stage
    kind : type
        Of the inputs: SpikeTrains, ConstantCurrent or Values, or derived from one of them.

    Attributes
    ----------
    follows_events : list of bool
        Whether a layer hears spikes, and takes them as events.
    hears_constant : list of bool
        Whether it hears the same in every step.
    is_constant : list of bool
        And nothing else is added to its currents.
    error_is_read_below : list of bool
        Whether the layer below reads its error itself.
    sums_suffice : list of bool
        Whether a layer's gradient needs no more of its currents than their sums over time.
    """

    def __init__(self, stages, kind):
        self.stages = stages
        known = SpikeTrains, ConstantCurrent, Values  # one's own class is heard as one of them
        kind = next((k for k in known if issubclass(kind, k)), kind)
        heard = [kind if s.source < 0 else stages[s.source].gives for s in stages]
        plain = [stage.shortcut is None for stage in stages]
        self.follows_events = [
            alone and stage.layer.follows_events(signal)
            for alone, stage, signal in zip(plain, stages, heard, strict=True)
        ]
        for k, stage in enumerate(stages):
            weights = stage.blocks.get("weights")
            size = weights and (weights.rows, weights.columns)
            if self.follows_events[k] and size != (stage.n_in, stage.n):
                raise ValueError(f"{stage.name} must have a weight per event and unit, not {size}")
        self.hears_constant = [signal is ConstantCurrent for signal in heard]
        self.is_constant = [a and b for a, b in zip(plain, self.hears_constant, strict=True)]
        self.sums_suffice = [
            constant and stage.layer.sums_suffice
            for constant, stage in zip(self.is_constant, stages, strict=True)
        ]
        self._hearers = {k: [] for k in range(-1, len(stages))}
        for k, stage in enumerate(stages):
            self._hearers[stage.source].append(k)
            if stage.shortcut is not None:
                self._hearers[stage.shortcut].append(k)
        self.error_is_read_below = [
            self.follows_events[k]
            and self.hearers(stage.source) == [k]
            and stage.source >= 0
            and stage.layer.error_is_read_below(stages[stage.source])
            for k, stage in enumerate(stages)
        ]
        # whether a layer's error is written by those that hear it
        self.error_is_written = [
            any(not self.error_is_read_below[j] for j in self.hearers(k))
            for k in range(len(stages))
        ]

    def hearers(self, k):
        """Numbers of the layers that hear layer k (-1: the inputs), once for each way."""
        return self._hearers[k]


def segments_of(by_batch):
    """Layers that need not wait for each other, in order; those that need a whole batch alone."""
    segments = [[]]
    for k, alone in enumerate(by_batch):
        if alone:
            segments += [[k], []]
        else:
            segments[-1].append(k)
    return [segment for segment in segments if segment]


class Pass:
    """What forward and backward passes have in common.

    Attributes
    ----------
    stages : list of Stage
    wiring : Wiring
    trace : Trace
    scratch : Workspace
    edges : array of int
        Borders of the chunks.
    """

    def __init__(self, network, trace, scratch):
        self.stages, self.trace, self.scratch = network.stages, trace, scratch
        self.wiring = network.wiring(type(trace.inputs))
        self.n_steps, self.dtype = network.n_steps, network.dtype
        self.edges = chunk_borders(len(trace), network.is_heavy)
        self.plans = {}  # of some layers: how they are run
        self.heard = {}  # of some layers: events that they follow, made of those that are given
        updates = len(trace) * network.n_steps * network.total_width
        self.threads = threads_worth(updates, network.workers)

    def share(self, work, n):
        """Call ``work(lo, hi)`` for all of ``range(n)``, among the threads."""
        share(work, n, self.threads)

    def signal(self, k):
        """What layer k hears."""
        return self.trace.signal_of(self.stages[k].source)

    def values(self, k, lo, hi):
        """What layer k hears, as an array (sample, time or 1, *shape*)."""
        x = self._values(self.stages[k].source, lo, hi)
        return x.reshape(*x.shape[:2], *self.stages[k].shape_in)

    def shortcut_values(self, k, lo, hi):
        """What is added to layer k's currents, (sample, time or 1, unit)."""
        stage = self.stages[k]
        x = self._values(stage.shortcut, lo, hi)
        if stage.added is None:
            return x
        return np.where(stage.added >= 0, x[:, :, stage.added], x.dtype.type(0))

    def _values(self, source, lo, hi):
        if source < 0:
            return self.trace.inputs.values(lo, hi, self.dtype)
        return self.trace.records[source].values_of(lo, hi, self.dtype)


class Forward(Pass):
    """A forward pass under `snnlab.layers.stage.Conditions`, one per layer; fills a trace.

    Attributes
    ----------
    conditions : list of Conditions
    drives : list of array (sample, time or 1, width)
        Currents of layers that do not follow events; others are empty.
    fills, neurons : dict
        Of some layers: what works out their currents, and what then runs their neurons.
    parameters : array
        The network's.
    training : bool
        Whether layers with a norm take statistics of the batch, and learn from them.
    keeps : bool
        Whether the trace is one to be read backwards.
    by_batch : list of bool
        Per layer whether it needs the whole batch at once.
    """

    def __init__(self, network, trace, scratch, conditions, training=False):
        super().__init__(network, trace, scratch)
        self.parameters, self.training = network.parameters, training
        self.thin = {}  # of convolutions that have few weights: these (`snnlab.layers.patches`)
        self.conditions = conditions
        none = np.empty((0, 1, 1), self.dtype)
        self.drives, self.fills, self.neurons = [none] * len(self.stages), {}, {}
        self.weights = [self._tiled(k) for k in range(len(self.stages))]
        self.keeps = all(record.holds_potentials for record in trace.records)
        self.by_batch = [stage.layer.by_batch(self, k) for k, stage in enumerate(self.stages)]

    def views(self, k):
        """The blocks of layer k by name, as matrices without padding."""
        padded, blocks = self.conditions[k].blocks, self.stages[k].blocks
        return {name: padded[name][:, : block.columns] for name, block in blocks.items()}

    def _tiled(self, k):
        """Weights of layer k, as wide as the layer: whole tiles; empty where it has none."""
        blocks, width = self.conditions[k].blocks, self.stages[k].width
        weights = blocks["weights"] if "weights" in blocks else np.empty((0, 1), self.dtype)
        if self.wiring.follows_events[k] and weights.shape[1] < width:
            return self.scratch.padded(f"weights {k}", weights, width)
        return weights

    def passing(self, stage):
        """Memory for potentials and spikes that are not kept: all samples write over one."""
        v = aligned((1, self.n_steps, stage.width), self.dtype)
        return v, spike_bits(1, self.n_steps, stage.width)

    def run(self):
        """All layers, all samples."""
        self.run_some(0, len(self.stages))
        last = self.trace.records[-1]
        if last.values is None:
            self.trace.readout[...] = last.spikes.to_dense(self.dtype)

    def run_some(self, first, last):
        """Layers first to last - 1; the trace holds what those below did."""
        for segment in segments_of(self.by_batch):
            layers = [(k, self.stages[k].layer) for k in segment if first <= k < last]
            for k, layer in layers:
                layer.prepare(self, k)
                if self.by_batch[k]:
                    self.share(partial(layer.gather, self, k), len(self.trace))
                    layer.settle(self, k)

            def work(lo, hi, layers=layers):
                for k, layer in layers:
                    layer.forward(self, k, lo, hi)

            if all(layer.runs_by_sample(self, k) for k, layer in layers):
                self.share(work, len(self.trace))
            else:
                self.share(partial(self._by_chunks, work), len(self.edges) - 1)

    def _by_chunks(self, work, first, last):
        for c in range(first, last):
            work(self.edges[c], self.edges[c + 1])


class Backward(Pass):
    """A backward pass; reads a trace, fills gradients.

    Parameters
    ----------
    network : Network
    trace : Trace
    scratch : Workspace
    out : Gradients
    g_readout : array (sample, time, class)
    g_spikes : dict
        Of some layers, by number: gradient by their spikes (sample, time or 1, unit).
    adjoints, inputs : bool
        Whether adjoint currents of all layers, and the gradient by the inputs, are wanted.
    """

    def __init__(self, network, trace, scratch, out, g_readout, g_spikes, adjoints, inputs):
        super().__init__(network, trace, scratch)
        self.out, self.flat, self.inputs = out, network.parameters, inputs
        self.neurons = {}  # of some layers: what runs their neurons backwards
        self.rows = {}  # of some layers: where their kernel adds up gradients by weights
        last = len(self.stages) - 1
        self.constants = [
            stage.neuron and without_units(stage.constants, record.dropout)
            for stage, record in zip(self.stages, trace.records, strict=True)
        ]
        room = (stage.layer.room(stage, network.n_steps) for stage in self.stages)
        self.most_room = max(room)
        self._lay_out_errors(g_readout, g_spikes, last)
        self._lay_out_currents(adjoints)
        self._parts = {
            block.start: self._part(k, block)
            for k, stage in enumerate(self.stages)
            for block in stage.blocks.values()
        }
        # upper weights as the kernel of the layer below reads them
        self.transposed = [
            scratch.padded(
                f"upper weights {k}",
                self.views(k)["weights"].T,
                self.stages[stage.source].width,
            )
            if self.wiring.error_is_read_below[k]
            else None
            for k, stage in enumerate(self.stages)
        ]

    def _part(self, k, block):
        """Memory for each chunk's gradient by a block."""
        n_chunks, width = len(self.edges) - 1, block.width
        if self.wiring.follows_events[k]:
            width = max(width, self.stages[k].width)  # whole tiles
        if n_chunks == 1 and width == block.width:
            return block.padded(self.out.flat)[None]
        rows = 0 if self.wiring.sums_suffice[k] else block.rows
        size = n_chunks, rows, width
        return self.scratch.array(f"gradient by {block.name} {k}", size, self.dtype)

    def _lay_out_errors(self, g_readout, g_spikes, last):
        """Per layer the gradient by what it gives: the loss's, penalties', and from above."""
        n, none = len(self.trace), np.empty((0, 1, 1), self.dtype)
        self.errors, self._penalties, self._from_above = [], [], []
        for k, stage in enumerate(self.stages):
            given = g_spikes.get(k)
            above = self.wiring.hearers(k)
            written = bool(above) and not (
                above == [k + 1] and self.wiring.error_is_read_below[k + 1]
            )
            self._from_above.append(written)
            if k == last:
                self.errors.append(
                    self.scratch.padded("readout", g_readout, stage.width)
                    if stage.fires or stage.rates  # which change it in place
                    else g_readout
                )
            elif written:
                size = n, self.n_steps, stage.width
                self.errors.append(self.scratch.array(f"error {k}", size, self.dtype))
            elif given is not None:
                self.errors.append(self.scratch.padded(f"penalty {k}", given, stage.width))
            else:
                self.errors.append(none)
            self._penalties.append(given if written else None)
        steps = 1 if isinstance(self.trace.inputs, ConstantCurrent) else self.n_steps
        size = n if self.inputs else 0, steps, self.stages[0].n_in
        self.g_inputs = np.zeros(size, self.dtype)

    def _lay_out_currents(self, adjoints):
        """Adjoint currents, where they are read again; of constant inputs, their sums."""
        self.g_currents, self.g_drives, n = [], [], len(self.trace)
        self.g_constants = {}  # of the chunks, by constants of layers with neurons
        for k, stage in enumerate(self.stages):
            if stage.neuron is None:
                self.g_currents.append(None)
                self.g_drives.append(None)
                continue
            # a first layer's are used up as they come, where it hears events, or only their sums
            read = stage.learned and not stage.fills_constants
            kept = adjoints or read or not stage.fires
            kept = kept or not stage.layer.uses_up_currents(self, k)
            size = n if kept else 0, self.n_steps, stage.width
            self.g_currents.append(self.scratch.array(f"currents {k}", size, self.dtype))
            size = n if self.wiring.is_constant[k] else 0, stage.width
            self.g_drives.append(self.scratch.array(f"gradient by drive {k}", size, self.dtype))
            size = len(self.edges) - 1, 3 if stage.learned else 0, stage.width
            name = f"gradient by constants {k}"
            self.g_constants[k] = self.scratch.array(name, size, self.dtype)

    # what layers ask for

    def views(self, k):
        """The blocks of layer k by name, as matrices without padding."""
        return {name: block.of(self.flat) for name, block in self.stages[k].blocks.items()}

    def parts(self, block):
        """Where each chunk's gradient by a block belongs, (chunk, rows, width)."""
        return self._parts[block.start]

    def part(self, block, c):
        """Where chunk c's belongs."""
        return self._parts[block.start][c]

    def event_parts(self, k):
        """Where the kernel adds up gradients by weights, (chunk, row, width); maybe no rows."""
        stage = self.stages[k]
        if k in self.rows:
            return self.rows[k]
        if self.wiring.follows_events[k]:
            return self._parts[stage.blocks["weights"].start]
        return np.empty((len(self.edges) - 1, 0, stage.width), self.dtype)

    def wants_error(self, k):
        """Whether layer k should write the error of what it hears."""
        source = self.stages[k].source
        return self.inputs if source < 0 else not self.wiring.error_is_read_below[k]

    def error(self, k, lo, hi):
        """Gradient by what layer k gave, (sample, time, unit)."""
        return self.errors[k][lo:hi, :, : self.stages[k].n]

    def add_error(self, k, lo, hi, g):
        """Add to the gradient by what layer k gave (-1: the inputs)."""
        if g is None or (k < 0 and not self.inputs):
            return
        out = self.g_inputs[lo:hi] if k < 0 else self.error(k, lo, hi)
        out += g.reshape(*g.shape[:2], -1)

    def add_shortcut_error(self, k, lo, hi, g):
        """The same for what is added to layer k's currents."""
        source, added = self.stages[k].shortcut, self.stages[k].added
        if added is not None:
            n = self.stages[source].n if source >= 0 else self.stages[0].n_in
            whole = np.zeros((*g.shape[:2], n), g.dtype)
            whole[:, :, added[added >= 0]] = g[:, :, added >= 0]
            g = whole
        constant = source < 0 and self.g_inputs.shape[1] == 1
        self.add_error(source, lo, hi, g.sum(axis=1, keepdims=True) if constant else g)

    def g_arriving(self, k, lo, hi):
        """Gradient by the currents of layer k at the step in which their input was there."""
        stage = self.stages[k]
        g, delay = self.g_currents[k][lo:hi, :, : stage.n], stage.neuron.delay
        if delay == 0:
            return g
        out = np.zeros_like(g)
        out[:, : max(0, g.shape[1] - delay)] = g[:, delay:]
        return out

    def from_above(self, k):
        """What the kernel of spiking layer k needs to read its error through the layer above."""
        steepness = self.stages[k].steepness
        if self.wiring.error_is_written[k] or k + 1 == len(self.stages):
            none = np.empty((0, 1, 1), self.dtype), np.empty((0, 1), self.dtype)
            return *none, 0, firing_back_reals(self.dtype, steepness=steepness)
        stage, c = self.stages[k + 1], self.stages[k + 1].constants
        if not stage.fires and stage.uniform:
            passed = self.errors[k + 1]
            filters = {
                "next_decay_syn": c[0, 0],
                "next_decay_mem": c[1, 0],
                "next_gain": c[2, 0],
            }
        else:
            passed, filters = self.g_currents[k + 1], {}
        reals = firing_back_reals(self.dtype, steepness=steepness, **filters)
        return passed, self.transposed[k + 1], stage.neuron.delay, reals

    def slopes_of(self, k):
        """Where kernels read surrogate derivatives that they do not know; empty: they know it."""
        if self.stages[k].surrogate != lif.GIVEN:
            return np.empty((0, 1, 1), self.dtype)
        shape = self.trace.records[k].potentials.shape
        return self.scratch.array(f"slopes {k}", shape, self.dtype)

    def fill_slopes(self, k, lo, hi):
        """Work them out for some samples, if need be."""
        stage = self.stages[k]
        if stage.surrogate == lif.GIVEN:
            v, neuron = self.trace.records[k].potentials[lo:hi, :, : stage.n], stage.neuron
            u = v - self.constants[k][3, : stage.n]
            self.slopes_of(k)[lo:hi, :, : stage.n] = slope(neuron.surrogate, u, neuron.steepness)

    def chunk_scratch(self, c, size):
        """Numbers for a layer's backward pass of chunk c, as long as it works on it."""
        size = max(size, self.most_room)
        return self.scratch.array(f"chunk {c}", (size,), self.dtype)

    # running it

    def run(self):
        """All layers, all samples; returns the gradients."""
        by_batch = [record.statistics is not None for record in self.trace.records]
        learn = {k: LearnedBack(self, k) for k, stage in enumerate(self.stages) if stage.learned}
        for segment in reversed(segments_of(by_batch)):
            layers = [(k, self.stages[k].layer) for k in reversed(segment)]
            for k, layer in layers:
                layer.prepare_back(self, k)
            alone = by_batch[segment[0]]

            def gather(first, last, k=segment[0]):
                self._begin_error(k, self.edges[first], self.edges[last])
                self.stages[k].layer.gather_back(self, k, first, last)

            def work(first, last, layers=layers, alone=alone):
                for k, layer in layers:
                    lo, hi = self.edges[first], self.edges[last]
                    self._clear_below(k, lo, hi)
                    if not alone:
                        self._begin_error(k, lo, hi)
                    layer.backward(self, k, first, last)
                    if k in learn and learn[k].work is not None:
                        learn[k].work(first, last)

            if alone:
                self.share(gather, len(self.edges) - 1)
                self.stages[segment[0]].layer.settle_back(self, segment[0])
            self.share(work, len(self.edges) - 1)
        for k, stage in enumerate(self.stages):
            stage.layer.finish(self, k)
        for constants in learn.values():
            constants.finish()
        return self.out

    def _clear_below(self, k, lo, hi):
        """Errors that layer k is the first to add to begin at zero."""
        for j in {self.stages[k].source, self.stages[k].shortcut} - {None, -1}:
            if self._from_above[j] and max(self.wiring.hearers(j)) == k:
                self.errors[j][lo:hi] = 0

    def _begin_error(self, k, lo, hi):
        """Add what a penalty says to what came from above."""
        if self._penalties[k] is not None:
            out = self.error(k, lo, hi)
            out += self._penalties[k][lo:hi]

    def sum_chunks(self, block):
        """Add up the chunks' gradients by a block."""
        parts = self._parts[block.start]
        if len(parts) > 1 or parts.shape[2] > block.width:
            total = block.padded(self.out.flat)
            work = partial(lif.sum_chunks, parts, total)
            share(work, block.rows, self.threads if total.size > 200_000 else 1)
