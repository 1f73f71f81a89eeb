"""Decision regions of a classifier as it learns the Yin-Yang set."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from snnlab import datasets
from snnlab.course import figures
from snnlab.course.arguments import of_course
from snnlab.course.panels.shared import with_looks
from snnlab.live import Pace, Panel, Slider, Stops, as_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import ArrayLike
    from sklearn.linear_model import LogisticRegression

    from snnlab.network import Network

GRID = 48  # points of the plane per side that are asked for
_POINTS = as_options((50, 100, 200, 500, 1000, 2000), "{:,}")
_HIDDEN = as_options((2, 5, 10, 20, 30, 60, 120))


def noisy(points: np.ndarray, sd: float, seed: int = 0) -> np.ndarray:
    """Points of the Yin-Yang set with noise on their two coordinates.

    Parameters
    ----------
    points : array (n, 4)
        Both coordinates, and 1 minus each.
    sd : float
        Standard deviation of the noise.
    seed : int

    Returns
    -------
    array of float32 (n, 4)
        In [0, 1].
    """
    noise = np.random.default_rng(seed).normal(0, 1, (len(points), 2))
    moved = np.clip(points[:, :2] + sd * noise, 0, 1).astype(np.float32)
    return np.hstack([moved, 1 - moved])


def straight_lines(x: ArrayLike, y: ArrayLike) -> LogisticRegression:
    """A logistic regression; by this solver, as the default one may take longer than a training."""
    from sklearn.linear_model import LogisticRegression  # takes long to import

    return LogisticRegression(solver="newton-cholesky").fit(x, y)


class YinYang(Panel):
    """`SpikingClassifier` on the Yin-Yang set, trained anew whenever a slider moves.

    Parameters
    ----------
    steps : int
        About how many; there are whole epochs.
    n_test : int
        Test points, without noise.
    key : str, optional
        As for `Panel`.
    """

    controls = {
        "noise": Slider("noise", 0, 0.3, 0.01, 0),
        "n": Stops("points", _POINTS, 1000),
        "hidden": Stops("hidden neurons", _HIDDEN, 30),
    }

    @of_course
    def __init__(self, *, steps: int = 500, n_test: int = 500, key: str | None = None) -> None:
        self.data, self.n_steps, self.n_test = datasets.load("yinyang"), steps, n_test
        axis = (np.arange(GRID) + 0.5) / GRID
        x, y = np.meshgrid(axis, axis)
        plane = np.column_stack([x.ravel(), y.ravel()]).astype(np.float32)
        self._plane = np.hstack([plane, 1 - plane])
        super().__init__(key)

    def simulate(self, *, noise: float, n: int, hidden: int) -> Iterator[dict[str, Any] | None]:
        """Train a classifier, and yield how it stands.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_regions`; None between two pictures.
        """
        x, y = noisy(self.data.x_train[:n], noise), self.data.y_train[:n]
        x_test, y_test = self.data.x_test[: self.n_test], self.data.y_test[: self.n_test]

        from snnlab.estimator import SpikingClassifier  # imports scikit-learn

        batch = min(50, n)
        per_epoch = -(-n // batch)
        epochs = max(1, round(self.n_steps / per_epoch))
        model = SpikingClassifier(
            (hidden,),
            epochs=epochs,
            batch_size=batch,
            lr=1e-2,
            code="population",
            random_state=0,
            workers=1,
        )
        total, self._model = epochs * per_epoch, model
        fixed = {
            "points": x[:, :2],
            "labels": y,
            "names": self.data.class_names,
            "steps": total,
            "baseline": straight_lines(x, y).score(x_test, y_test),
            "settings": f"{n:,} points, noise {noise:.2f}",
        }
        run, pace = model.fit_steps(x, y), Pace()

        def frame(tested):
            odds = model.predict_proba(self._plane).reshape(GRID, GRID, -1)
            return fixed | {"odds": odds, "tested": list(tested)}

        for k, _, tested in with_looks(run, total, lambda: model.score(x_test, y_test), 40):
            yield from pace.frame(partial(frame, tested), now=k == total)

    def downloads(self) -> dict[str, Network]:
        """The network as it stands."""
        return {"network": self._model.network_}

    draw = staticmethod(figures.draw_regions)
    update = staticmethod(figures.update_regions)

    def describe(self, data: dict[str, Any]) -> str:
        """Accuracy so far, beside the linear model's."""
        step, accuracy = data["tested"][-1]
        return (
            f"{data['settings']}: {100 * accuracy:.1f} % of the test points right after {step} of "
            f"{data['steps']} steps; logistic regression {100 * data['baseline']:.1f} %"
        )
