"""What the estimators share: from arguments to a network, training, and reading it out."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from snnlab import _check, encode
from snnlab.currents import ConstantCurrent, Values
from snnlab.estimator import _images as images
from snnlab.estimator import files, parts, tables
from snnlab.estimator.watch import Watch
from snnlab.kernels.compiling import telling
from snnlab.learning.digest import digest
from snnlab.learning.evaluation import predict_scores
from snnlab.learning.history import History
from snnlab.learning.losses import LOSSES, Weighted, WeightedTargets, resolve
from snnlab.learning.optim import Adam
from snnlab.learning.silence import MANY, check_hearing
from snnlab.learning.training import steps, train
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Self

    from numpy.typing import ArrayLike

    from snnlab._types import Features, PathLike
    from snnlab.learning.training import Step

SIGNALS = SpikeTrains, ConstantCurrent, Values
CHUNK = 2000  # rows that are coded at once when predicting
TABLE_DROPOUT, TABLE_DECAY = 0.5, 1.0
TABLE_UPDATES, UPDATES = (400, 200), (3000, 80)  # at least so many, in at most so many epochs
FEW_IMAGES, IMAGE_DROPOUT = 10_000, 0.35
NOISY_DECAY = 5.0  # of weights, where values are better fitted less closely
MANY_ROWS = 80  # per column, from which on there is little to be dropped
MOST_REPEATS = 10  # times the rows there are, where weights are whole numbers
MADE_OF = ("hidden", "layers", "neuron", "readout", "image_shape", "n_steps", "code", "activity")
MADE_OF += ("optimizer", "lr")  # what a network and its optimiser are made by, once
SAMPLE_STEPS = 30_000  # of what weights are scaled by at the start: fewer samples if long
SOFT = 10.0  # steepness where currents are felt
QUIET = (
    "features reach {:.3g}, but a feature must exceed 0.2 to spike, and those in [0, 1] are taken "
    "as they are: scale X so that its largest values are 1"
)


class SpikingEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of `SpikingClassifier` and `SpikingRegressor`: all but what their targets are."""

    few_epochs = 20  # where a linear model does as well
    of_values = False  # or of labels

    # parameters -----------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; those of neurons, optimisers and losses as ``neuron__steepness``."""
        params = super().get_params(deep=_check.flag("deep", deep))
        for name, x in list(params.items()) if deep else ():
            if "__" not in name:
                inner = parts.settings_of(x) or {}
                params |= {f"{name}__{key}": value for key, value in inner.items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Change parameters, also those of neurons, optimisers and losses."""
        own, nested = parts.split(params)
        super().set_params(**own)
        for name, changes in nested.items():
            if name not in self.get_params(deep=False):
                super().set_params(**{name: None})  # says which there are
            x = getattr(self, name)
            if x is None and name == "neuron":
                x = LIF.brainscales2()
            if x is None and name == "optimizer":
                x = Adam(lr=self.lr)
            if isinstance(x, str) and name == "loss":
                x = resolve("max_over_time" if x == "auto" else x)
            setattr(self, name, parts.changed(name, x, changes))
        return self

    # what it looks like ---------------------------------------------------------------------------

    def _told(self):
        """Of a fitted estimator how features enter, in a few words."""
        if not hasattr(self, "network_"):
            return ""
        if self.code_ is None:
            return f"signals as they are; {self.network_}"
        also = ", along the directions of a linear model, which does as well"
        also = also if self.code_.straight else ""
        return f"code {self.code_.kind!r}: {self.code_.reason}{also}; {self.network_}"

    def __repr__(self, N_CHAR_MAX=700):
        text, told = super().__repr__(N_CHAR_MAX=N_CHAR_MAX), self._told()
        return f"<{text}, {told}>" if told else text

    def _html_repr(self):
        told, html = self._told(), super()._html_repr()
        note = f"<p><small>{escape(told)}</small></p></body>" if told else "</body>"
        return note.join(html.rsplit("</body>", 1))

    # training -------------------------------------------------------------------------------------

    def fit(self, X: Features, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train.

        Parameters
        ----------
        X : array of float (n_samples, n_features), SpikeTrains or array (n_samples, time, unit)
        y : array (n_samples,)
            Labels or values; a regressor takes several columns, too.
        sample_weight : array of float (n_samples,), optional
            How much each sample counts; those of weight 0 are left out.

        Returns
        -------
        This object, trained. After an interrupt it is usable, at its last completed step.
        """
        old = self._past(self.warm_start)
        verbose = bool(self.verbose)
        with telling(partial(print, file=sys.stderr, flush=True)):
            samples, settings, watch = self._begin(X, y, sample_weight)
            new = train(self.network_, *samples, **settings, progress=verbose, callback=watch)
        self._finish(old, new, watch)
        return self

    def fit_steps(
        self, X: Features, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Iterator[Step]:
        """Train as `fit` does, step by step: an iterator of `snnlab.training.Step`.

        Between two steps everything can be asked of this object that can be asked after `fit`.
        """
        old = self._past(self.warm_start)
        samples, settings, watch = self._begin(X, y, sample_weight)
        new = History()
        for step in steps(self.network_, *samples, **settings, history=new):
            self.history_ = new if old is None else old.joined(new)  # also if nobody goes on
            yield step
            if watch(step):
                break
        self._finish(old, new, watch)

    def _past(self, goes_on):
        """History so far, where training is to go on from it."""
        if goes_on and hasattr(self, "network_") and hasattr(self, "history_"):
            return self.history_  # which is missing where a first fit has failed
        for name in ("network_", "history_", "_optimizer", "_rng", "_held_by"):
            vars(self).pop(name, None)
        return None

    def _finish(self, old, new, watch):
        watch.restore(self.network_, new)
        self.history_ = new if old is None else old.joined(new)

    def fit_more(self, X: Features, y: ArrayLike, sample_weight: ArrayLike | None) -> Self:
        """One epoch more, at a constant learning rate."""
        old = self._past(True)
        samples, settings, _ = self._begin(X, y, sample_weight, holds_out=False)
        settings |= {"epochs": 1, "schedule": "constant", "validation": None}
        new = train(self.network_, *samples, **settings, progress=bool(self.verbose))
        self.history_ = new if old is None else old.joined(new)
        return self

    def _begin(self, X, y, sample_weight, holds_out=True):
        """Make the network where there is none; what it is to learn, and how, and who looks on."""
        fresh = not hasattr(self, "network_")
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        X, y = self._read(X, y, reset=fresh)
        targets, weights = self.checked_targets(y, sample_weight, fresh)
        order, weights = rows_of(X, targets, weights)
        if fresh:
            self._rng = np.random.default_rng(parts.seed(self.random_state))
            self._learn_code(X[order], self.scaled(targets[order], True))
            if self._as_they_come() and weights is None:
                order = np.sort(order)
        X, targets = X[order], self.scaled(targets[order], fresh)
        kept, held = np.arange(len(order)), np.arange(0)
        if holds_out and self.validation_fraction is not None:
            kept, held = self._split(targets, order)
        if fresh:
            inputs = self._coded(X[kept])
            self._make(inputs, self.outputs(targets))
            self._optimizer, self._made_by = self._new_optimizer(), self._made_of()
        else:
            self._go_on()
            inputs = self._coded(X[kept])
            _check_rows(self.network_, len(kept))
        if self.augment is not None:
            inputs = self._augmented(X[kept])
        loss, targets, held_targets = self._checked_loss(), targets[kept], targets[held]
        if weights is not None:
            weights = weights / weights.mean()
            targets = WeightedTargets(targets, weights[kept])
            held_targets = WeightedTargets(held_targets, weights[held])
            loss = Weighted(loss)
        validation = (self._coded(X[held]), held_targets) if len(held) else None
        calls = parts.callbacks_of(self.callbacks)
        watch = Watch(calls, self.patience, validation is not None, self._optimizer)
        return (inputs, targets), self._settings(len(kept), loss, validation), watch

    def _checked_loss(self):
        """The loss; one of ours must be of such targets."""
        loss = resolve(self.readout_loss())
        fits = [name for name, kind in LOSSES.items() if self._suits(kind)]
        if type(loss) in LOSSES.values() and not self._suits(loss):
            wanted = ", ".join(map(repr, fits))
            raise ValueError(f"loss of a {type(self).__name__} must be one of {wanted}, not {loss}")
        return loss

    def _suits(self, loss):
        """Whether a loss, or a class of such, is of a sample's label, or of its values."""
        of_values = bool(getattr(loss, "of_values", False))
        return of_values == self.of_values and not getattr(loss, "per_step", False)

    def _settings(self, n, loss, validation):
        """How to train on n samples."""
        batch_size = self.batch_size
        if _auto(batch_size):
            batch_size = _usual_batch_size(n, self.network_.normalises)
        epochs, dropout = self.epochs, self.dropout
        if _auto(epochs):
            size = _check.integer("batch_size", batch_size, at_least=1)
            epochs = self._usual_epochs(-(-n // size))
        if _auto(dropout):
            dropout = self.usual_dropout(n)
        return {
            "epochs": epochs,
            "rng": self._rng,
            "batch_size": batch_size,
            "loss": loss,
            "optimizer": self._optimizer,
            "schedule": self.schedule,
            "dropout": dropout,
            "penalties": self.penalties,
            "substrate": self.substrate,
            "validation": validation,
        }

    def _split(self, targets, order):
        """Which samples are learned, and which are held out to know when to stop.

        Those that were repeated for their weight, one after the other, stay together. The same are
        held out where training goes on with the same samples.
        """
        share = _check.number("validation_fraction", self.validation_fraction, above=0, below=1)
        first = np.flatnonzero(np.diff(order, prepend=-1))
        if len(first) < 2:
            raise ValueError("validation_fraction must be None where there is one sample")
        if not hasattr(self, "_held_by"):
            self._held_by = parts.seed(self._rng)
        both = train_test_split(
            np.split(np.arange(len(order)), first[1:]),
            test_size=share,
            stratify=self.strata(targets[first], share),
            random_state=self._held_by,
        )
        return tuple(map(np.concatenate, both))

    def _made_of(self):
        """Digests of the parameters that are asked once, by name."""
        given = {name: getattr(self, name) for name in MADE_OF}
        known = parts.settings_of(self.optimizer)
        if known is not None:
            given["optimizer"] = type(self.optimizer).__name__, known
        return {name: digest(x) for name, x in given.items()}

    def _go_on(self):
        """Refuse parameters that would be of no effect; a new learning rate has one.

        What a file does not hold begins anew: an optimiser, and random numbers.
        """
        if not hasattr(self, "_optimizer"):
            self._rng = np.random.default_rng(parts.seed(self.random_state))
            self._optimizer = self._new_optimizer()
        known = getattr(self, "_made_by", None)  # a model from a file does not have it
        now = self._made_by = self._made_of()
        changed = [name for name in MADE_OF if known and known[name] != now[name]]
        if "lr" in changed and self.optimizer is None:
            self._optimizer.lr = self.lr
            changed.remove("lr")
        if changed:
            self._made_by = known
            raise ValueError(
                f"{changed[0]} was changed after this was fitted, and has no effect where training "
                "goes on: fit anew, without warm_start"
            )

    def _new_optimizer(self):
        """A new optimiser: that of the parameter, or Adam."""
        if self.optimizer is None:
            decay = TABLE_DECAY if self._of_currents() else 0.0
            if self._of_currents() and self.code_.noisy and not self.code_.straight:
                decay = NOISY_DECAY
            return Adam(lr=self.lr, weight_decay=decay)
        return parts.remade(self.optimizer)

    def _usual_epochs(self, per_epoch):
        """20, or as many as make enough steps, unless a linear model does as well."""
        if self.is_straight():
            return self.few_epochs
        updates, most = TABLE_UPDATES if self._of_a_table() else UPDATES
        return int(np.clip(np.ceil(updates / per_epoch), 20, most))

    def is_straight(self) -> bool:
        """Whether a linear model was found to do as well as one with hidden units."""
        return self.code_ is not None and self.code_.straight

    def usual_dropout(self, n: int) -> float:
        """Of tables up to a half, the more the fewer rows per column; of few images a third.

        None of images that are changed as they are learned, or heard by layers of one's own.
        """
        if self._of_currents():
            many = 0 if self.is_straight() else n / self.n_features_in_ / MANY_ROWS
            return TABLE_DROPOUT / (1 + many**2)
        plain = self._of_images() and self.augment is None and self.layers is None
        return IMAGE_DROPOUT if plain and n < FEW_IMAGES else 0.0

    def _as_they_come(self):
        """Whether rows are learned in the order in which they came: of images, or if asked for."""
        return self.code != "auto" or self.code_ is None or self.code_.kind == "latency"

    def _of_images(self):
        """Whether features are pixels, or spikes like theirs."""
        return self.code_ is not None and (self.code_.image or self.code_.kind == "latency")

    def _of_a_table(self):
        """Whether features are columns of a table."""
        return self.code_ is not None and not self._of_images()

    def _of_currents(self):
        """Whether they are, and enter as currents."""
        return self._of_a_table() and self.code_.kind == "current"

    # the network ----------------------------------------------------------------------------------

    def _make(self, inputs, n_out):
        """The network, active from the start."""
        share, votes = _check.number("activity", self.activity, above=0), self.votes(n_out)
        neuron, readout = self._neurons(votes)
        if self.layers is not None:
            layers = images.layers_of(self.layers)
            shaped = bool(layers) and isinstance(layers[0], tuple)
            shape = layers[0] if shaped else self._image_shape() or (inputs.n_units,)
            if np.prod(shape, dtype=object) != inputs.n_units:
                name = "layers begin with the shape" if shaped else "image_shape is"
                raise ValueError(f"{name} {shape}, but X has {inputs.n_units} units")
            layers = (shape, *layers[shaped:], *(() if votes else (n_out,)))
        else:
            one = isinstance(self.hidden, int | np.integer)
            hidden = [self.hidden] if one else _check.sequence("hidden", self.hidden)
            hidden = [_check.integer("hidden", n, at_least=1) for n in hidden]
            layers = (inputs.n_units, *hidden, n_out)
        network = Network(
            layers,
            neuron,
            readout=readout,
            n_steps=inputs.n_steps,
            rng=self._rng,
            workers=self.workers,
        )
        _check_rows(network, len(inputs))
        few = inputs[: int(np.clip(SAMPLE_STEPS // inputs.n_steps, 25, 500))]
        if isinstance(inputs, SpikeTrains):
            remedy = None if self.code_ is None else QUIET.format(self._most)
            check_hearing(network, inputs, MANY, remedy)
        silent = isinstance(few, SpikeTrains) and not few.counts().any()
        if network.hidden_stages and not silent:
            sizes = [stage.n for stage in network.hidden_stages]
            rate = min(share / inputs.n_steps, 0.5)
            heard = rate if votes and isinstance(network.neurons[-1], LIF) else None
            image = len(network.shape_in) == 3
            asked = {"rate": rate} if image else {"layer_spikes": share * min(sizes)}
            reads = not votes and network.neuron_stages[-1].kind == "integrator"
            level = self.level() if reads else None
            with _check.told_of("activity"):
                network.scale_to_activity(few, readout=heard, level=level, **asked)
        self.network_ = network

    def votes(self, n_out: int) -> bool:
        """Whether the last of the layers is read out as it is."""
        return False

    def level(self) -> float | None:
        """Largest potentials that outputs begin with on average, or None: as they come."""
        return None

    def _neurons(self, votes):
        """Model, or models, of hidden neurons, and the readout's or None."""
        neuron = self.neuron
        if neuron is None:
            currents = self.code_ is not None and self.code_.kind == "current"
            neuron = _default_neuron(self.n_steps, currents)
        elif not isinstance(neuron, LIF) and not (
            isinstance(neuron, list | tuple) and all(isinstance(x, LIF) for x in neuron)
        ):
            raise TypeError(
                f"neuron must be LIF or None, or a sequence of LIF, not {type(neuron).__name__}"
            )
        readout = self.readout
        if readout is not None and not isinstance(readout, LeakyIntegrator):
            raise TypeError(f"readout must be LeakyIntegrator, LIF or None, not {readout!r}")
        last = neuron if isinstance(neuron, LIF) else neuron[-1] if neuron else None
        if readout is None and last is not None:  # of values per neuron their mean
            readout = last if votes else last.integrator()
            values = {k: float(np.mean(x)) for k, x in readout.per_unit.items()}
            readout = readout.replace(**values)
        return neuron, readout

    # features -------------------------------------------------------------------------------------

    def scaled(self, targets: np.ndarray, learn: bool) -> np.ndarray:
        """Targets as the loss has them."""
        return targets

    def _read(self, X, y=None, reset=False):
        """Signals as they are; sequences, (n, time, unit); or features, (n, n_features)."""
        _check.unmasked("X", X)
        if isinstance(X, list) and X and any(all(isinstance(x, k) for x in X) for k in SIGNALS):
            with _check.told_of("X"):
                X = _joined(X)  # scikit-learn's folds are lists of samples
        if (shape := self._image_shape()) is not None:
            X = images.flattened(X, shape)
        if isinstance(X, SIGNALS) or (isinstance(X, np.ndarray) and X.ndim == 3):
            return self._read_signals(X, y, reset)
        types = [np.float64, np.float32]
        if y is None:
            with _check.told_of("X"):
                X = validate_data(self, X, dtype=types, reset=reset)
        else:
            _check.unmasked("y", y)
            with _check.told_of("X, y"):
                X, y = validate_data(self, X, y, dtype=types, reset=reset, **self.kind_of_y())
        if not reset and self.code_ is None:
            raise ValueError("X must be signals or sequences, as when this was fitted")
        return X if y is None else (X, y)

    def _image_shape(self):
        """Rows, columns and channels of images, or None."""
        return images.shape_of(self.image_shape, self.layers)

    def _read_signals(self, X, y, reset):
        """Signals or sequences, and targets, of the units and steps that were fitted."""
        if isinstance(X, np.ndarray):
            types = [np.float64, np.float32]
            X = check_array(X, dtype=types, allow_nd=True, estimator=self, input_name="X")
        elif len(X) == 0:
            raise ValueError("X must hold at least one sample")
        sequences = isinstance(X, np.ndarray)  # to be scaled, which signals are not
        n_steps, n_units = X.shape[1:] if sequences else (X.n_steps, X.n_units)
        if reset:
            self.n_features_in_, self.n_steps_in_ = n_units, n_steps
            vars(self).pop("feature_names_in_", None)
        elif self.n_features_in_ != n_units:
            raise ValueError(
                f"X has {n_units} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        elif (
            self.code_ is not None
            or sequences != hasattr(self, "minimum_")
            or n_steps != self.n_steps_in_
        ):
            raise ValueError("X must have the form that it had when this was fitted")
        if y is None:
            return X
        _check.unmasked("y", y)
        return X, self.read_y(y, len(X))

    def _learn_code(self, X, targets):
        """How features become signals; None where they are."""
        code, shape = _check.one_of("code", self.code, tables.CODES), self._image_shape()
        if self.augment is not None:
            images.check_augment(self.augment, shape)
        self.code_ = None
        for name in ("minimum_", "range_"):
            vars(self).pop(name, None)
        if isinstance(X, SIGNALS):
            return
        if X.ndim == 3:
            flat = X.reshape(-1, X.shape[2])
            self.minimum_, self.range_ = tables.robust_bounds(np.asarray(flat, np.float64))
            return
        self._most = float(X.max())
        n_steps = _check.integer("n_steps", self.n_steps, 1, _check.MOST_STEPS)
        if shape is not None:
            learned = tables.image_code(X, shape[2], code)
        else:
            code = "latency" if code == "auto" and self.augment is not None else code
            learned = tables.learn_code(X, self.columns(targets), code)
        some = self.neuron if isinstance(self.neuron, list | tuple) else [self.neuron]
        given = some[0] if some else None  # where one is missing, the network says so
        learned.n_steps = n_steps
        learned.dt = given.dt if isinstance(given, LIF) else encode.DT * tables.STEPS / n_steps
        self.code_, self.minimum_, self.range_ = learned, learned.minimum, learned.range

    def _coded(self, X):
        """Signals."""
        if isinstance(X, SIGNALS):
            return X
        if X.ndim == 3:
            u = np.clip((X - self.minimum_) / self.range_, 0, 1)
            return Values((2 * u - 1).astype(np.float32))
        return self.code_(X)

    def _augmented(self, X):
        """The stream of changed images."""
        if isinstance(X, SIGNALS) or X.ndim != 2:
            raise ValueError("augment needs square images; X has none")
        given = self._image_shape(), self.augment, _of_unit(self.code_)
        return images.stream(self.code_.unit(X), *given)

    # reading out ----------------------------------------------------------------------------------

    def _chunks(self, X):
        """Signals of some rows after the other: what is coded at once stays small."""
        check_is_fitted(self, "network_")
        X = self._read(X)
        for first in range(0, len(X), CHUNK):
            yield self._coded(X[first : first + CHUNK])

    def scores(self, X: Features) -> tuple[np.ndarray, np.ndarray]:
        """Scores, (n_samples, n_outputs), and hidden spikes, (n_samples,)."""
        ask = partial(predict_scores, self.network_) if hasattr(self, "network_") else None
        on = {} if self.substrate is None else {"substrate": self.substrate}
        found = [ask(inputs, loss=self.readout_loss(), **on) for inputs in self._chunks(X)]
        return tuple(map(np.concatenate, zip(*found, strict=True)))

    def count_spikes(self, X: Features) -> np.ndarray:
        """Spikes in all hidden layers, (n_samples,)."""
        return self.scores(X)[1]

    def transform(self, X: Features) -> np.ndarray:
        """Spike counts of all hidden neurons, (n_samples, n_hidden): features for other models."""
        on = {} if self.substrate is None else {"on": self.substrate}
        out = []
        for inputs in self._chunks(X):
            for first in range(0, len(inputs), 500):
                batch = inputs[first : first + 500]
                trace = self.network_.forward(batch, potentials=False, **on)
                counts = [layer.unit_counts() for layer in trace.hidden]
                out.append(np.hstack([*counts, np.zeros((len(batch), 0))]))
        return np.concatenate(out)

    @property
    def _n_features_out(self):
        return sum(stage.n for stage in self.network_.hidden_stages)

    # files ----------------------------------------------------------------------------------------

    def save(self, path: PathLike) -> None:
        """Write a trained estimator to a ``.npz`` file, whole or not at all.

        It holds the network, the scaling of features, what targets are, parameters and the history,
        but not what an optimiser remembers: where training goes on, with ``warm_start`` or
        ``partial_fit``, a new one begins.

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            A parameter that cannot be written (a function of one's own as a loss); the message
            names it.
        """
        check_is_fitted(self, "network_")
        files.save(path, self)

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read what `save` wrote; it predicts the same.

        Raises
        ------
        ValueError
            If the file does not hold such an estimator whole, or is of a newer format.
        """
        return files.load(path, cls)


def _joined(batches):
    """Batches of signals of one kind as one batch."""
    if isinstance(batches[0], SpikeTrains):
        return SpikeTrains.concatenate(batches)
    if len({batch.n_steps for batch in batches}) > 1:
        raise ValueError("samples must be of the same number of steps")
    x = np.concatenate([batch.x for batch in batches])
    return Values(x) if isinstance(batches[0], Values) else ConstantCurrent(x, batches[0].n_steps)


def _default_neuron(n_steps, feels_currents):
    """The published neuron; more steps than 20 are finer ones of the same time."""
    fine = tables.STEPS / _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
    changes = {"steepness": SOFT} if feels_currents else {}
    return LIF.brainscales2(dt=encode.DT * fine, gain=fine, **changes)


def _of_unit(code):
    """A code of pixels that are in [0, 1] already."""
    n = code.n_features
    return replace(code, minimum=np.zeros(n), range=np.ones(n))


def _check_rows(network, n):
    """Refuse to learn from one sample where layers take statistics of a batch."""
    if n < 2 and network.normalises:
        raise ValueError(
            "X holds one sample to learn from (without those held out, or of weight 0): layers "
            "with a norm need two at least"
        )


def _usual_batch_size(n, norms):
    """A tenth of n samples, between 1 and 100; with norms the next size that leaves no single."""
    size = int(np.clip(-(-n // 10), 1, 100))
    if norms:
        size = next(k for k in range(max(size, 2), n + 1) if n % k != 1)
    return size


def _auto(x):
    return isinstance(x, str) and x == "auto"


def rows_of(
    X: Features, targets: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Which rows are learned, in an order of their own, and their weights or None.

    The order does not depend on that in which they came. Rows of weight 0 are left out; whole
    weights are so many equal rows.
    """
    order, n = np.arange(len(targets)), len(targets)
    if isinstance(X, np.ndarray) and X.ndim == 2:
        order = np.lexsort([*targets.reshape(n, -1).T, *X.T])
    if weights is None:
        return order, None
    order = order[weights[order] > 0]
    weights = weights[order]
    if (weights == np.rint(weights)).all() and weights.sum() <= MOST_REPEATS * n:
        return np.repeat(order, weights.astype(np.int64)), None
    return order, weights


def weights_of(given: ArrayLike, n: int, name: str = "sample_weight") -> np.ndarray:
    """Weights of n samples: finite, not negative, not all of them 0."""
    with _check.told_of(name):
        given = np.asarray(given)  # what stands for an array may not answer NumPy's functions
        given = np.full(n, given) if given.ndim == 0 else given
        out = check_array(given, dtype=np.float64, ensure_2d=False, input_name=name)
    if out.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, and so must {name}")
    if out.shape != (n,):
        raise ValueError(f"{name}.shape == {out.shape}, expected {(n,)}!")
    if out.min() < 0 or not out.any():
        raise ValueError(f"{name} must not be negative, nor zero for all samples")
    with np.errstate(over="ignore"):
        if not np.isfinite(out.sum()):
            raise ValueError(f"{name} is too large: its sum is no number")
    return out
