"""`SpikingClassifier`: a spiking network behind scikit-learn's interface."""

import json
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from snnlab import _check, encode
from snnlab._files import DAMAGE, load_npz, save_npz
from snnlab.datasets.augment import Affine, AugmentedImages
from snnlab.learning.losses import LOSSES
from snnlab.learning.optim import Adam
from snnlab.learning.silence import MANY, check_hearing
from snnlab.learning.training import History, predict_scores, steps, train
from snnlab.network import Network
from snnlab.neurons import LIF

FORMAT = 1  # of files
PLAIN = bool | int | float | str | type(None)

# with fewer features than this, a spike per feature is too coarse a code
FEW = 32
QUIET = (
    "features reach {:.3g}, but a feature must exceed 0.2 to spike, and those in [0, 1] are taken "
    "as they are: scale X so that its largest values are 1"
)


@contextmanager
def _names(arguments):
    """Where scikit-learn looks at arguments; what it says of them is put after their names."""
    try:
        yield
    except (TypeError, ValueError) as fault:
        kind = TypeError if isinstance(fault, TypeError) else ValueError
        raise kind(f"{arguments}: {fault}") from None


class SpikingClassifier(ClassifierMixin, BaseEstimator):
    """Classifier: latency code, hidden layers of LIF neurons, a leaky-integrator readout.

    Parameters
    ----------
    hidden : tuple of int
        Neurons per hidden layer.
    epochs : int
    batch_size : int or "auto"
        "auto": a tenth of the samples, between 1 and 100.
    lr : float
        Learning rate of Adam, lowered along half a cosine.
    dropout : float
        Share of hidden neurons left out per batch.
    augment : Affine, optional
        Random affine changes; the features are then the pixels of a square image.
    hidden_spikes : float
        Mean spikes per sample and hidden layer at the start, as a share of its neurons
        (`Network.scale_to_activity`).
    code : {"auto", "latency", "population"}
        "latency": the larger a feature the earlier its one spike (`snnlab.encode.latency`).
        "population": each feature is first spread over several units (`snnlab.encode.population`),
        for data of few features. "auto": the latter below 32 features.
    n_steps : int
        Time steps of a sample.
    neuron : LIF, optional
        Hidden neurons; by default ``LIF.brainscales2()``.
    loss : str or callable
        As in `snnlab.train`.
    random_state : int, RandomState or None
        For weights, order of samples, dropout and augmentation.
    verbose : bool
        Show progress.
    workers : int, optional
        Threads; by default all that this process may use.

    Attributes
    ----------
    classes_ : array
        The labels seen in `fit`.
    network_ : Network
        The trained network; ``network_.save(path)`` writes it to a file.
    history_ : History
        What training recorded.
    n_features_in_ : int
    minimum_, range_ : array (n_features,)
        Features are mapped to [0, 1] by ``(x - minimum_) / range_`` and clipped. Data that lie in
        [0, 1] are taken as they are.

    Examples
    --------
    >>> import snnlab
    >>> data = snnlab.datasets.load("digits16")
    >>> model = snnlab.SpikingClassifier(hidden=(64,), epochs=3, random_state=0)
    >>> model.fit(data.x_train, data.y_train).score(data.x_test, data.y_test) > 0.8
    True
    """

    def __init__(
        self,
        hidden=(246,),
        *,
        epochs=20,
        batch_size="auto",
        lr=3e-3,
        dropout=0.0,
        augment=None,
        hidden_spikes=0.25,
        code="auto",
        n_steps=20,
        neuron=None,
        loss="max_over_time",
        random_state=None,
        verbose=False,
        workers=None,
    ):
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.dropout = dropout
        self.augment = augment
        self.hidden_spikes = hidden_spikes
        self.code = code
        self.n_steps = n_steps
        self.neuron = neuron
        self.loss = loss
        self.random_state = random_state
        self.verbose = verbose
        self.workers = workers

    def fit(self, X, y):
        """Train on features X (n_samples, n_features) and labels y (n_samples,).

        Returns
        -------
        SpikingClassifier
            This object, trained. After an interrupt it is usable, at its last completed step.
        """
        samples, settings = self._begin(X, y)
        self.history_ = train(self.network_, *samples, **settings, progress=bool(self.verbose))
        return self

    def fit_steps(self, X, y):
        """Train as `fit` does, step by step: an iterator of `snnlab.training.Step`.

        Between two steps everything can be asked of this object that can be asked after `fit`.
        """
        samples, settings = self._begin(X, y)
        self.history_ = History()
        yield from steps(self.network_, *samples, **settings, history=self.history_)

    def _begin(self, X, y):
        """Make the network; what it is to learn, and how."""
        _check.unmasked("X", X)
        _check.unmasked("y", y)
        with _names("X, y"):
            X, y = validate_data(self, X, y, dtype=np.float32)
            check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        _check.one_of("code", self.code, ("auto", "latency", "population"))
        share = _check.number("hidden_spikes", self.hidden_spikes, above=0)
        one = isinstance(self.hidden, int | np.integer)
        hidden = [self.hidden] if one else _check.sequence("hidden", self.hidden)
        hidden = [_check.integer("hidden", n, at_least=1) for n in hidden]
        if self.augment is not None and not isinstance(self.augment, Affine):
            raise TypeError(f"augment must be Affine or None, not {type(self.augment).__name__}")
        neuron = LIF.brainscales2() if self.neuron is None else self.neuron
        if not isinstance(neuron, LIF):
            raise TypeError(f"neuron must be LIF or None, not {type(neuron).__name__}")
        rng = np.random.default_rng(_seed(self.random_state))

        low, high = X.min(axis=0), X.max(axis=0)
        if low.min() >= 0 and high.max() <= 1:
            low, high = np.zeros_like(low), np.ones_like(high)
        self.minimum_ = low
        self.range_ = np.where(high > low, high - low, 1)

        self._code = partial(_spikes, code=self.code, n_steps=self.n_steps, dt=neuron.dt)
        spikes = self._code(self._features(X))
        sizes = (spikes.n_units, *hidden, len(self.classes_))
        network = Network(sizes, neuron, n_steps=self.n_steps, rng=rng, workers=self.workers)
        check_hearing(network, spikes, MANY, QUIET.format(X.max()))
        few = spikes[:500]
        if few.counts().any() and len(sizes) > 2:
            network.scale_to_activity(few, share * min(sizes[1:-1]))
        inputs = spikes if self.augment is None else self._augmented(X)
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = int(np.clip(-(-len(X) // 10), 1, 100))
        self.network_ = network
        return (inputs, labels), {
            "epochs": self.epochs,
            "rng": rng,
            "batch_size": batch_size,
            "loss": self.loss,
            "optimizer": Adam(lr=self.lr),
            "dropout": self.dropout,
        }

    def _features(self, X):
        """Features mapped to [0, 1]."""
        return np.clip((X - self.minimum_) / self.range_, 0, 1, dtype=np.float32)

    def _augmented(self, X):
        """The stream of changed images; features are the pixels of a square."""
        side = int(np.sqrt(X.shape[1]))
        if side * side != X.shape[1]:
            raise ValueError(f"augment needs square images; X has {X.shape[1]} features")
        source = np.rint(255 * self._features(X)).astype(np.uint8).reshape(-1, side, side)
        return AugmentedImages(source, side, self.augment, self._code)

    def _scores(self, X):
        check_is_fitted(self)
        _check.unmasked("X", X)
        with _names("X"):
            X = validate_data(self, X, dtype=np.float32, reset=False)
        spikes = self._code(self._features(X))
        check_hearing(self.network_, spikes, 1.0, QUIET.format(X.max()))
        return predict_scores(self.network_, spikes, loss=self.loss)

    def decision_function(self, X):
        """Scores, (n_samples, n_classes); for two classes their difference, (n_samples,)."""
        scores, _ = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X):
        """Labels, (n_samples,)."""
        scores, _ = self._scores(X)
        return self.classes_[scores.argmax(axis=1)]

    def predict_proba(self, X):
        """Softmax of the scores, (n_samples, n_classes)."""
        scores, _ = self._scores(X)
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def count_spikes(self, X):
        """Spikes in all hidden layers, (n_samples,)."""
        return self._scores(X)[1]

    # files ----------------------------------------------------------------------------------------

    def save(self, path):
        """Write a trained classifier to a ``.npz`` file, whole or not at all.

        It holds the network, the scaling of features, classes, parameters and the history.

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            A parameter that cannot be written (a function of one's own as a loss); the message
            names it.
        """
        check_is_fitted(self)
        header = {
            "format": FORMAT,
            "history": asdict(self.history_),
            "object": False,
            "parameters": {k: _plain(k, x) for k, x in self.get_params(deep=False).items()},
        }
        names, classes = getattr(self, "feature_names_in_", None), self.classes_
        if classes.dtype == object:
            if not all(isinstance(name, str) for name in classes):
                raise TypeError("y has classes that cannot be written: neither text nor numbers")
            classes, header["object"] = classes.astype(str), True
        arrays = {"classes": classes, "minimum": self.minimum_, "range": self.range_}
        if names is not None:
            arrays["names"] = names.astype(str)
        arrays |= {f"network_{name}": x for name, x in self.network_.to_arrays().items()}
        save_npz(path, {"header": np.array(json.dumps(header))} | arrays)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote; it predicts the same.

        Raises
        ------
        ValueError
            If the file does not hold a classifier whole, or is of a newer format.
        """
        arrays = load_npz(path)
        try:
            header = json.loads(str(arrays["header"]))
            version = _check.integer("format", header["format"], at_least=1)
            if version > FORMAT:
                raise ValueError(f"format {version} is newer than this version reads ({FORMAT})")
            model = cls(**{k: _revived(x) for k, x in header["parameters"].items()})
            model._adopt(header, arrays)
            return model
        except DAMAGE as fault:
            raise ValueError(f"path {path} does not hold a SpikingClassifier: {fault}") from None

    def _adopt(self, header, arrays):
        """What training gave, from a file, if it fits together."""
        parts = {k.removeprefix("network_"): x for k, x in arrays.items() if k[:8] == "network_"}
        network = Network.from_arrays(parts, self.workers)
        n, classes = arrays["minimum"].size, arrays["classes"]
        low, size = (
            _check.array(name, arrays[name], np.float32, (n,)) for name in ("minimum", "range")
        )
        if n == 0 or size.min() <= 0:
            raise ValueError("range must be above 0")
        if classes.shape != network.sizes[-1:] or len(np.unique(classes)) != len(classes):
            raise ValueError(f"classes must be {network.sizes[-1]}, all different")
        _check.one_of("code", self.code, ("auto", "latency", "population"))
        code = partial(_spikes, code=self.code, n_steps=self.n_steps, dt=network.dt)
        network.check_inputs(code(np.zeros((1, n), np.float32)), "features")
        names = arrays.get("names")
        if names is not None:
            if names.shape != (n,) or names.dtype.kind != "U":
                raise ValueError(f"names must be text, ({n},)")
            self.feature_names_in_ = names.astype(object)
        self.classes_ = classes.astype(object) if header["object"] else classes
        self.minimum_, self.range_, self.n_features_in_ = low, size, n
        self.network_, self.history_, self._code = network, History(**header["history"]), code


def _plain(name, x):
    """A parameter as JSON has it."""
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, PLAIN):
        return x
    if isinstance(x, list | tuple | np.ndarray):
        return [_plain(name, part) for part in x]
    if isinstance(x, Affine):
        return {"affine": asdict(x)}
    if isinstance(x, LIF):
        return {"neuron": x.to_dict()}
    for loss, kind in LOSSES.items():
        if type(x) is kind:
            return {"loss": loss, "settings": asdict(x)}
    raise TypeError(f"{name} cannot be written to a file: {x!r}")


def _revived(x):
    if isinstance(x, list):
        return tuple(map(_revived, x))
    if not isinstance(x, dict):
        return x
    if "affine" in x:
        return Affine(**x["affine"])
    if "neuron" in x:
        return LIF.from_dict(x["neuron"])
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in x["settings"].items()}
    return LOSSES[x["loss"]](**settings)


def _spikes(x, code, n_steps, dt):
    """The estimator's code of features in [0, 1]."""
    if code == "population" or (code == "auto" and x.shape[1] < FEW):
        x = encode.population(x)
    return encode.latency(x, n_steps=n_steps, dt=dt)


def _seed(random_state):
    """A seed from scikit-learn's ``random_state``; None draws a fresh one, not from NumPy's."""
    return None if random_state is None else check_random_state(random_state).randint(2**31)
