"""The clinic: why a network learns nothing, in numbers, and what helps.

`examine` runs a network on a batch, forward and backward, and returns a `Report` of what was
measured. Each function in `CHECKS` looks at it for one kind of trouble and yields `Finding`
objects, each with one remedy; most remedies can be carried out by code (`Report.treat`). `SICK`
holds six networks to practise on: ``SICK["silent"](seed)`` is a `Patient`.

Thresholds are this package's own. "Measured" refers to networks trained on scikit-learn's digits at
16x16: one to five hidden layers of 60 units that start with half a spike per unit and sample, all
surrogates, steepness 1 to 100, three seeds, eight epochs.
"""

import textwrap
from collections import namedtuple
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from snnlab import _check, datasets, encode
from snnlab.learning import losses
from snnlab.learning.optim import Adam
from snnlab.learning.penalties import LowerBound
from snnlab.network import Network
from snnlab.neurons import LIF
from snnlab.signals import ConstantCurrent
from snnlab.surrogate import slope

ACTIVE = 0.5  # spikes per unit and sample to start with: some units answer, none all the time
DEAD = 0.75  # share of a layer; measured networks learn well with up to 2/3 of their units idle
SATURATED = 0.9  # of the spikes a unit can make: its count then says little about the sample
SATURATED_UNITS = 0.2  # share of a layer; measured: 0, and up to 0.04 with currents as input
BURST = 5.0  # spikes of a unit where it responds, per spike of an active input; measured: 1 to 2.5
BURSTING_UNITS = 0.25  # share of a layer; measured: from here on accuracy falls
SILENT_SAMPLES = 0.1  # share of samples that are guessed: no method can make up for them
NEAR = 0.1  # of the slope at threshold; measured: accuracy follows how often slopes are above it
NARROW = 0.05  # share of samples that bring a unit so near; measured: below, accuracy is lost
WIDE = 0.4  # the same, as it should be: SuperSpike's with steepness 10, good in one to five layers
VANISHED = 3e-3  # gradient of the first hidden layer per gradient of the last; measured: beyond
EXPLODED = 300.0  # these bounds less than 70 %, between them 89 % (median of surrogates and depths)
RESET_GROWTH = 5.0  # gradient per gradient without its path through the reset; measured: 1 to 1.4
FORGOTTEN = 1e-3  # gradient of a step per the largest of all: that step's input teaches next to nil
SURE = 0.99  # probability from which the softmax is flat: one class takes the whole gradient
SURE_AND_WRONG = 0.25  # share of samples; measured: 0 before and after training with scale 3
AT_LIMIT = 0.1  # share of a layer's weights that cannot grow any more

SEVERITIES = ("critical", "serious")  # nothing can be learnt while it lasts; learning suffers


# remedies: (network, inputs) -> network, keywords for training; the network is theirs to change ---

Remedy = namedtuple("Remedy", "words cure", defaults=(None,))
Remedy.__doc__ = "One sentence, and a function that carries it out (None where code cannot)."


def _rebuilt(network, neurons):
    """A network of other neurons with the same weights."""
    new = Network(
        network.sizes, neurons[:-1], readout=neurons[-1], n_steps=network.n_steps, rng=0, spread=0,
        dtype=network.dtype, workers=network.workers,
    )  # fmt: skip
    new.parameters[...] = network.parameters
    return new


def _rescale(network, inputs):
    return network.scale_to_activity(inputs, ACTIVE * min(network.sizes[1:-1])), {}


def _redraw(network, inputs):
    rng = np.random.default_rng(0)
    for w in network.weights:
        w[...] = rng.normal(0, 1 / np.sqrt(len(w)), w.shape)
    network = _rescale(network, inputs)[0] if len(network.sizes) > 2 else network
    return network, {"optimizer": Adam(lr=Adam().lr / 10)}


def _revive(network, inputs):
    return network, {"penalties": [LowerBound(10.0, ACTIVE)]}


def _widen(network, inputs):
    trace, neurons = network.forward(inputs), list(network.neurons)
    for k, spikes in enumerate(trace.spikes):
        v, alive = trace.v[k], spikes.unit_counts().any(axis=0)
        low, high = -2.0, 4.0  # exponents of ten: the steeper a surrogate, the narrower
        for _ in range(12 if alive.any() else 0):
            middle = (low + high) / 2
            neurons[k] = neurons[k].replace(steepness=float(f"{10**middle:.2g}"))
            wide = _reach(v, neurons[k])[alive].mean() > WIDE
            low, high = (middle, high) if wide else (low, middle)
    return _rebuilt(network, neurons), {}


def _wake(network, inputs):
    w = network.weights[-1]
    for _ in range(40):
        per_unit = network.forward(inputs, potentials=False).spikes[-1].counts().mean() / w.shape[1]
        if ACTIVE <= per_unit <= network.n_steps / 2:
            return network, {}
        w *= 2 if per_unit < ACTIVE else 0.5
    raise ValueError("inputs drive no readout neuron, however its weights are scaled")


def _detach(network, inputs=None):
    lif = {"detach_reset": True}
    neurons = [m.replace(**lif) if isinstance(m, LIF) else m for m in network.neurons]
    return _rebuilt(network, neurons), {}


def _lengthen(network, inputs):
    hidden = network.forward(inputs, potentials=False).hidden
    spikes = np.mean([train.counts().mean() for train in hidden]) if hidden else 0
    third = network.n_steps * network.dt / 3
    longer = [np.maximum(m.tau_mem, third).tolist() for m in network.neurons]
    neurons = [m.replace(tau_mem=tau) for m, tau in zip(network.neurons, longer, strict=True)]
    network = _rebuilt(network, neurons)
    return network.scale_to_activity(inputs, spikes) if spikes else network, {}


def _soften(loss, network, inputs):
    return network, {"loss": loss}


def _halve(k, network, inputs):
    """Spikes depend on weights per threshold; the slope, which reads ``v - v_th``, scales too."""
    neurons = list(network.neurons)
    if isinstance(neurons[k], LIF):
        half = (np.asarray(neurons[k].v_th) / 2).tolist()
        neurons[k] = neurons[k].replace(v_th=half, steepness=2 * neurons[k].steepness)
    network.weights[k][...] /= 2
    return _rebuilt(network, neurons), {}


ENCODE = Remedy("Scale the data, or lower the threshold of the code (encode.latency: theta).")
RESCALE = Remedy(
    f"Scale weights to {ACTIVE:g} spikes per unit and sample (network.scale_to_activity).", _rescale
)
REDRAW = Remedy("Draw new weights and train with a tenth of the learning rate.", _redraw)
REVIVE = Remedy(
    f"Train with penalties=[LowerBound(10, {ACTIVE:g})], which pulls idle units up.", _revive
)
WIDEN = Remedy(
    f"Set the steepness so that {100 * WIDE:g} % of samples come within the surrogate's reach.",
    _widen,
)
WAKE = Remedy("Scale the readout's weights until it answers.", _wake)
DETACH = Remedy("Detach the reset (neuron.replace(detach_reset=True)), as both papers do.", _detach)
LENGTHEN = Remedy("Lengthen the membranes' time constants to a third of a sample.", _lengthen)


# what is measured ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """What one layer did in the batch.

    Attributes
    ----------
    name : str
        "hidden layer 0" (that of ``network.weights[0]``), ..., "readout".
    neuron : LIF or LeakyIntegrator
    counts : array of int (sample, unit), or None
        Spikes; None where the layer does not spike.
    most : array of int (unit,)
        Spikes a unit can make in a sample, its refractory time considered.
    heard : float
        Mean spikes per sample of its inputs, where they are active; a current counts every step.
    reach : array (unit,), or None
        Share of samples that bring the surrogate's slope to ``NEAR`` of its maximum in some step.
    at_limit : float
        Share of weights at the limit or beyond.
    finite : bool
        Whether all weights and potentials are.
    """

    name: str
    neuron: object
    counts: np.ndarray | None
    most: np.ndarray
    heard: float
    reach: np.ndarray | None
    at_limit: float
    finite: bool

    @property
    def rates(self):
        """Mean spikes per sample, (unit,)."""
        return self.counts.mean(axis=0)

    @property
    def dead(self):
        """Units that never spike, bool (unit,)."""
        return ~self.counts.any(axis=0)

    @property
    def saturated(self):
        """Units that spike nearly as often as they can, bool (unit,)."""
        return self.rates >= SATURATED * self.most

    @property
    def bursting(self):
        """Units with many spikes where they respond, but not everywhere, bool (unit,)."""
        responses = np.maximum((self.counts > 0).sum(axis=0), 1)
        return (self.counts.sum(axis=0) / responses > BURST * self.heard) & ~self.saturated


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
    remedy: Remedy
    layer: int | None = None

    def treat(self, network, inputs):
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
        if self.remedy.cure is None:
            raise ValueError(f"{self.name} is beyond treatment by code: {self.remedy.words}")
        return self.remedy.cure(_rebuilt(network, network.neurons), inputs)


@dataclass(frozen=True)
class Report:
    """What `examine` measured, and what it means.

    Attributes
    ----------
    sizes : tuple of int
    dt : float
        Step in seconds.
    layers : list of Layer
        The readout last.
    input_counts : array of int (sample,)
        Input spikes; active inputs times steps for a current.
    arrivals : array (time,)
        Input spikes of the whole batch per step.
    gradient : array (layer, time)
        Norm over samples and units of the adjoint synaptic current; NaN if there is none.
    reset_growth : array (layer,)
        Norm of that current per norm without the gradient's path through the reset.
    scores : array (sample, class)
    labels : array of int (sample,)
    loss : callable
    """

    sizes: tuple
    dt: float
    layers: list
    input_counts: np.ndarray
    arrivals: np.ndarray
    gradient: np.ndarray
    reset_growth: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    loss: object

    @property
    def hidden(self):
        """The hidden layers."""
        return self.layers[:-1]

    @property
    def hidden_counts(self):
        """Spikes per sample in all hidden layers, (sample,)."""
        none = np.zeros(len(self.labels), np.int64)
        return sum((layer.counts.sum(axis=1) for layer in self.hidden), none)

    @property
    def silent(self):
        """Samples without a spike in the last hidden layer, bool (sample,): nothing to read out."""
        last = self.hidden[-1].counts if self.hidden else self.input_counts[:, None]
        return ~last.any(axis=1)

    @property
    def sure_and_wrong(self):
        """Share of samples that are wrong with a probability of `SURE` or more."""
        p = np.exp(self.scores - self.scores.max(axis=1, keepdims=True))
        sure = p.max(axis=1) / p.sum(axis=1) >= SURE
        return (sure & (p.argmax(axis=1) != self.labels)).mean()

    @property
    def accuracy(self):
        """Share of samples that are right."""
        return (self.scores.argmax(axis=1) == self.labels).mean()

    def signs(self):
        """The measurements that most diagnoses rest on, as rows of a table.

        Returns
        -------
        list of (str, list, str)
            What is measured; its value per layer, readout last, NaN where it does not apply, or one
            value of the whole network; from where on a network is sick.
        """
        spiking = [layer for layer in self.layers if layer.counts is not None]
        none = [np.nan] * (len(self.layers) - len(spiking))
        alive = [~(layer.dead | layer.saturated) for layer in spiking]
        return [
            ("units that never spike (%)",
             [100 * layer.dead.mean() for layer in spiking] + none, f"from {100 * DEAD:g}"),
            ("units that spike nearly always (%)",
             [100 * layer.saturated.mean() for layer in spiking] + none,
             f"from {100 * SATURATED_UNITS:g}"),
            ("units in bursts (%)",
             [100 * layer.bursting.mean() for layer in spiking] + none,
             f"from {100 * BURSTING_UNITS:g}"),
            ("samples in the surrogate's reach (%)",
             [100 * layer.reach[a].mean() if a.any() else np.nan
              for layer, a in zip(spiking, alive, strict=True)] + none, f"below {100 * NARROW:g}"),
            ("growth of gradients through resets (×)", list(self.reset_growth),
             f"from {RESET_GROWTH:g}"),
            ("silent samples (%)", [100 * self.silent.mean()], f"from {100 * SILENT_SAMPLES:g}"),
            ("samples wrong, and sure of it (%)", [100 * self.sure_and_wrong],
             f"from {100 * SURE_AND_WRONG:g}"),
        ]  # fmt: skip

    @property
    def summary(self):
        """The network, its accuracy and the number of findings in one line."""
        n = len(self.findings)
        right = 100 * self.accuracy
        return (
            f"{'-'.join(map(str, self.sizes))} on {len(self.labels)} samples, {right:.1f} % right, "
            f"{self.hidden_counts.mean():.1f} hidden spikes per sample: "
            + (f"{n} finding{'s, worst first' if n > 1 else ''}." if n else "nothing found.")
        )

    @cached_property
    def findings(self):
        """List of `Finding`, worst first; none after a critical one, which may have caused it."""
        found = []
        for check in CHECKS:
            found += check(self)
            if any(finding.severity == "critical" for finding in found):
                break
        return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))

    def treat(self, network, inputs):
        """Treat the worst finding that code can treat; as `Finding.treat`."""
        for finding in self.findings:
            if finding.remedy.cure is not None:
                return finding.treat(network, inputs)
        raise ValueError("the report has no finding that code can treat")

    def __str__(self):
        lines = [self.summary]
        for k, finding in enumerate(self.findings, 1):
            lines.append(f"{k}. {finding.name} ({finding.severity})")
            for text in (finding.measured, f"Remedy: {finding.remedy.words}"):
                lines += textwrap.wrap(text, 96, initial_indent="   ", subsequent_indent="   ")
        if any(finding.severity == "critical" for finding in self.findings):
            lines.append("Treat it and examine again: it may hide more.")
        return "\n".join(lines)


def examine(network, inputs, labels, *, loss="max_over_time", weight_limit=None):
    """Run a batch forward and backward, and look for reasons not to learn.

    Parameters
    ----------
    network : Network
        Before, during or after training; it is not changed.
    inputs : SpikeTrains or ConstantCurrent
        A few hundred samples of all classes: with few, many units are idle by chance.
    labels : array of int (n_samples,)
    loss : str or callable
        As in `snnlab.train`.
    weight_limit : float, optional
        Largest absolute weight that the substrate or the training allows.

    Returns
    -------
    Report

    Raises
    ------
    TypeError, ValueError
        Bad arguments; the message names the argument.
    """
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network, not {type(network).__name__}")
    network.check_inputs(inputs)
    labels = _check.labels("labels", labels, len(inputs), network.sizes[-1])
    loss = losses.resolve(loss)
    if isinstance(loss, losses.FirstSpike) and not network.spiking_readout:
        raise ValueError(f"loss {loss!r} needs a network with a spiking readout")
    limit = np.inf if weight_limit is None else _check.number("weight_limit", weight_limit, above=0)

    if isinstance(inputs, ConstantCurrent):
        heard = (inputs.x != 0) * inputs.n_steps
        arrivals = np.full(inputs.n_steps, heard.sum() / inputs.n_steps)
    else:
        heard = inputs.unit_counts()
        arrivals = np.bincount(inputs.compact().step, minlength=inputs.n_steps)
    input_counts = heard.sum(axis=1)
    with np.errstate(all="ignore"):  # what is not finite is found, not warned of
        trace = network.forward(inputs)
        layers = []
        parts = zip(network.neurons, network.weights, trace.v, strict=True)
        for k, (neuron, w, v) in enumerate(parts):
            fires = isinstance(neuron, LIF)
            counts = trace.spikes[k].unit_counts() if fires else None
            name = f"hidden layer {k}" if k < len(network.neurons) - 1 else "readout"
            most = -(-network.n_steps // (1 + neuron.constants(w.shape[1]).hold))
            per_active = float(heard.sum() / max((heard > 0).sum(), 1))
            reach = _reach(v, neuron) if fires else None
            at_limit = float((abs(w) >= limit).mean())
            finite = bool(np.isfinite(w).all() and np.isfinite(v).all())
            layers.append(Layer(name, neuron, counts, most, per_active, reach, at_limit, finite))
            heard = counts
        gradient = np.full((len(layers), network.n_steps), np.nan)
        reset_growth = np.ones(len(layers))
        if all(layer.finite for layer in layers):
            _, g_readout = loss(trace.readout, labels)
            gradient = _gradient_norms(network, trace, g_readout)
            if not all(getattr(neuron, "detach_reset", True) for neuron in network.neurons):
                without = _gradient_norms(_detach(network)[0], trace, g_readout)  # same trace
                norm = np.linalg.norm(without, axis=1)
                reset_growth = np.linalg.norm(gradient, axis=1) / np.where(norm > 0, norm, 1)
        scores = losses.scores_of(loss)(trace.readout).astype(np.float64)
    return Report(
        network.sizes, network.dt, layers, input_counts, arrivals, gradient, reset_growth, scores,
        labels, loss,
    )  # fmt: skip


def _reach(v, neuron):
    """Share of samples, per unit, with a step in which the slope is NEAR of its maximum or more."""
    h = slope(neuron.surrogate, v - np.asarray(neuron.v_th, v.dtype), neuron.steepness)
    highest = slope(neuron.surrogate, np.zeros(1), neuron.steepness)
    return (h >= NEAR * highest).any(axis=1).mean(axis=0)


def _gradient_norms(network, trace, g_readout):
    """Norm over samples and units of the adjoint currents, (layer, time)."""
    _, adjoints = network.backward(trace, g_readout, adjoints=True)
    return np.array([np.sqrt(np.square(g, dtype=np.float64).sum(axis=(0, 2))) for g in adjoints])


# checks: causes before what they bring about ------------------------------------------------------


def _percent(share):
    return f"{100 * share:.3g}\N{NO-BREAK SPACE}%"


def _said(share, limit, what):
    return f"{_percent(share)} of {what}; sick from {_percent(limit)}."


def _not_finite(report):
    for k, layer in enumerate(report.layers):
        if not layer.finite:
            said = f"Weights or potentials of {layer.name} are NaN or infinite; none may be."
            yield Finding("values not finite", "critical", said, REDRAW, k)
            return  # it spreads upwards


def _silent_input(report):
    share = (report.input_counts == 0).mean()
    if share >= SILENT_SAMPLES:
        said = _said(share, SILENT_SAMPLES, "the samples have no input")
        yield Finding("silent input", "critical" if share == 1 else "serious", said, ENCODE)


def _silent_layer(report):
    for k, layer in enumerate(report.hidden):
        if layer.dead.all():
            said = f"None of the {layer.dead.size} units of {layer.name} spikes in any sample."
            yield Finding("silent layer", "critical", said, RESCALE, k)
            return  # the layers above hear nothing


def _saturated_units(report):
    for k, layer in enumerate(report.hidden):
        if (share := layer.saturated.mean()) >= SATURATED_UNITS:
            what = f"the units of {layer.name} make {_percent(SATURATED)} of their spikes, or more"
            said = _said(share, SATURATED_UNITS, what)
            severity = "critical" if share >= 0.5 else "serious"
            yield Finding("saturated units", severity, said, RESCALE, k)


def _bursting_units(report):
    for k, layer in enumerate(report.hidden):
        if (share := layer.bursting.mean()) >= BURSTING_UNITS:
            what = f"the units of {layer.name} answer {layer.heard:.2g} spikes of an input with "
            said = _said(share, BURSTING_UNITS, what + f"more than {BURST * layer.heard:.2g}")
            yield Finding("bursting units", "serious", said, RESCALE, k)


def _dead_units(report):
    for k, layer in enumerate(report.hidden):
        if (share := layer.dead.mean()) >= DEAD:
            said = _said(share, DEAD, f"the {layer.dead.size} units of {layer.name} never spike")
            yield Finding("dead units", "serious", said, REVIVE, k)


def _silent_samples(report):
    share = (report.silent & (report.input_counts > 0)).mean()
    if share >= SILENT_SAMPLES and report.hidden:
        what = "the samples have input but raise no spike in the last hidden layer"
        said = _said(share, SILENT_SAMPLES, what)
        yield Finding("silent samples", "serious", said, RESCALE)


def _narrow_surrogate(report):
    for k, layer in enumerate(report.layers):
        if layer.counts is None or not (alive := ~(layer.dead | layer.saturated)).any():
            continue
        if (share := layer.reach[alive].mean()) < NARROW:
            said = (
                f"{_percent(share)} of the samples bring a unit of {layer.name} to where the "
                f"surrogate (steepness {layer.neuron.steepness:g}) has {_percent(NEAR)} of its "
                f"largest slope; sick below {_percent(NARROW)}."
            )
            yield Finding("narrow surrogate", "serious", said, WIDEN, k)


def _constant_readout(report):
    """A readout that says the same is no fault before training, if a gradient can change it."""
    same = len(np.unique(report.scores.argmax(axis=1))) == 1 < len(np.unique(report.labels))
    if same and report.layers[-1].counts is not None and not report.gradient[-1].any():
        said = "All samples get one class, and the gradient of the readout is 0; it should not be."
        yield Finding("constant readout", "critical", said, WAKE, len(report.layers) - 1)


def _explosion_over_time(report):
    """All other paths back in time decay, as synapse and membrane do."""
    k = int(report.reset_growth.argmax())
    if (growth := report.reset_growth[k]) >= RESET_GROWTH:
        said = (
            f"The gradient of {report.layers[k].name} is {growth:.3g} times as large as without "
            f"its path through the reset; sick from {RESET_GROWTH:g} times."
        )
        yield Finding("exploding gradient over time", "serious", said, DETACH, k)


def _gradient_over_layers(report):
    norms = np.linalg.norm(report.gradient[:-1], axis=1)
    if len(norms) < 2 or not norms[-1] > 0 or report.reset_growth.max() >= RESET_GROWTH:
        return
    gain = norms[0] / norms[-1]
    said = f"The gradient of hidden layer 0 is {gain:.2g} times that of the last one; sick "
    if gain < VANISHED:
        said += f"below {VANISHED:g} times."
        yield Finding("vanishing gradient over layers", "serious", said, WIDEN, 0)
    elif gain > EXPLODED:
        said += f"above {EXPLODED:g} times."
        yield Finding("exploding gradient over layers", "serious", said, WIDEN, 0)


def _vanishing_over_time(report):
    g = report.gradient[0]
    early = (np.arange(g.size) < g.argmax()) & (g < FORGOTTEN * g.max())
    share = report.arrivals[early].sum() / max(report.arrivals.sum(), 1)
    if share >= 0.5:  # of all that the network is told
        what = f"the input comes so early that its gradient is below {_percent(FORGOTTEN)} of the "
        said = _said(share, 0.5, what + "largest")
        yield Finding("vanishing gradient over time", "serious", said, LENGTHEN, 0)


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
        loss = replace(report.loss, **{name: value})
        words = f"Train with loss={type(loss).__name__}({name}={value:g}): scores then differ by 1."
        yield Finding("saturated softmax", "serious", said, Remedy(words, partial(_soften, loss)))


def _weights_at_limit(report):
    for k, layer in enumerate(report.layers):
        if layer.at_limit >= AT_LIMIT:
            what = f"the weights of {layer.name} are at their limit"
            said = _said(layer.at_limit, AT_LIMIT, what)
            words = f"Halve the weights of {layer.name} and its threshold: same spikes, more room."
            yield Finding("weights at limit", "serious", said, Remedy(words, partial(_halve, k)), k)


CHECKS = (
    _not_finite, _silent_input, _silent_layer, _saturated_units, _bursting_units, _dead_units,
    _silent_samples, _narrow_surrogate, _constant_readout, _explosion_over_time,
    _gradient_over_layers, _vanishing_over_time, _saturated_softmax, _weights_at_limit,
)  # fmt: skip


# six networks to practise on ----------------------------------------------------------------------

Patient = namedtuple("Patient", "network training inputs labels expected")
Patient.__doc__ = "A network, keywords to train it with, a training set, and the finding to expect."


def _digits(expected, seed, *, hidden=(60,), spiking_readout=False, loss="max_over_time", **neuron):
    """A patient before it falls ill: scikit-learn's digits, latency code, `LIF.brainscales2`."""
    data, neuron = datasets.load("digits16"), LIF.brainscales2(**neuron)
    inputs, readout = encode.latency(data.x_train), neuron if spiking_readout else None
    network = Network((256, *hidden, 10), neuron, n_steps=20, rng=seed, readout=readout)
    network.scale_to_activity(inputs[:300], ACTIVE * hidden[0])
    training = {"epochs": 10, "batch_size": 50, "loss": loss}
    return Patient(network, training, inputs, data.y_train, expected)


def _sick_silent(seed=0):
    """Weights so small that two hidden layers never spike."""
    patient = _digits("silent layer", seed, hidden=(60, 60))
    for w in patient.network.weights[:-1]:
        w *= 0.1
    return patient


def _sick_saturated(seed=0):
    """Weights large and all positive: every unit spikes in every step."""
    patient = _digits("saturated units", seed)
    w = patient.network.weights[0]
    w[...] = 20 * abs(w)
    return patient


def _sick_dead(seed=0):
    """Inhibition so strong that 57 of 60 units never spike."""
    patient = _digits("dead units", seed)
    patient.network.weights[0][:, 3:] -= 0.25
    return patient


def _sick_narrow(seed=0):
    """A surrogate so steep that hardly any step has a slope; the readout spikes too."""
    kind = {"spiking_readout": True, "steepness": 1000.0, "loss": "rate_mse"}
    patient = _digits("narrow surrogate", seed, **kind)
    patient.network.weights[-1][...] *= 10  # so that it does spike
    return patient


def _sick_exploding(seed=0):
    """Gradients through the reset, with a steep sigmoid for a surrogate."""
    neuron = {"surrogate": "sigmoid", "steepness": 100.0, "detach_reset": False}
    return _digits("exploding gradient over time", seed, hidden=(60, 60), **neuron)


def _sick_overconfident(seed=0):
    """Potentials multiplied by 1,000 before the softmax."""
    return _digits("saturated softmax", seed, loss=losses.MaxOverTime(1000.0))


SICK = {
    "silent": _sick_silent,
    "saturated": _sick_saturated,
    "dead": _sick_dead,
    "narrow": _sick_narrow,
    "exploding": _sick_exploding,
    "overconfident": _sick_overconfident,
}
BEDS = ("dead", "exploding", "silent", "overconfident", "narrow", "saturated")  # a shuffled order


def admit(bed, seed=0):
    """A patient by number, for readers who are to find out what it suffers from.

    Parameters
    ----------
    bed : int
        1 to 6.
    seed : int
        Of the network's weights.

    Returns
    -------
    Patient
    """
    bed = _check.integer("bed", bed, at_least=1)
    if bed > len(BEDS):
        raise ValueError(f"bed must be at most {len(BEDS)}, got {bed}")
    return SICK[BEDS[bed - 1]](seed)
