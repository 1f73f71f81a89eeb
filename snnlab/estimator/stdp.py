"""`STDPFeatures`: features that STDP finds without labels, for scikit-learn's pipelines."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from snnlab import _check
from snnlab._files import DAMAGE, check_format, load_npz, save_npz
from snnlab.estimator import _images as images
from snnlab.estimator.parts import PLAIN, seed
from snnlab.estimator.tables import robust_bounds
from snnlab.learning.stdp import STDP, Detectors, Events, Log, STDPNetwork, contrast, first_spikes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Self

    from numpy.typing import ArrayLike

    from snnlab._types import PathLike, Randomness

FORMAT = 1
CHUNK = 2000  # rows that are transformed at once
SMALL = 14  # pixels along a side, below which there is room for one layer of patches only


class STDPFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Transformer: layers of detectors that learn by STDP, pruned while they learn.

    Images become contrasts (`snnlab.stdp.contrast`); columns of a table become two units each, for
    values above and below the middle of their range, of which one spikes, the earlier the further
    away the value is (none does right in the middle). What comes out are potentials: of each
    detector of the last layer the largest in each part of the image. A linear classifier can tell
    classes by them.

    Parameters
    ----------
    layers : sequence of Detectors, or "auto"
        "auto": 32 detectors of 5 x 5 and 100 of 3 x 3 pooled places, or one layer where images are
        small; of tables one layer of 64 detectors that hear all.
    image_shape : sequence of int, optional
        Rows and columns of images, and channels if there are several; the features are then pixels
        in this order. Images (n, y, x) or (n, y, x, channel) are taken, too.
    n_steps : int
        Steps of an image, at most 254.
    rise, fall, cut, every
        As for `snnlab.stdp.STDP`. By default nothing is cut.
    n_images : int
        How many images (or rows) each layer learns; those there are again where they are fewer.
    grid : int
        Parts of the image, along each side; of tables there is one.
    random_state : int, RandomState, Generator or None
        For the weights at the start, and the order of images.
    workers : int, optional
        Threads.

    Attributes
    ----------
    network_ : STDPNetwork
    log_ : Log
        What learning recorded; ``log_.events`` is what was done.
    n_features_in_ : int
    minimum_, range_ : array (n_features,)
        Of tables: columns are mapped to [0, 1] by ``(x - minimum_) / range_``, and clipped.

    Examples
    --------
    >>> import snnlab
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> data = snnlab.datasets.load("digits16")
    >>> features = snnlab.STDPFeatures(image_shape=(16, 16), cut=0.3, random_state=0)
    >>> model = make_pipeline(features, StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    >>> model.fit(data.x_train, data.y_train).score(data.x_test, data.y_test) > 0.9
    True
    """

    def __init__(
        self,
        layers: Sequence[Detectors] | str = "auto",
        *,
        image_shape: Sequence[int] | None = None,
        n_steps: int = 16,
        rise: float = 0.04,
        fall: float = 0.03,
        cut: float = 0.0,
        every: int = 100,
        n_images: int = 4000,
        grid: int = 2,
        random_state: Randomness | None = None,
        workers: int | None = None,
    ) -> None:
        self.layers = layers
        self.image_shape = image_shape
        self.n_steps = n_steps
        self.rise = rise
        self.fall = fall
        self.cut = cut
        self.every = every
        self.n_images = n_images
        self.grid = grid
        self.random_state = random_state
        self.workers = workers

    # learning -------------------------------------------------------------------------------------

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn, layer by layer.

        Parameters
        ----------
        X : array of float (n_samples, n_features)
        y : ignored
            There is no teacher.

        Returns
        -------
        This object.

        Warns
        -----
        RuntimeWarning
            A layer that hardly ever reaches its threshold.
        """
        for _ in self.fit_steps(X, y):
            pass
        return self

    def fit_steps(self, X: ArrayLike, y: Any = None) -> Iterator[Log]:
        """Learn as `fit` does, and look every ``every`` images: an iterator of `snnlab.stdp.Log`.

        Between two looks everything can be asked of this object that can be asked after `fit`.
        """
        X = self._read(X, reset=True)
        rule = STDP(self.rise, self.fall, self.cut, self.every)
        n_images = _check.integer("n_images", self.n_images, 1)
        shape = self._shape()
        if shape is None:
            self.minimum_, self.range_ = robust_bounds(X)
            heard = 1, 1, 2 * X.shape[1]
        else:
            heard = *shape[:2], 2 * shape[2]
        layers = self._layers(heard)
        rng = np.random.default_rng(seed(self.random_state))
        settings = {"n_steps": self.n_steps, "rng": rng, "workers": self.workers}
        network = STDPNetwork(heard, layers, **settings)
        network.check_grid(self._grid())
        self.network_, self.log_ = network, Log()
        for log in network.learn_steps(self._coded(X), rule, images=n_images):
            self.log_ = log
            yield log

    def _read(self, X, reset=False):
        shape = self._shape()
        if shape is not None:
            X = images.flattened(X, shape)
        with _check.told_of("X"):
            return validate_data(self, X, dtype=np.float64, reset=reset)

    def _shape(self):
        return images.shape_of(self.image_shape, None)

    def _grid(self):
        """Parts along each side: of tables there is one, whatever is asked for images."""
        grid = _check.integer("grid", self.grid, 1)
        return 1 if self._shape() is None else grid

    def _layers(self, heard):
        """Layers; by default such as fit what is heard."""
        if not (isinstance(self.layers, str) and self.layers == "auto"):
            return _check.sequence("layers", self.layers, of="Detectors")
        rows, columns, units = heard
        if rows == columns == 1:
            # one of the two units of each column spikes; half of them at the start's weights
            return [Detectors(64, None, 0.2 * units, winners=1)]
        if min(rows, columns) < SMALL:
            return [Detectors(64, min(5, rows, columns), 8.0)]
        return [Detectors(32, 5, 10.0, pool=2), Detectors(100, 3, 5.0, winners=8, radius=1)]

    def _coded(self, X):
        """First spikes (n, y, x, channel)."""
        shape = self._shape()
        if shape is None:
            with np.errstate(over="ignore"):  # far outside: clipped
                u = np.clip((X - self.minimum_) / self.range_, 0, 1)
            both = np.stack([u, 1 - u], axis=-1).reshape(len(X), 1, 1, -1)
            return first_spikes(both, n_steps=self.n_steps, floor=0.5)
        with _check.told_of("X"):
            return first_spikes(contrast(X.reshape(-1, *shape)), n_steps=self.n_steps)

    # what comes out -------------------------------------------------------------------------------

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Potentials, array of float32 (n_samples, grid * grid * n_detectors)."""
        return self.measured(X)[0]

    def measured(self, X: ArrayLike) -> tuple[np.ndarray, Events]:
        """What `transform` returns, and what was done for it."""
        check_is_fitted(self, "network_")
        X, found, counts, grid = self._read(X), [], [], self._grid()
        for first in range(0, len(X), CHUNK):
            features, events = self.network_.features(self._coded(X[first : first + CHUNK]), grid)
            found.append(features)
            counts.append(events)
        return np.concatenate(found), sum(counts[1:], counts[0])

    def __sklearn_tags__(self):
        """Potentials are of single precision, whatever came in."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self):
        return self._grid() ** 2 * self.network_.stages[-1].layer.n

    # files ----------------------------------------------------------------------------------------

    def save(self, path: PathLike) -> None:
        """Write what was learned to a ``.npz`` file of plain arrays, whole or not at all.

        Raises
        ------
        sklearn.exceptions.NotFittedError
        """
        check_is_fitted(self, "network_")
        params = {k: _plain(k, x) for k, x in self.get_params(deep=False).items()}
        header = {
            "format": FORMAT,
            "class": type(self).__name__,
            "n_features": self.n_features_in_,
            "parameters": params,
        }
        arrays = {f"network_{name}": x for name, x in self.network_.to_arrays().items()}
        if hasattr(self, "minimum_"):
            arrays |= {"minimum": self.minimum_, "range": self.range_}
        if hasattr(self, "feature_names_in_"):
            arrays["names"] = self.feature_names_in_.astype(str)
        save_npz(path, {"header": np.array(json.dumps(header))} | arrays)

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read what `save` wrote; it makes the same features. The log is not kept.

        Raises
        ------
        ValueError
            If the file does not hold such features whole, or is of a newer format.
        """
        arrays = load_npz(path)
        try:
            header = json.loads(str(arrays["header"]))
            check_format(header, FORMAT)
            if header["class"] != cls.__name__:
                raise ValueError(f"it holds a {header['class']}")
            params = header["parameters"]
            if isinstance(params["layers"], list):
                params["layers"] = [Detectors(**layer) for layer in params["layers"]]
            out = cls(**params)
            out.n_features_in_ = _check.integer("n_features", header["n_features"], 1)
            parts = {k.removeprefix("network_"): x for k, x in arrays.items() if "network_" in k}
            out.network_ = STDPNetwork.from_arrays(parts, out.workers)
            out._adopt(arrays)
            return out
        except DAMAGE as fault:
            raise ValueError(f"path {path} does not hold {cls.__name__}: {fault}") from None

    def _adopt(self, arrays):
        """Scaling and names, if they fit the network."""
        n, shape = self.n_features_in_, self._shape()
        wanted = (1, 1, 2 * n) if shape is None else (*shape[:2], 2 * shape[2])
        if self.network_.shape != wanted or self.network_.n_steps != self.n_steps:
            raise ValueError(f"the network hears {self.network_.shape}, not {wanted}")
        if shape is None:
            self.minimum_ = _check.array("minimum", arrays["minimum"], np.float64, (n,))
            self.range_ = _check.array("range", arrays["range"], np.float64, (n,))
            if self.range_.min() <= 0:
                raise ValueError("range must be above 0")
        self.network_.check_grid(self._grid())
        names = arrays.get("names")
        if names is not None:
            if names.shape != (n,) or names.dtype.kind != "U":
                raise ValueError(f"names must be text, ({n},)")
            self.feature_names_in_ = names.astype(object)


def _plain(name, x):
    """A parameter as JSON has it."""
    x = x.item() if isinstance(x, np.generic) else x
    if isinstance(x, PLAIN):
        return x
    if isinstance(x, Detectors):
        return asdict(x)
    if name in ("layers", "image_shape"):
        return [_plain(name, part) for part in x]
    return None  # what a generator draws next is another's affair
