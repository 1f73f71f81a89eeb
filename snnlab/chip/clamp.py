"""The early reset: membranes are clamped a while after the first input spike."""

import numpy as np

from snnlab.kernels import lif
from snnlab.signals import SpikeTrains


def first_step(inputs):
    """Step of each sample's first input spike, int64 (n_samples,); 0 where there is none."""
    first = np.zeros(len(inputs), np.int64)
    if isinstance(inputs, SpikeTrains):
        some = inputs.stop > inputs.start
        first[some] = inputs.step[inputs.start[some]]  # events are sorted
    return first


def forget_later(trace, steps):
    """Clear all that is later than so many steps after each sample's first input spike."""
    whole = max(1, int(steps + 1e-9))  # a quotient may be an ulp too small
    end = first_step(trace.inputs) + whole
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
