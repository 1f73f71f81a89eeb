"""The early reset: membranes are clamped a while after the first input spike."""

import numpy as np

from snnlab.kernels import lif
from snnlab.signals import SpikeTrains


def forget_later(trace, steps):
    """Clear all that is later than so many steps after each sample's first input spike."""
    first = np.zeros(len(trace), np.int64)
    if isinstance(trace.inputs, SpikeTrains):
        some = trace.inputs.counts() > 0
        first[some] = trace.inputs.step[trace.inputs.start[some]]
    end = first + max(1, int(steps + 1e-9))  # whole steps; a quotient may be an ulp too small
    for train in trace.spikes:
        which, events = train.rows()
        early = train.step[events] < end[which]
        start, stop, *_ = train.events
        stop[...] = start + np.bincount(which[early], minlength=len(trace))
    late = np.arange(trace.inputs.n_steps) >= end[:, None]
    trace.readout[late] = 0
    for record in trace.records:
        if record.potentials is not None:
            record.bits[...] = 0
            lif.mark_spikes(*record.spikes.events, record.bits)
            record.potentials[:, ::-1][late] = 0  # stored last step first
