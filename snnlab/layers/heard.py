"""What a layer hears of another, as kernels take it: spikes as bits, all else as values."""

import numpy as np

from snnlab.kernels import lif
from snnlab.record import spike_bits
from snnlab.signals import SpikeTrains


class Heard:
    """What a layer hears of a source.

    Parameters
    ----------
    run : Pass
    k : int
        The layer's number.
    source : int or None
        Another's number, -1 for the inputs; None for nothing.

    Attributes
    ----------
    bits : array of uint8 (sample, block, unit)
        Spikes; no samples where there are values.
    values : array (sample, time or 1, unit)
        No samples where there are spikes.
    """

    def __init__(self, run, k, source):
        self.bits, self.values = np.empty((0, 1, 1), np.uint8), np.empty((0, 1, 1), run.dtype)
        self._events = None
        if source is None:
            return
        record = None if source < 0 else run.trace.records[source]
        signal = run.trace.inputs if source < 0 else None
        if record is not None and record.bits is not None:
            self.bits = record.bits
        elif record is not None and record.values is not None:
            self.values = record.values
        elif record is None and not isinstance(signal, SpikeTrains):
            self.values = np.ascontiguousarray(signal.values(0, len(signal), run.dtype))
        else:
            self._events = (signal if record is None else record.spikes).events
            units = signal.n_units if record is None else record.n
            size = spike_bits(0, run.n_steps, units).shape
            self.bits = run.scratch.array(
                f"heard {source} by {k}", (len(run.trace), *size[1:]), np.uint8
            )

    @property
    def given(self):
        """Both, as kernels take them."""
        return self.bits, self.values

    def begin(self, lo, hi):
        """Before samples lo to hi - 1 are looked at."""
        if self._events is not None:
            start, stop, step, unit = self._events
            self.bits[lo:hi] = 0
            lif.mark_spikes(start[lo:hi], stop[lo:hi], step, unit, self.bits[lo:hi])
