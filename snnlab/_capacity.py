"""Whether a pass fits into memory: estimated before anything is allocated."""

import numpy as np

from snnlab.kernels.lif import BLOCK
from snnlab.layers.base import Linear
from snnlab.memory import giga, short_of
from snnlab.signals import SpikeTrains

ACTIVE = 0.1  # share of units and steps that spike, of which lists are kept
EVENT = 8  # bytes of an event: step and unit
INDEX = 4  # bytes of the place of a number in a list
CONSTANTS = 6  # numbers that a unit has


def check_layers(what, n_parameters, n_drawn, n_units, dtype):
    """Refuse layers that do not fit, before the last of them is made.

    Parameters
    ----------
    what : str
        Which layer comes last.
    n_parameters, n_drawn, n_units : int
        Of all layers; of the layer that has most, as its numbers are drawn; of all again.
    dtype : dtype
    """
    drawn = n_drawn * (np.dtype(np.float64).itemsize + dtype.itemsize)  # then cast, and put
    need = (n_parameters + CONSTANTS * n_units) * dtype.itemsize + drawn
    free = short_of(need)
    if free is not None:
        raise MemoryError(
            f"layers: with {what} there would be {n_parameters:,} parameters and {n_units:,} "
            f"units, which need about {giga(need)} to begin with, and {giga(free)} are free"
        )


def trace_bytes(network, n_samples, potentials=True):
    """Bytes of a trace; of lists of spikes, which grow with activity, what a tenth would need.

    Parameters
    ----------
    network : Network
    n_samples : int
    potentials : bool
        Whether membrane potentials are kept, for a backward pass.
    """
    n_steps, size, total = network.n_steps, network.dtype.itemsize, 0
    for stage in network.stages:
        if stage.gives is not SpikeTrains:
            total += n_steps * stage.n * size * (2 if stage.rates and potentials else 1)
            continue
        if stage.layer.keeps_bits or (potentials and stage.fires):
            total += -(-n_steps // BLOCK) * stage.width
        if potentials and stage.fires:
            total += n_steps * stage.width * size
        if stage.lists_events:
            total += int(ACTIVE * n_steps * stage.n) * EVENT
    if network.stages[-1].gives is SpikeTrains:
        total += n_steps * network.stages[-1].n * size
    return n_samples * total


def scratch_bytes(network, kind, n_samples, backward=True):
    """Bytes that a forward pass, and a backward pass, work with besides.

    Parameters
    ----------
    network : Network
    kind : type
        Of the inputs: SpikeTrains, ConstantCurrent or Values.
    n_samples : int
    backward : bool
    """
    wiring, n_steps, size = network.wiring(kind), network.n_steps, network.dtype.itemsize
    drives = errors = 0
    for k, stage in enumerate(network.stages):
        whole = n_steps * stage.width * size
        own = stage.layer.keeps_bits and stage.fires  # its kernel needs no array of currents
        if isinstance(stage.layer, Linear) and not (wiring.follows_events[k] or own):
            drives += stage.width * size if wiring.is_constant[k] else whole
            if wiring.is_constant[k]:  # lists of a product (`snnlab.products`)
                drives += stage.n_in * (size + INDEX)
            # its adjoint makes an error of what it hears, wanted or not
            errors += 0 if wiring.hears_constant[k] else n_steps * stage.n_in * size
        if wiring.hearers(k) and wiring.error_is_written[k]:
            errors += whole
        used_up = k == 0 or (own and stage.shortcut is None)
        used_up &= not stage.learned or stage.fills_constants
        if stage.neuron is not None and not used_up:
            errors += whole
    return n_samples * (drives + backward * errors)


def check(network, kind, n_samples, potentials):
    """Refuse a batch whose passes do not fit; MemoryError says how many samples would.

    Parameters are those of `trace_bytes` and `scratch_bytes`; where potentials are kept, a backward
    pass is taken to follow.
    """
    trace = trace_bytes(network, n_samples, potentials)
    work = scratch_bytes(network, kind, n_samples, potentials)
    free = short_of(trace + work)
    if free is None:
        return
    fit = int(free // -(-(trace + work) // n_samples))
    passes = "forward and backward" if potentials else "forward"
    what_fits = f"a batch of at most {fit:,} fits" if fit else "not even one fits"
    raise MemoryError(
        f"a batch of {n_samples:,} samples needs about {giga(trace + work)} for passes {passes} "
        f"({giga(trace)} of it for the trace), and {giga(free)} are free: {what_fits}"
    )
