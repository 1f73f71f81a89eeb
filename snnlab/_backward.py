"""What a backward pass is given, whichever rule runs it: checks of a trace and of gradients."""

from snnlab import _check
from snnlab.parameters import Gradients
from snnlab.trace import Trace


def checked(network, trace, g_readout, g_spikes, *, potentials=True):
    """The loss's gradient, and penalties' by number of the layer (a dict), if all fits.

    ``potentials``: whether the trace must hold them.
    """
    if not isinstance(trace, Trace):
        raise TypeError(f"trace must be a Trace, not {type(trace).__name__}")
    network.check_inputs(trace.inputs, "trace.inputs")
    n = len(trace.inputs)
    fits = trace.fits(network, n) or (not potentials and trace.fits(network, n, False))
    for record in () if fits or not potentials else trace.records:
        if not record.holds_potentials:
            raise ValueError("trace was made with potentials=False: it holds none to read")
        if record.v is not None and record.v.dtype != network.dtype:
            raise ValueError(
                f"trace must hold {network.dtype} potentials, as the network's weights"
            )
    if not fits:
        raise ValueError("trace does not fit the network's layers, or its readout")
    for record, stage in zip(trace.records, network.stages, strict=True):
        if potentials and not _fits_norm(record, stage, network):
            raise ValueError(f"trace does not fit the norm of {stage.name}")
    shape = len(trace), network.n_steps, network.sizes[-1]
    g_readout = _check.array("g_readout", g_readout, network.dtype, shape)
    hidden = [k for k, stage in enumerate(network.stages) if stage in network.hidden_stages]
    given = [None] * len(hidden) if g_spikes is None else _check.sequence("g_spikes", g_spikes)
    if len(given) != len(hidden):
        raise ValueError(f"g_spikes must have {len(hidden)} entries, one per hidden layer")
    by_layer = {}
    for i, (k, g) in enumerate(zip(hidden, given, strict=True)):
        if g is not None:
            size = (len(trace), None, network.stages[k].n)
            by_layer[k] = _check.array(f"g_spikes[{i}]", g, network.dtype, size)
            if by_layer[k].shape[1] not in (1, network.n_steps):
                raise ValueError(f"g_spikes[{i}] must have 1 or {network.n_steps} steps")
    return g_readout, by_layer


def _fits_norm(record, stage, network):
    """Whether statistics of a batch are there, or running ones, where currents are normalised."""
    of_batch = record.statistics is not None
    if not stage.layer.normalises:
        return not of_batch
    if of_batch:
        return len(record.statistics.mean) == stage.blocks["gain"].columns
    blocks = {name: block.of(network.parameters) for name, block in stage.blocks.items()}
    return not stage.layer.norm.is_new(blocks)


def written_to(out, network, what="network"):
    """``out``, if it is `Gradients` of a network, or new ones if it is None."""
    if out is None:
        return Gradients(network)
    if not isinstance(out, Gradients) or not out.fits(network):
        raise ValueError(f"out must be Gradients of this {what}")
    return out
