"""`SpikingClassifier`: a spiking network behind scikit-learn's interface."""

from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from snnlab import _check, encode
from snnlab.datasets.augment import Affine, AugmentedImages
from snnlab.learning.optim import Adam
from snnlab.learning.silence import MANY, check_hearing
from snnlab.learning.training import History, predict_scores, steps, train
from snnlab.network import Network
from snnlab.neurons import LIF

# with fewer features than this, a spike per feature is too coarse a code
FEW = 32
QUIET = (
    "features reach {:.3g}, but a feature must exceed 0.2 to spike, and those in [0, 1] are taken "
    "as they are: scale X so that its largest values are 1"
)


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
        X, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        _check.one_of("code", self.code, ("auto", "latency", "population"))
        share = _check.number("hidden_spikes", self.hidden_spikes, above=0)
        hidden = [_check.integer("hidden", n, at_least=1) for n in np.atleast_1d(self.hidden)]
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


def _spikes(x, code, n_steps, dt):
    """The estimator's code of features in [0, 1]."""
    if code == "population" or (code == "auto" and x.shape[1] < FEW):
        x = encode.population(x)
    return encode.latency(x, n_steps=n_steps, dt=dt)


def _seed(random_state):
    """A seed from scikit-learn's ``random_state``; None draws a fresh one, not from NumPy's."""
    return None if random_state is None else check_random_state(random_state).randint(2**31)
