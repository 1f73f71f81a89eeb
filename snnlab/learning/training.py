"""The training loop: the three plain steps and an update, over batches and epochs."""

import json
import signal
import threading
import time
import warnings
from collections import namedtuple
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path

import numpy as np

from snnlab import _check
from snnlab._files import load_npz, save_npz
from snnlab.chip.recording import Recording
from snnlab.learning.losses import FirstSpike, resolve, scores_of
from snnlab.learning.optim import Adam, resolve_schedule
from snnlab.learning.penalties import Penalties
from snnlab.signals import ConstantCurrent, SpikeTrains

Evaluation = namedtuple("Evaluation", "accuracy hidden_spikes predictions")
Evaluation.__doc__ = "Accuracy, mean hidden spikes per sample, predicted labels (n_samples,)."


@dataclass
class History:
    """What `train` recorded, one entry per epoch.

    Attributes
    ----------
    loss : list of float
        Mean over the epoch's batches, with dropout and augmentation as trained, without penalties.
    penalty : list of float
        What was added to it, likewise; 0 without penalties.
    train_accuracy : list of float
        Likewise.
    hidden_spikes : list of float
        Mean spikes per sample in all hidden layers, likewise.
    validation_accuracy, validation_hidden_spikes : list of float
        After the epoch, on the validation set; empty without one.
    lr : list of float
        Learning rate at the end of the epoch.
    seconds : list of float
        Duration of the epoch, without validation.
    interrupted : bool
        Whether training was stopped before its last epoch.
    """

    loss: list = field(default_factory=list)
    penalty: list = field(default_factory=list)
    train_accuracy: list = field(default_factory=list)
    hidden_spikes: list = field(default_factory=list)
    validation_accuracy: list = field(default_factory=list)
    validation_hidden_spikes: list = field(default_factory=list)
    lr: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    interrupted: bool = False

    def __len__(self):
        return len(self.loss)

    def line(self, epochs):
        """The last epoch in one line of text."""
        text = (
            f"epoch {len(self)}/{epochs}  loss {self.loss[-1]:.4f}  "
            f"train {100 * self.train_accuracy[-1]:.2f} %"
        )
        if self.validation_accuracy:
            text += f"  validation {100 * self.validation_accuracy[-1]:.2f} %"
        return text + f"  {self.hidden_spikes[-1]:.1f} hidden spikes  {self.seconds[-1]:.2f} s"


@dataclass
class Step:
    """One completed training step, as seen by a callback.

    Attributes
    ----------
    network : Network
        Its weights are those after the step.
    history : History
        Of the epochs completed so far.
    epoch, step, steps_per_epoch : int
        Both counted from 0.
    loss, penalty, accuracy, hidden_spikes : float
        Of this batch, before the update; the loss is without the penalties.
    trace : Trace
        Of this batch; it is written over by the next step.
    """

    network: object
    history: History
    epoch: int
    step: int
    steps_per_epoch: int
    loss: float
    penalty: float
    accuracy: float
    hidden_spikes: float
    trace: object

    @property
    def ends_epoch(self):
        """Whether this was the last step of its epoch."""
        return self.step == self.steps_per_epoch - 1


def predict_scores(network, inputs, *, loss="max_over_time", batch_size=500, rng=0, substrate=None):
    """Class scores and hidden spikes of each sample.

    Parameters
    ----------
    network : Network
    inputs : SpikeTrains, ConstantCurrent or stream
        A stream is an object with a length and ``batch(indices, rng)``.
    loss : str or callable
        Decides how scores are read from the readout (`snnlab.losses`).
    batch_size : int
    rng : numpy.random.Generator or int
        For a stream.
    substrate : Substrate, optional
        Chip on which the network is run (`snnlab.substrate`); simulated as it is by default.

    Returns
    -------
    scores : array (n_samples, n_classes)
    hidden_spikes : array of int (n_samples,)
        In all hidden layers together.
    """
    score = scores_of(resolve(loss))
    batch_size = _check.integer("batch_size", batch_size, at_least=1)
    rng = _check.generator("rng", rng)
    _check_substrate(substrate)
    scores, counts, trace = [], [], None
    for first in range(0, len(inputs), batch_size):
        batch = _batch(inputs, slice(first, min(first + batch_size, len(inputs))), rng)
        trace = _run(network, substrate, batch, keep=False, out=trace)
        scores.append(np.array(score(trace.readout)))
        counts.append(trace.hidden_counts())
    if not scores:
        raise ValueError("inputs must hold at least one sample")
    return np.concatenate(scores), np.concatenate(counts)


def evaluate(
    network, inputs, labels, *, loss="max_over_time", batch_size=500, rng=0, substrate=None
):
    """Accuracy, mean hidden spikes per sample and predictions; parameters as `predict_scores`.

    Returns
    -------
    Evaluation
    """
    labels = _check.labels("labels", labels, len(inputs), network.sizes[-1])
    scores, counts = predict_scores(
        network, inputs, loss=loss, batch_size=batch_size, rng=rng, substrate=substrate
    )
    predictions = scores.argmax(axis=1)
    return Evaluation(float((predictions == labels).mean()), float(counts.mean()), predictions)


def steps(
    network,
    inputs,
    labels,
    *,
    epochs=10,
    rng,
    batch_size=100,
    loss="max_over_time",
    optimizer=None,
    schedule="cosine",
    dropout=0.0,
    penalties=(),
    substrate=None,
    validation=None,
    history=None,
):
    """Train step by step: an iterator that yields a `Step` after each update.

    `train` runs through it; use it directly to pause between steps or to change ``optimizer.lr``
    as it goes. Parameters and errors as in `train`. Nothing is trained before the first ``next``.
    """
    if not hasattr(network, "backward"):
        raise TypeError(f"network must be a Network: a {type(network).__name__} is not trained")
    loss, schedule = resolve(loss), resolve_schedule(schedule)
    epochs = _check.integer("epochs", epochs, at_least=0)
    batch_size = _check.integer("batch_size", batch_size, at_least=1)
    dropout = _check.number("dropout", dropout, at_least=0, below=1)
    rng = _check.generator("rng", rng)
    optimizer = Adam() if optimizer is None else optimizer
    if not hasattr(optimizer, "step") or isinstance(optimizer, type):
        raise TypeError(f"optimizer must be Adam(...) or SGD(...), not {optimizer!r}")
    history = History() if history is None else history
    n_samples = _check_samples("inputs", network, inputs)
    labels = _check.labels("labels", labels, n_samples, network.sizes[-1])
    if isinstance(loss, FirstSpike) and not network.spiking_readout:
        raise ValueError(f"loss {loss!r} needs a network with a spiking readout")
    _check_substrate(substrate)
    if validation is not None and isinstance(substrate, Recording):
        raise ValueError("validation must be left out where substrate is a Recording")
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise TypeError("validation must be a pair of inputs and labels")
        v_inputs, v_labels = validation
        n = _check_samples("validation", network, v_inputs)
        v_labels = _check.labels("validation", v_labels, n, network.sizes[-1])
        validation = v_inputs, v_labels
    return _loop(
        network, inputs, labels, epochs, rng, batch_size, loss, optimizer, schedule, dropout,
        Penalties(penalties, network), substrate, validation, history,
    )  # fmt: skip


def _loop(
    network, inputs, labels, epochs, rng, batch_size, loss, optimizer, schedule, dropout,
    penalties, substrate, validation, history,
):  # fmt: skip
    """The steps, arguments being checked."""
    score = scores_of(loss)
    n_samples = len(inputs)
    per_epoch = -(-n_samples // batch_size)
    trace, gradients = None, None
    if hasattr(optimizer, "begin") and len(history) < epochs:  # a rewiring rule
        optimizer.begin(network, epochs, per_epoch)
    for epoch in range(len(history), epochs):
        began = time.perf_counter()
        order = rng.permutation(n_samples)
        total = np.zeros(4)  # loss, penalty, correct, spikes
        for k in range(per_epoch):
            index = order[k * batch_size : (k + 1) * batch_size]
            batch, target = _batch(inputs, index, rng), labels[index]
            kept = None
            if dropout > 0:  # one mask per batch, no rescaling (Cramer et al. 2022, code)
                kept = [rng.random(n) >= dropout for n in network.sizes[1:-1]]
            now = epoch + k / per_epoch, epochs
            factor = float(schedule(*now))

            trace = _run(network, substrate, batch, kept=kept, out=trace)
            value, g_readout = loss(trace.readout, target)
            price, g_readout, g_spikes = penalties.of_trace(trace, g_readout, *now)
            if not np.isfinite(value + price):
                raise FloatingPointError(
                    f"the loss is {value} and the penalty {price} in epoch {epoch + 1}, "
                    f"step {k + 1}; the weights are those of the step before"
                )
            gradients = network.backward(trace, g_readout, g_spikes=g_spikes, out=gradients)
            price += penalties.of_weights(network, gradients, *now)
            optimizer.step(network, gradients, factor)
            if substrate is not None:
                substrate.clip(network)

            correct = (score(trace.readout).argmax(axis=1) == target).mean()
            spikes = trace.hidden_counts().mean()
            total += np.array([value, price, correct, spikes]) * len(index)
            if k == per_epoch - 1:
                history.seconds.append(time.perf_counter() - began)
                history.lr.append(optimizer.lr * factor)
                names = "loss", "penalty", "train_accuracy", "hidden_spikes"
                for name, x in zip(names, total / n_samples, strict=True):
                    getattr(history, name).append(float(x))
                if validation is not None:
                    result = evaluate(network, *validation, loss=loss, substrate=substrate)
                    history.validation_accuracy.append(result.accuracy)
                    history.validation_hidden_spikes.append(result.hidden_spikes)
            yield Step(
                network, history, epoch, k, per_epoch, value, price, float(correct), float(spikes),
                trace,
            )  # fmt: skip


def train(
    network,
    inputs,
    labels,
    *,
    epochs=10,
    rng,
    batch_size=100,
    loss="max_over_time",
    optimizer=None,
    schedule="cosine",
    dropout=0.0,
    penalties=(),
    substrate=None,
    validation=None,
    callback=None,
    progress=True,
    checkpoint=None,
):
    """Train a network in place.

    Parameters
    ----------
    network : Network
    inputs : SpikeTrains, ConstantCurrent or stream
        Training samples. A stream is an object with a length and ``batch(indices, rng)``, which
        returns SpikeTrains or ConstantCurrent: `snnlab.augment.AugmentedImages`, or your own.
    labels : array of int (n_samples,)
        In [0, n_classes).
    epochs, batch_size : int
    rng : numpy.random.Generator or int
        For the order of samples, dropout and streams.
    loss : str or callable
        "max_over_time", "sum_over_time", "rate_mse", "first_spike", or any function
        ``(readout, labels) -> value, g_readout`` (`snnlab.losses`).
    optimizer : Adam, SGD or a rule of `snnlab.rewiring`, optional
        ``Adam()`` by default.
    schedule : str or callable
        "constant", "exponential", "cosine", or a function ``(epoch, epochs) -> factor``.
    dropout : float
        Share of hidden units left out, drawn anew for each batch.
    penalties : sequence of penalties
        On spikes, readout or weights (`snnlab.penalties`), added to the loss.
    substrate : Substrate or Recording, optional
        Chip on which the forward pass runs (`snnlab.substrate`); the backward pass reads what was
        measured there. Validation runs on it too.
    validation : (inputs, labels), optional
        Evaluated after each epoch.
    callback : callable, optional
        Called with a `Step` after each step; training stops if it returns True.
    progress : bool
        Show a bar (with tqdm, in a terminal or notebook) or a line per epoch.
    checkpoint : path, optional
        File written after each epoch, whole or not at all. If it exists, training goes on from it,
        to the same weights, bit for bit, as without the interruption.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        Bad arguments, before anything is trained; the message names the argument.
    FloatingPointError
        If the loss is not finite.

    Notes
    -----
    An interrupt (Ctrl-C, or the notebook's stop button) ends training after the step that is being
    computed, with a warning: the network is then at its last completed step.
    """
    optimizer = Adam() if optimizer is None else optimizer
    rng = _check.generator("rng", rng)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function of a Step, not {callback!r}")
    history = History()
    penalties = Penalties(penalties, network).given
    loop = steps(
        network, inputs, labels, epochs=epochs, rng=rng, batch_size=batch_size, loss=loss,
        optimizer=optimizer, schedule=schedule, dropout=dropout, penalties=penalties,
        substrate=substrate, validation=validation, history=history,
    )  # fmt: skip
    config = _config(
        network, inputs, epochs, batch_size, loss, optimizer, schedule, dropout, penalties,
        substrate,
    )  # fmt: skip
    if checkpoint is not None:
        checkpoint = Path(checkpoint)
        if checkpoint.exists():
            _resume(checkpoint, config, network, optimizer, rng, history, substrate)
    with _Interrupts() as interrupts, _Progress(progress, epochs, len(history)) as show:
        for step in loop:
            show(step)
            if step.ends_epoch and checkpoint is not None:
                _save(checkpoint, config, network, optimizer, rng, history, substrate)
            answer = None if callback is None else callback(step)
            # what a callback happens to return (a bar's update, say) should not end training
            stop = isinstance(answer, bool | np.bool_) and bool(answer)
            if stop or interrupts.seen:
                history.interrupted = len(history) < epochs
                break
    if interrupts.seen:
        warnings.warn(
            f"training was interrupted after {len(history)} of {epochs} epochs; "
            "the network is at its last completed step",
            RuntimeWarning,
            stacklevel=2,
        )
    return history


def _check_samples(name, network, inputs):
    """Number of samples, of inputs that fit the network as far as can be seen without a batch."""
    if isinstance(inputs, SpikeTrains | ConstantCurrent):
        network._check_inputs(inputs, name)
    elif not (hasattr(inputs, "batch") and hasattr(inputs, "__len__")):
        raise TypeError(
            f"{name} must be SpikeTrains, ConstantCurrent or a stream with a length and a method "
            f"batch(indices, rng), not {type(inputs).__name__}"
        )
    if len(inputs) == 0:
        raise ValueError(f"{name} must hold at least one sample")
    return len(inputs)


def _batch(inputs, index, rng):
    """Samples of trains, currents or a stream; ``index`` is an array or a slice of positions."""
    if isinstance(inputs, SpikeTrains | ConstantCurrent):
        return inputs[index]
    return inputs.batch(np.r_[index], rng)


def _check_substrate(substrate):
    """Refuse what cannot stand in for the simulation (somebody's own chip can)."""
    able = hasattr(substrate, "measure") and hasattr(substrate, "clip")
    if substrate is not None and (not able or isinstance(substrate, type)):
        raise TypeError(f"substrate must be a Substrate or a Recording, not {substrate!r}")


def _run(network, substrate, batch, **settings):
    """Forward pass, simulated or on a substrate."""
    if substrate is None:
        return network.forward(batch, **settings)
    return substrate.measure(network, batch, **settings)


class _Interrupts:
    """While training, an interrupt only sets a flag, so that no step is left half done.

    Only the main thread receives interrupts; a second one is raised at once.
    """

    def __enter__(self):
        self.seen = False
        self.previous = None
        if threading.current_thread() is threading.main_thread():
            previous = signal.getsignal(signal.SIGINT)
            if previous is signal.default_int_handler:
                self.previous = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number, frame):
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True

    def __exit__(self, *exc):
        if self.previous is not None:
            signal.signal(signal.SIGINT, self.previous)


class _Progress:
    """A bar where it can be seen to move, else a line per epoch."""

    def __init__(self, wanted, epochs, done):
        self.wanted, self.epochs, self.done, self.bar = wanted, epochs, done, None

    def __enter__(self):
        if self.wanted and _interactive():
            try:
                from tqdm.auto import tqdm
            except ImportError:
                return self
            self.bar = tqdm(total=self.epochs, initial=self.done, unit="epoch")
        return self

    def __call__(self, step):
        if not self.wanted:
            return
        line = step.history.line(self.epochs) if len(step.history) else ""
        if self.bar is None:
            if step.ends_epoch:
                print(line, flush=True)
            return
        if step.ends_epoch:
            self.bar.set_postfix_str(line.partition("  ")[2], refresh=False)
        self.bar.update(1 / step.steps_per_epoch)
        if step.ends_epoch:
            self.bar.n = len(step.history)  # fractions do not add up to whole epochs
            self.bar.refresh()

    def __exit__(self, *exc):
        if self.bar is not None:
            self.bar.close()


def _interactive():
    """Whether someone watches: a terminal, or a notebook."""
    import sys

    return sys.stderr.isatty() or "ipykernel" in sys.modules


def _config(
    network, inputs, epochs, batch_size, loss, optimizer, schedule, dropout, penalties, substrate
):
    """What a checkpoint must agree on to be gone on from, as text."""

    def name(x):
        if is_dataclass(x):
            return repr(x)
        return getattr(x, "__qualname__", type(x).__qualname__)

    rates = {
        k: name(v) if callable(v) else v
        for k, v in vars(optimizer).items()
        if isinstance(v, float | str | tuple) or callable(v)
    }
    return {
        "network": network._header(),
        "n_samples": len(inputs),
        "epochs": int(epochs),
        "batch_size": int(batch_size),
        "loss": name(resolve(loss)),
        "optimizer": [type(optimizer).__name__, rates],
        "schedule": name(resolve_schedule(schedule)),
        "dropout": float(dropout),
        "penalties": [name(x) for x in penalties],
        "substrate": None if substrate is None else repr(substrate),
    }


def _save(path, config, network, optimizer, rng, history, substrate):
    """Checkpoint: weights, moments, the generator's state, history, the substrate's age."""
    state = {f"optimizer_{name}": x for name, x in optimizer.state().items()}
    text = {
        "config": config,
        "rng": rng.bit_generator.state,
        "history": asdict(history),
        "age": getattr(substrate, "age", 0),
    }
    as_list = np.ndarray.tolist  # some generators' states hold arrays
    header = {name: np.array(json.dumps(x, default=as_list)) for name, x in text.items()}
    save_npz(path, header | {"parameters": network.parameters} | state)


def _as_state(saved):
    """A generator's state from JSON: lists were arrays."""
    if isinstance(saved, dict):
        return {name: _as_state(part) for name, part in saved.items()}
    return np.array(saved, np.uint64) if isinstance(saved, list) else saved


def _resume(path, config, network, optimizer, rng, history, substrate):
    """Put a checkpoint's state into the objects of a new run."""
    arrays = load_npz(path)
    try:
        names = "config", "rng", "history", "age"
        saved, state, past, age = (json.loads(str(arrays[name])) for name in names)
        parameters = arrays["parameters"]
        moments = {
            name.removeprefix("optimizer_"): x
            for name, x in arrays.items()
            if name.startswith("optimizer_")
        }
    except (KeyError, ValueError) as fault:
        raise ValueError(f"checkpoint {path} is not one of train: {fault}") from None
    current = json.loads(json.dumps(config))
    different = [key for key in current if saved.get(key) != current[key]]
    if different:
        raise ValueError(
            f"checkpoint {path} was made with another {', '.join(different)}; "
            "use the same settings or another file"
        )
    try:
        rng.bit_generator.state = _as_state(state)
    except (TypeError, ValueError, KeyError) as fault:
        raise ValueError(f"checkpoint {path} needs another kind of rng: {fault}") from None
    if parameters.shape != network.parameters.shape:
        raise ValueError(f"checkpoint {path} holds weights of another size")
    network.parameters[...] = parameters
    optimizer.restore(moments)
    for name, value in past.items():
        setattr(history, name, value)
    if substrate is not None:
        substrate.age = age
