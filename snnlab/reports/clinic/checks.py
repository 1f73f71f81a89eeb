"""Checks: what a report's numbers say is wrong, and which remedy helps.

Thresholds are this package's own. "Measured" refers to networks trained on scikit-learn's digits at
16x16: one to five hidden layers of 60 units that start with half a spike per unit and sample, all
surrogates, steepness 1 to 100, three seeds, eight epochs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.learning import losses
from snnlab.reports.clinic import remedies
from snnlab.reports.clinic.remedies import NEAR

if TYPE_CHECKING:
    from typing import Any

    from snnlab._types import Signals
    from snnlab.network import Network

DEAD = 0.75  # share of a layer; measured networks learn well with up to 2/3 of their units idle
SATURATED = 0.9  # of the spikes a unit can make: its count then says little about the sample
SATURATED_UNITS = 0.2  # share of a layer; measured: 0, and up to 0.04 with currents as input
BURST = 5.0  # spikes of a unit where it responds, per spike of an active input; measured: 1 to 2.5
BURSTING_UNITS = 0.25  # share of a layer; measured: from here on accuracy falls
SILENT_SAMPLES = 0.1  # share of samples that are guessed: no method can make up for them
NARROW = 0.05  # share of samples that bring a unit so near; measured: below, accuracy is lost
VANISHED = 3e-3  # gradient of the first hidden layer per gradient of the last; measured: beyond
EXPLODED = 300.0  # these bounds less than 70 %, between them 89 % (median of surrogates and depths)
RESET_GROWTH = 5.0  # gradient per gradient without its path through the reset; measured: 1 to 1.4
REST = 0.01  # of a threshold: a potential that is as good as none
AT_REST = 0.75  # share of samples; measured: 0.9 to 1 after collapse, up to 0.4 before training
FORGOTTEN = 1e-3  # gradient of a step per the largest of all: that step's input teaches next to nil
SURE = 0.99  # probability from which the softmax is flat: one class takes the whole gradient
SURE_AND_WRONG = 0.25  # share of samples; measured: 0 before and after training with scale 3
AT_LIMIT = 0.1  # share of a layer's weights that cannot grow any more

SEVERITIES = ("critical", "serious")  # nothing can be learnt while it lasts; learning suffers


@dataclass(frozen=True)
class Finding:
    """One kind of trouble.

    Attributes
    ----------
    name : str
    severity : str
        One of `SEVERITIES`.
    measured : str
        A sentence with number and threshold.
    remedy : Remedy
        The one thing to do about it.
    layer : int or None
        Counted from 0; None: the whole network.
    """

    name: str
    severity: str
    measured: str
    remedy: remedies.Remedy
    layer: int | None = None

    def treat(self, network: Network, inputs: Signals) -> tuple[Network, dict[str, Any]]:
        """Carry out the remedy on a copy.

        Parameters
        ----------
        network : Network
        inputs : SpikeTrains or ConstantCurrent
            A few hundred samples.

        Returns
        -------
        network : Network
            Another one; the one given stays as it is.
        training : dict
            Keyword arguments for `snnlab.train` that belong to the remedy.

        Raises
        ------
        ValueError
            Where the remedy is beyond code.
        """
        _check.network("network", network, needs="replace").check_inputs(inputs)
        if self.remedy.cure is None:
            raise ValueError(f"{self.name} is beyond treatment by code: {self.remedy.words}")
        return self.remedy.cure(network.replace(), inputs)


# causes before what they bring about --------------------------------------------------------------


def _percent(share):
    return f"{100 * share:.3g}\N{NO-BREAK SPACE}%"


def _said(share, limit, what):
    return f"{_percent(share)} of {what}; sick from {_percent(limit)}."


def _not_finite(report):
    for k, layer in enumerate(report.layers):
        if not layer.finite:
            said = f"Weights or potentials of {layer.name} are NaN or infinite; none may be."
            yield Finding("values not finite", "critical", said, remedies.REDRAW, k)
            return  # it spreads upwards


def _silent_input(report):
    share = (report.input_counts == 0).mean()
    if share >= SILENT_SAMPLES:
        said = _said(share, SILENT_SAMPLES, "the samples have no input")
        severity = "critical" if share == 1 else "serious"
        yield Finding("silent input", severity, said, remedies.ENCODE)


def _silent_layer(report):
    for k, layer in enumerate(report.hidden):
        if layer.dead.all():
            said = f"None of the {layer.dead.size} units of {layer.name} spikes in any sample."
            yield Finding("silent layer", "critical", said, remedies.RESCALE, k)
            return  # the layers above hear nothing


def _saturated_units(report):
    for k, layer in enumerate(report.hidden):
        if (share := layer.saturated.mean()) >= SATURATED_UNITS:
            what = f"the units of {layer.name} make {_percent(SATURATED)} of their spikes, or more"
            said = _said(share, SATURATED_UNITS, what)
            severity = "critical" if share >= 0.5 else "serious"
            yield Finding("saturated units", severity, said, remedies.RESCALE, k)


def _readout_at_rest(report):
    """The largest potential is then that of a first step, which no weight reaches."""
    by_largest = type(report.loss) is losses.MaxOverTime or not hasattr(report.loss, "scores")
    if report.layers[-1].counts is not None or not by_largest:
        return
    own = report.scores[np.arange(len(report.labels)), report.labels]
    share = (own < REST * getattr(report.loss, "scale", 1.0)).mean()
    if share >= AT_REST:
        what = f"the samples leave their class's readout at rest, below {REST:g}: none reaches it"
        said = _said(share, AT_REST, what)
        yield Finding("readout at rest", "critical", said, remedies.RAISE, len(report.layers) - 1)


def _bursting_units(report):
    for k, layer in enumerate(report.hidden):
        if (share := layer.bursting.mean()) >= BURSTING_UNITS:
            what = f"the units of {layer.name} answer {layer.heard:.2g} spikes of an input with "
            said = _said(share, BURSTING_UNITS, what + f"more than {BURST * layer.heard:.2g}")
            yield Finding("bursting units", "serious", said, remedies.RESCALE, k)


def _dead_units(report):
    for k, layer in enumerate(report.hidden):
        if (share := layer.idle.mean()) >= DEAD:
            units = "units" if layer.channels is None else "channels"
            said = _said(share, DEAD, f"the {layer.idle.size} {units} of {layer.name} never spike")
            yield Finding("dead units", "serious", said, remedies.REVIVE, k)


def _silent_samples(report):
    share = (report.silent & (report.input_counts > 0)).mean()
    if share >= SILENT_SAMPLES and report.hidden:
        what = "the samples have input but raise no spike in the last hidden layer"
        said = _said(share, SILENT_SAMPLES, what)
        yield Finding("silent samples", "serious", said, remedies.RESCALE)


def _narrow_surrogate(report):
    for k, layer in enumerate(report.layers):
        if (share := layer.mean_reach) < NARROW:  # NaN is not
            steepness = np.mean(layer.neuron.steepness)
            said = (
                f"{_percent(share)} of the samples bring a unit of {layer.name} to where the "
                f"surrogate (steepness {steepness:g}) has {_percent(NEAR)} of its "
                f"largest slope; sick below {_percent(NARROW)}."
            )
            yield Finding("narrow surrogate", "serious", said, remedies.WIDEN, k)


def _constant_readout(report):
    """A readout that says the same is no fault before training, if a gradient can change it."""
    same = len(np.unique(report.scores.argmax(axis=1))) == 1 < len(np.unique(report.labels))
    if same and report.layers[-1].counts is not None and not report.gradient[-1].any():
        said = "All samples get one class, and the gradient of the readout is 0; it should not be."
        yield Finding("constant readout", "critical", said, remedies.WAKE, len(report.layers) - 1)


def _explosion_over_time(report):
    """All other paths back in time decay, as synapse and membrane do."""
    k = int(report.reset_growth.argmax())
    if (growth := report.reset_growth[k]) >= RESET_GROWTH:
        said = (
            f"The gradient of {report.layers[k].name} is {growth:.3g} times as large as without "
            f"its path through the reset; sick from {RESET_GROWTH:g} times."
        )
        yield Finding("exploding gradient over time", "serious", said, remedies.DETACH, k)


def _gradient_over_layers(report):
    norms = np.linalg.norm(report.gradient[:-1], axis=1)
    if len(norms) < 2 or not norms[-1] > 0 or report.reset_growth.max() >= RESET_GROWTH:
        return
    gain = norms[0] / norms[-1]
    said = f"The gradient of hidden layer 0 is {gain:.2g} times that of the last one; sick "
    if gain < VANISHED:
        said += f"below {VANISHED:g} times."
        yield Finding("vanishing gradient over layers", "serious", said, remedies.WIDEN, 0)
    elif gain > EXPLODED:
        said += f"above {EXPLODED:g} times."
        yield Finding("exploding gradient over layers", "serious", said, remedies.WIDEN, 0)


def _vanishing_over_time(report):
    g = report.gradient[0]
    early = (np.arange(g.size) < g.argmax()) & (g < FORGOTTEN * g.max())
    share = report.arrivals[early].sum() / max(report.arrivals.sum(), 1)
    if share >= 0.5:  # of all that the network is told
        what = f"the input comes so early that its gradient is below {_percent(FORGOTTEN)} of the "
        said = _said(share, 0.5, what + "largest")
        yield Finding("vanishing gradient over time", "serious", said, remedies.LENGTHEN, 0)


_SHARPNESS = {  # what makes a softmax flat, and whether it must fall or rise to change that
    losses.MaxOverTime: ("scale", -1),
    losses.SumOverTime: ("scale", -1),
    losses.FirstSpike: ("tau", 1),
}


def _saturated_softmax(report):
    if type(report.loss) not in _SHARPNESS:
        return
    if (share := report.sure_and_wrong) >= SURE_AND_WRONG:
        name, sign = _SHARPNESS[type(report.loss)]
        value = getattr(report.loss, name) * report.scores.std(axis=1).mean() ** sign
        value = float(f"{value:.2g}")
        what = f"the samples are wrong and {_percent(SURE)} sure of it"
        said = _said(share, SURE_AND_WRONG, what)
        remedy = remedies.soften(report.loss, name, value)
        yield Finding("saturated softmax", "serious", said, remedy)


def _weights_at_limit(report):
    for k, layer in enumerate(report.layers):
        if layer.at_limit >= AT_LIMIT:
            what = f"the weights of {layer.name} are at their limit"
            said = _said(layer.at_limit, AT_LIMIT, what)
            remedy = remedies.halve(k, layer.name)
            yield Finding("weights at limit", "serious", said, remedy, k)


CHECKS = (_not_finite, _silent_input, _silent_layer, _saturated_units, _readout_at_rest)
CHECKS += (_bursting_units, _dead_units, _silent_samples, _narrow_surrogate, _constant_readout)
CHECKS += (_explosion_over_time, _gradient_over_layers, _vanishing_over_time)
CHECKS += (_saturated_softmax, _weights_at_limit)
