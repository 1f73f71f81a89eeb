"""`SpikingRegressor`: values from tables, arrays, signals and sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_array

from snnlab import _check
from snnlab.estimator.base import SpikingEstimator, weights_of
from snnlab.memory import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Self

    from numpy.typing import ArrayLike

    from snnlab._types import Features, Loss, Optimizer, Penalties, Randomness, Schedule
    from snnlab.datasets.augment import Affine, Crops
    from snnlab.learning.training import Step
    from snnlab.medium import Medium
    from snnlab.neurons import LIF, LeakyIntegrator

FAR = 1e15  # standard deviations whose squares are sums of float32 numbers


class SpikingRegressor(RegressorMixin, SpikingEstimator):
    """Regressor: a code, hidden layers of LIF neurons, the mean potential of leaky integrators.

    Targets are standardised; the network learns them by their squared error.

    Parameters
    ----------
    hidden : tuple of int
        Neurons per hidden layer.
    epochs : int or "auto"
        "auto": 20, or as many more as make 3,000 steps, at most 80; of tables 400 steps, at most
        200, but 8 epochs where a linear model does as well.
    batch_size : int or "auto"
        "auto": a tenth of the samples, between 1 and 100; where layers have a norm 2 at least, and
        more if a batch of one would be left.
    lr : float
        Learning rate of Adam, where no ``optimizer`` is given.
    dropout : float or "auto"
        Share of hidden neurons left out per batch. "auto": none.
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
        means).
    layers : sequence, optional
        Hidden layers as `Network` takes them, instead of ``hidden``; the first entry may be the
        shape of the inputs, ``(y, x, channel)``.
    image_shape : sequence of int, optional
        Rows, columns and channels of images, for layers that hear such (`snnlab.layers.Conv`). The
        features are then pixels in this order; images ``(n, y, x, channel)``, or ``(n, y, x)`` of
        one channel, are taken, too. All pixels are scaled alike, and code "current" neither mixes
        nor weights them, but for their channels' mean and standard deviation.
    loss : str or callable
        As in `snnlab.train`.
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
    offset_, scale_ : array (n_outputs,)
        Mean and standard deviation of the targets.
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
    >>> from sklearn.datasets import make_friedman1
    >>> X, y = make_friedman1(300, random_state=0)
    >>> model = snnlab.SpikingRegressor(hidden=(100,), random_state=0)
    >>> model.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.6
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
        loss: Loss = "squared_error",
        optimizer: Optimizer | None = None,
        schedule: Schedule = "cosine",
        penalties: Penalties = (),
        substrate: Medium | None = None,
        validation_fraction: float | None = None,
        patience: int = 10,
        callbacks: Callable[[Step], Any] | Sequence[Callable[[Step], Any]] | None = None,
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
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.workers = workers

    def partial_fit(
        self, X: Features, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """One epoch more, on these samples, at a constant learning rate.

        The first call learns the scaling, of targets too, and the code.

        Returns
        -------
        SpikingRegressor
        """
        return self.fit_more(X, y, sample_weight)

    of_values = True
    few_epochs = 8  # where a linear model does as well: values are learned sooner than labels

    # targets --------------------------------------------------------------------------------------

    def kind_of_y(self) -> dict[str, Any]:
        """How scikit-learn is to look at targets."""
        return {"multi_output": True, "y_numeric": True}

    def read_y(self, y: ArrayLike, n: int) -> np.ndarray:
        """Targets of n signals."""
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        if len(y) != n:
            raise ValueError(f"X and y must hold as many samples: {n} and {len(y)}")
        return y

    def checked_targets(
        self, y: ArrayLike, sample_weight: ArrayLike | None, fresh: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Values, (n_samples, n_outputs), and weights or None."""
        y = np.asarray(y, np.float64)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        columns = rows_of(y)
        if fresh:
            self._flat = y.ndim == 1
        elif columns.shape[1] != len(self.offset_):
            raise ValueError(f"y must have {len(self.offset_)} columns, got {columns.shape[1]}")
        return columns, None if sample_weight is None else weights_of(sample_weight, len(y))

    def scaled(self, targets: np.ndarray, learn: bool) -> np.ndarray:
        """Standardised targets; learn how, perhaps."""
        if learn:
            # divided by a power of two, exactly, no sum and no square leaves the floats
            size = np.ldexp(1.0, np.frexp(np.abs(targets).max(axis=0))[1] - 1)
            shares = targets / size
            mean = shares.mean(axis=0)
            self.offset_, sd = mean * size, (shares - mean).std(axis=0) * size
            self.scale_ = np.where(sd > 0, sd, 1.0)
        with np.errstate(over="ignore"):
            out = (targets - self.offset_) / self.scale_
        if not np.abs(out).max() < FAR:
            raise ValueError("y lies too far from the values that were seen first, for a float32")
        return out

    def outputs(self, targets: np.ndarray) -> int:
        """How many potentials are read out."""
        return targets.shape[1]

    def columns(self, targets: np.ndarray) -> np.ndarray:
        """What a linear model would learn, (n_samples, n_outputs)."""
        return targets

    def strata(self, targets: np.ndarray, share: float) -> np.ndarray | None:
        """Classes to be held out alike: there are none."""
        return None

    def usual_dropout(self, n: int) -> float:
        """Share of hidden neurons left out: none."""
        return 0.0  # what is left out is missing in a sum

    def readout_loss(self) -> Loss:
        """The loss."""
        return self.loss

    # answers --------------------------------------------------------------------------------------

    def predict(self, X: Features) -> np.ndarray:
        """Values, (n_samples,), or (n_samples, n_outputs) as in `fit`."""
        scores, _ = self.scores(X)
        values = scores * self.scale_ + self.offset_
        return values[:, 0] if self._flat else values

    # files ----------------------------------------------------------------------------------------

    def to_file(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What of the targets is written to files: plain values, and arrays."""
        return {"flat": self._flat}, {"offset": self.offset_, "scale": self.scale_}

    def from_file(
        self, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], n_out: int
    ) -> None:
        """Inverse of `to_file`."""
        self._flat = _check.flag("flat", header["flat"])
        self.offset_, self.scale_ = (
            _check.array(name, arrays[name], np.float64, (n_out,)) for name in ("offset", "scale")
        )
        if self.scale_.min() <= 0 or (self._flat and n_out > 1):
            raise ValueError("scale must be above 0, and flat False for several outputs")
