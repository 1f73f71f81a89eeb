"""`SpikingClassifier`: labels from tables, arrays, signals and sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from snnlab import _check
from snnlab.estimator import _images as images
from snnlab.estimator.base import SpikingEstimator, weights_of
from snnlab.layers.vote import Vote
from snnlab.learning.losses import MaxOverTime
from snnlab.learning.softmax import log_softmax, softmax
from snnlab.neurons import LIF

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Self

    from numpy.typing import ArrayLike

    from snnlab._types import Features, Loss, Optimizer, Penalties, Randomness, Schedule
    from snnlab.datasets.augment import Affine, Crops
    from snnlab.learning.training import Step
    from snnlab.medium import Medium
    from snnlab.neurons import LeakyIntegrator


class SpikingClassifier(ClassifierMixin, SpikingEstimator):
    """Classifier: a code, hidden layers of LIF neurons, a leaky-integrator readout.

    Parameters
    ----------
    hidden : tuple of int
        Neurons per hidden layer.
    epochs : int or "auto"
        "auto": 20, or as many more as make 3,000 steps, at most 80; of tables 400 steps, at most
        200, but 20 epochs where a linear model does as well.
    batch_size : int or "auto"
        "auto": a tenth of the samples, between 1 and 100; where layers have a norm 2 at least, and
        more if a batch of one would be left.
    lr : float
        Learning rate of Adam, where no ``optimizer`` is given.
    dropout : float or "auto"
        Share of hidden neurons left out per batch. "auto": where a table's columns enter as
        currents up to a half, the more the fewer rows there are per column; 0.35 of fewer
        than 10,000 images without ``augment`` and ``layers``; else none.
    augment : Affine or Crops, optional
        Random changes (`snnlab.augment`): `Affine` maps, where the features are the pixels of a
        square image; `Crops`, shifts and flips of images of any ``image_shape``.
    activity : float
        Mean spikes per sample and neuron at the start, in the smallest hidden layer; the others
        have as many spikes, or, of images, as many per neuron (`Network.scale_to_activity`).
    code : {"auto", "latency", "population", "current"}
        How features enter. "latency": the larger a feature the earlier its one spike
        (`snnlab.encode.latency`). "population": each feature is first spread over several units
        (`snnlab.encode.population`). "current": signed features are currents that the first layer
        feels in each step; its neurons learn to make spikes of them. They are mixed first so that
        they correlate little; where a linear model does as well as a smooth kernel, what is
        felt are its directions. "auto": the data say
        (`snnlab.estimator.tables.choose`); ``code_`` and the representation of a fitted estimator
        tell which it is, and why.
    n_steps : int
        Time steps of a sample. More steps are finer ones: the code's time constant and, unless
        ``neuron`` is given, those of the neurons are as many more steps. Signals and sequences
        have their own number.
    neuron : LIF or sequence of LIF, optional
        Hidden neurons, or those of each hidden layer; constants may hold a value per neuron. By
        default ``LIF.brainscales2()``, with a softer surrogate (steepness 10) for currents.
    readout : LeakyIntegrator or LIF, optional
        By default the integrator with the hidden neurons' constants (of values per neuron, their
        means); neurons like them where they vote.
    layers : sequence, optional
        Hidden layers as `Network` takes them, instead of ``hidden``; the first entry may be the
        shape of the inputs, ``(y, x, channel)``. Where `snnlab.layers.Vote` is the last, neurons
        below it vote for the classes, and there is no other readout.
    image_shape : sequence of int, optional
        Rows, columns and channels of images, for layers that hear such (`snnlab.layers.Conv`). The
        features are then pixels in this order; images ``(n, y, x, channel)``, or ``(n, y, x)`` of
        one channel, are taken, too. All pixels are scaled alike, and code "current" neither mixes
        nor weights them, but for their channels' mean and standard deviation.
    loss : str or callable
        As in `snnlab.train`. "auto": "max_over_time", with a softer softmax (``scale=1``) where a
        linear model was found to do as well; of votes "rate_mse".
    optimizer : Adam, SGD, a rule of `snnlab.rewiring` or your own, optional
        Each fit makes a new one like it. By default Adam, for currents with weight decay 1.
    schedule, penalties, substrate
        As in `snnlab.train`; predictions are made on the substrate, too.
    validation_fraction : float, optional
        Share of the samples that `fit` holds out to know when to stop; the best weights are kept
        (where an optimiser prunes, of the epochs after that).
    patience : int
        Epochs without a better validation accuracy after which training stops then.
    callbacks : function of a `Step`, or sequence of them, optional
        Called after each step of `fit`; training stops where one returns True.
    class_weight : dict, "balanced" or None
        How much samples of each class count, as in scikit-learn.
    warm_start : bool
        Whether `fit` goes on with the network and optimiser there are.
    random_state : int, RandomState, Generator or None
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
    code_ : Code or None
        The learned scaling and code (`snnlab.estimator.tables.Code`); None for signals.
    n_features_in_ : int
    minimum_, range_ : array (n_features,)
        Features are mapped to [0, 1] by ``(x - minimum_) / range_`` and clipped. They are learned
        without outliers. Data that lie in [0, 1] are taken as they are, but for columns that a
        population would hardly tell.

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
        hidden: int | Sequence[int] = (246,),
        *,
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        lr: float = 1.5e-3,
        dropout: float | str = "auto",
        augment: Affine | Crops | None = None,
        activity: float = 0.25,
        code: str = "auto",
        n_steps: int = 20,
        neuron: LIF | Sequence[LIF] | None = None,
        readout: LeakyIntegrator | LIF | None = None,
        layers: Sequence | None = None,
        image_shape: Sequence[int] | None = None,
        loss: Loss = "auto",
        optimizer: Optimizer | None = None,
        schedule: Schedule = "cosine",
        penalties: Penalties = (),
        substrate: Medium | None = None,
        validation_fraction: float | None = None,
        patience: int = 10,
        callbacks: Callable[[Step], Any] | Sequence[Callable[[Step], Any]] | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        warm_start: bool = False,
        random_state: Randomness | None = None,
        verbose: bool = False,
        workers: int | None = None,
    ) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.dropout = dropout
        self.augment = augment
        self.activity = activity
        self.code = code
        self.n_steps = n_steps
        self.neuron = neuron
        self.readout = readout
        self.layers = layers
        self.image_shape = image_shape
        self.loss = loss
        self.optimizer = optimizer
        self.schedule = schedule
        self.penalties = penalties
        self.substrate = substrate
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.callbacks = callbacks
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.workers = workers

    def partial_fit(
        self,
        X: Features,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """One epoch more, on these samples, at a constant learning rate.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`. The first call learns the scaling and the code.
        classes : array, optional
            All labels there will be; asked for at the first call, by default those in ``y``.

        Returns
        -------
        SpikingClassifier
        """
        if classes is not None:
            with _check.told_of("classes"), np.errstate(invalid="ignore"):
                classes = column_or_1d(_check.as_array("classes", classes))
                check_classification_targets(classes)
                classes = np.unique(classes)
        if not hasattr(self, "history_"):
            self._known = classes
        elif classes is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(f"classes must be those of the first call: {self.classes_}")
        try:
            return self.fit_more(X, y, sample_weight)
        finally:
            self._known = None

    # targets --------------------------------------------------------------------------------------

    _known = None  # classes that were named

    def kind_of_y(self) -> dict[str, Any]:
        """How scikit-learn is to look at targets."""
        return {}

    def read_y(self, y: ArrayLike, n: int) -> np.ndarray:
        """Targets of n signals."""
        y = column_or_1d(y, warn=True)
        if len(y) != n:
            raise ValueError(f"X and y must hold as many samples: {n} and {len(y)}")
        return y

    def checked_targets(
        self, y: ArrayLike, sample_weight: ArrayLike | None, fresh: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Numbers of classes, and weights or None."""
        with _check.told_of("y"):
            check_classification_targets(y)
        if fresh:
            self.classes_ = np.unique(y) if self._known is None else self._known
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y has labels that are not among the classes: {unknown[:3]}")
        weights = None if sample_weight is None else weights_of(sample_weight, len(y))
        if self.class_weight is not None:
            with _check.told_of("class_weight"), np.errstate(over="ignore"):
                of_class = compute_sample_weight(self.class_weight, y)
                weights = of_class if weights is None else weights * of_class
            weights = weights_of(weights, len(y), "class_weight")
        return np.searchsorted(self.classes_, y), weights

    def outputs(self, targets: np.ndarray) -> int:
        """How many potentials are read out."""
        return len(self.classes_)

    def votes(self, n_out: int) -> bool:
        """Whether neurons vote for the classes: the last of the layers says so."""
        layers = () if self.layers is None else images.layers_of(self.layers)
        if not layers or not isinstance(layers[-1], Vote):
            return False
        if layers[-1].classes != n_out:
            raise ValueError(f"layers end with {layers[-1]}, but there are {n_out} classes in y")
        return True

    def columns(self, targets: np.ndarray) -> np.ndarray:
        """What a linear model would learn, (n_samples, n_outputs)."""
        return np.eye(len(self.classes_))[targets]

    def strata(self, targets: np.ndarray, share: float) -> np.ndarray | None:
        """Classes to be held out alike, or None."""
        counts = np.bincount(targets)
        few = counts[counts > 0].min() < 2
        sizes = share * len(targets), (1 - share) * len(targets)
        return None if few or min(sizes) < (counts > 0).sum() else targets

    def readout_loss(self) -> Loss:
        """The loss."""
        if isinstance(self.loss, str) and self.loss == "auto":
            if self.votes(len(self.classes_)) and isinstance(self.network_.neurons[-1], LIF):
                return "rate_mse"
            return MaxOverTime(scale=1.0) if self.is_straight() else "max_over_time"
        return self.loss

    def level(self) -> float | None:
        """A threshold, if the loss is of largest potentials: those at rest have no gradient."""
        named = isinstance(self.loss, str) and self.loss in ("auto", "max_over_time")
        return 1.0 if named or isinstance(self.loss, MaxOverTime) else None

    # answers --------------------------------------------------------------------------------------

    def decision_function(self, X: Features) -> np.ndarray:
        """Scores, (n_samples, n_classes); for two classes their difference, (n_samples,)."""
        scores, _ = self.scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Features) -> np.ndarray:
        """Labels, (n_samples,)."""
        scores, _ = self.scores(X)
        return self.classes_[scores.argmax(axis=1)]

    def predict_proba(self, X: Features) -> np.ndarray:
        """Softmax of the scores, (n_samples, n_classes)."""
        scores, _ = self.scores(X)
        return softmax(scores)

    def predict_log_proba(self, X: Features) -> np.ndarray:
        """Logarithm of `predict_proba`, finite however sure the network is."""
        scores, _ = self.scores(X)
        return log_softmax(scores)

    # files ----------------------------------------------------------------------------------------

    def to_file(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What of the targets is written to files: plain values, and arrays."""
        classes, as_object = self.classes_, self.classes_.dtype == object
        if as_object:
            if not all(isinstance(name, str) for name in classes):
                raise TypeError("y has classes that cannot be written: neither text nor numbers")
            classes = classes.astype(str)
        return {"object": as_object}, {"classes": classes}

    def from_file(
        self, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], n_out: int
    ) -> None:
        """Inverse of `to_file`."""
        classes = arrays["classes"]
        if classes.shape != (n_out,) or len(np.unique(classes)) != len(classes):
            raise ValueError(f"classes must be {n_out}, all different")
        as_object = _check.flag("object", header["object"])
        self.classes_ = classes.astype(object) if as_object else classes
