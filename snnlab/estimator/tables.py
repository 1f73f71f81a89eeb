"""From the columns of a table to what a network listens to: scaling that is learned, and a code."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from snnlab import _check, encode
from snnlab.currents import ConstantCurrent
from snnlab.estimator import _images as images

CODES = ("auto", "latency", "population", "current")
STEPS = 20  # for which constants are given: more of them are finer, not longer
FEW = 32  # features in [0, 1]: fewer may be made for spikes
PIXELS = 100  # of fewer each tells much, and the time of one spike is too coarse a code for it
TILED = 3  # below: 800 points of Yin-Yang, 3 seeds, 91.7 % as a population, 75.8 % as currents
WIDE = 100  # features from which on a population code is not looked at: it would be slow
TAIL, REACH = 0.05, 1.0  # quantiles, and by how much of their distance values may lie outside
UNRESOLVED = 0.02  # deviation that a population, whose units are 1 / 11 apart, can hardly tell
MOST = 4.0  # largest size of a signed feature, in standard deviations
BACKGROUND, SMOOTH = 0.2, 0.6  # share of zeros, or correlation of neighbours, of images
CLEARLY, OF_VALUES = 0.25, 0.75  # share of the squared error that a population code must save
SHRINK, MIXED = 0.1, 500  # added to variances; columns from which on they are not mixed
BARELY = 0.07  # share of it that a kernel must save, or else a linear model does as well
FOLDS, COMPARED = 5, 800  # of that comparison: folds, and most rows
RIDGES = 0.003, 0.03, 0.3, 3.0  # strengths that are tried, per row
CLOSE = 0.001  # the least one of kernels
ROWS, SEEN, UNITS = 2000, 30, 200  # of the comparison of two codes: most, least; random units


@dataclass
class Code:
    """A learned code: called with features (n, n_features) it returns a batch of signals.

    Attributes
    ----------
    kind : {"latency", "population", "current"}
    reason : str
        Why this one.
    minimum, range : array of float64 (n_features,)
        ``(x - minimum) / range``, clipped, lies in [0, 1].
    mean, sd : array of float64 (n_features,)
        Of that, for signed features.
    n_steps : int
    dt : float
        Seconds.
    follows_steps : bool
        Whether the code's time constant is as many more steps as there are more steps than 20; not
        so in files of old.
    straight : bool
        Whether a linear model was found to do as well as one with a smooth kernel.
    mix : array of float64 (n_features, n_directions) or None
        Signed features times this are the currents: directions of the columns that differ about
        equally much (`decorrelated`), those that a linear model uses (`linear_directions`), or,
        of values, both. None, in files of old: the features themselves.
    image : bool
        Whether features are pixels: a current for each of them, and no unit that is always on.
    noisy : bool
        Whether values were found to be better fitted less closely.
    """

    kind: str
    reason: str
    minimum: np.ndarray
    range: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    n_steps: int = STEPS
    dt: float = encode.DT
    follows_steps: bool = True
    straight: bool = False
    mix: np.ndarray | None = None
    image: bool = False
    noisy: bool = False

    @property
    def n_features(self):
        """Number of columns."""
        return len(self.minimum)

    def unit(self, X):
        """Features in [0, 1], float32; in double precision until scaled."""
        with np.errstate(over="ignore"):  # far outside: clipped
            u = (np.asarray(X, np.float64) - self.minimum) / self.range
        return np.clip(u, 0, 1).astype(np.float32)

    def measure(self, X):
        """Learn the mean and the deviation of features in [0, 1], which are returned."""
        u = self.unit(X)
        self.mean, sd = u.mean(axis=0, dtype=np.float64), u.std(axis=0, dtype=np.float64)
        self.sd = images.deviations(self.mean, sd)
        return u

    def signed(self, X):
        """Features with mean 0 and standard deviation 1, float32, at most `MOST` in size."""
        return standard(self.unit(X), self.mean, self.sd)

    def __call__(self, X):
        """SpikeTrains, or ConstantCurrent whose last unit, but for images, is always on."""
        if self.kind == "current":
            z = self.signed(X)
            if self.mix is not None:  # in double precision: rows do not depend on their neighbours
                z = np.clip(z.astype(np.float64) @ self.mix, -MOST, MOST).astype(np.float32)
            if self.image:
                return ConstantCurrent(z, self.n_steps)
            one = np.ones((len(z), 1), np.float32)
            return ConstantCurrent(np.hstack([z, one]), self.n_steps)
        u = self.unit(X)
        if self.kind == "population":
            u = encode.population(u)
        tau = encode.matching_tau(self.dt)
        if self.follows_steps:
            tau *= self.n_steps / STEPS
        return encode.latency(u, n_steps=self.n_steps, dt=self.dt, tau=tau)


def standard(u, mean, sd):
    """Unit features with mean 0 and standard deviation 1, clipped."""
    return np.clip((u - mean) / sd, -MOST, MOST).astype(np.float32)


def learn_code(X, y, code):
    """Learn the scaling of features, and which code fits them.

    Parameters
    ----------
    X : array of float (n_samples, n_features)
    y : array of float (n_samples, n_outputs)
        What is to be learned: one column per class, or standardised values.
    code : str
        One of `CODES`.

    Returns
    -------
    Code
        ``n_steps`` and ``dt`` are the defaults.
    """
    _check.one_of("code", code, CODES)
    as_it_is = bool(X.min() >= 0 and X.max() <= 1)
    if as_it_is:
        low, size = np.zeros(X.shape[1]), np.ones(X.shape[1])
    else:
        low, size = robust_bounds(np.asarray(X, np.float64))
    learned = Code(code, "as asked for", low, size, low, size)
    u = learned.measure(X)
    if code == "auto":
        learned.kind, learned.reason = choose(u, learned.signed(X), y, as_it_is)
    narrow = u.std(axis=0) < UNRESOLVED
    if learned.kind == "population" and as_it_is and narrow.any():
        low[narrow], size[narrow] = robust_bounds(np.asarray(X[:, narrow], np.float64))
        learned.measure(X)
    if learned.kind == "current":
        z = learned.signed(X)
        learned.straight, ridge, learned.noisy = compare(z, y)
        if learned.straight:
            learned.mix = linear_directions(z, y, ridge)
        elif len(z) >= SEEN and z.shape[1] <= MIXED:
            learned.mix = decorrelated(z)
            if not are_classes(y):
                learned.mix = np.hstack([learned.mix, linear_directions(z, y, ridge)])
    return learned


def image_code(X, channels, code):
    """The code of images: "latency" unless "current" is asked for; scaled as one, not by pixel.

    Parameters
    ----------
    X : array of float (n_samples, n_features)
        Pixels in the order (y, x, channel).
    channels : int
    code : str
        One of `CODES`.

    Returns
    -------
    Code
        ``n_steps`` and ``dt`` are the defaults.
    """
    _check.one_of("code", code, CODES)
    if code == "population":
        raise ValueError("code must be 'latency' or 'current' where features are images")
    kind, reason = (code, "as asked for") if code != "auto" else ("latency", "they are images")
    low, size = images.bounds(X)
    learned = Code(kind, reason, low, size, low, size, image=True)
    learned.mean, learned.sd = images.by_channel(learned.unit(X), channels)
    return learned


def robust_bounds(X):
    """Smallest values and ranges of columns, with outliers left out.

    Values count that lie less than `REACH` times the distance of the outer quantiles outside of
    them. Where most values of a column are the same, the quantiles are those of the others.

    Returns
    -------
    minimum, range : array (n_features,)
        The range is 1 where all values are the same.
    """
    low, high = _tails(X)
    least, most = X.min(axis=0), X.max(axis=0)
    for k in np.flatnonzero((low == high) & (least < most)):
        usual = np.median(X[:, k])
        others = X[X[:, k] != usual, k]
        few = np.sort(np.append(_tails(others[:, None]), usual))
        low[k], high[k] = few[0], few[-1]
    with np.errstate(over="ignore"):
        reach = REACH * (high - low)
        minimum = np.maximum(least, low - reach)
        size = np.minimum(most, high + reach) - minimum
    if not np.isfinite(size).all():
        raise ValueError("X has a feature whose range is too large for a float")
    return minimum, np.where(size > 0, size, 1.0)


def _tails(X):
    """Outer quantiles of columns, the inner of two neighbours where they lie between them."""
    low = np.quantile(X, TAIL, axis=0, method="higher")
    high = np.quantile(X, 1 - TAIL, axis=0, method="lower")
    return np.minimum(low, high), np.maximum(low, high)


def choose(u, z, y, as_it_is):
    """The code that fits: its name, and why.

    Images have spikes. Of other features a linear model tells, on samples held out: does it
    predict better from a population code, or from random units that feel the signed features?

    Parameters
    ----------
    u, z : array of float32 (n_samples, n_features)
        Features in [0, 1], and signed.
    y : array of float (n_samples, n_outputs)
    as_it_is : bool
        Whether the features lay in [0, 1] by themselves.
    """
    n, n_features = u.shape
    if as_it_is and n_features >= PIXELS and _like_images(u):
        return "latency", "they look like images"
    if n_features < TILED:
        return "population", "so few features that a population covers all of their space"
    of_classes = are_classes(y)
    spread = as_it_is and n_features < FEW and of_classes  # made for spikes, perhaps
    if n < SEEN or n_features > WIDE:
        usual = "population" if spread else "current"
        return usual, "too few samples to compare" if n < SEEN else "many signed features"
    gain, error = _gain(u, z, y)
    sure = 2 * gain.std() / np.sqrt(len(gain))
    if spread:
        return (
            ("current", "signed features predict better")
            if gain.mean() < -sure
            else ("population", "few features in [0, 1]")
        )
    if gain.mean() > max(sure, (CLEARLY if of_classes else OF_VALUES) * error):
        return "population", "a population code predicts better"
    return "current", "signed features predict at least as well"


def _like_images(u):
    """Whether there is a background, or neighbours are alike."""
    if np.mean(u == 0) >= BACKGROUND and np.mean((u > 0) & (u < 1)) > 0.01:
        return True
    some = u[:ROWS].astype(np.float64)
    some = some[:, some.std(axis=0) > 0]
    if some.shape[1] < PIXELS // 2:
        return False
    z = (some - some.mean(axis=0)) / some.std(axis=0)
    return bool(np.mean(z[:, 1:] * z[:, :-1]) >= SMOOTH)


def compare(z, y):
    """Linear models against a smooth kernel: all predict samples held out, each of them once.

    A kernel that does not do better finds little in the features but noise, and so would a network.
    Of more rows than are compared a kernel would find more: less evidence is asked for.
    Where outputs are classes a logistic regression is one of the linear models: squared errors of
    the others are mostly of samples that lie far on the right side.

    Returns
    -------
    straight : bool
        Whether a linear model does as well, unless there are too few samples to tell, or classes of
        which none has been seen.
    ridge : float
        Strength of the ridge regression that does best.
    noisy : bool
        Whether the kernel does better if it fits values less closely than it could.
    """
    if len(z) < SEEN:
        return False, RIDGES[1], False
    seen, share = y.any(axis=0), min(1, COMPARED / len(z))
    chosen = np.random.default_rng(0).permutation(len(z))[:COMPARED]
    z, y = z[chosen].astype(np.float64), y[chosen]
    linear, curved, of_classes = [], [], are_classes(y)
    for held in np.array_split(np.arange(len(z)), FOLDS):
        order = np.concatenate([held, np.setdiff1d(np.arange(len(z)), held)])
        ridges = _ridge_guesses(z[order], y[order], len(held))
        logistic = _logistic_guesses(z[order], y[order], len(held)) if of_classes else ridges[:0]
        linear.append(np.concatenate([ridges, logistic]))
        curved.append(_kernel_guesses(z[order], y[order], len(held)))
    linear, curved = np.concatenate(linear, axis=1), np.concatenate(curved, axis=1)
    ours, theirs = _squares(linear, y), _squares(curved, y)
    ridge, closest = ours[: len(RIDGES)].mean(axis=1).argmin(), theirs.mean(axis=1).argmin()
    straight = not _is_less(theirs, ours, share, share * BARELY)
    if of_classes:  # squares of a kernel's guesses tell little of how many are right
        wrong = [x.argmax(axis=2) != y.argmax(axis=1) for x in (curved, linear)]
        straight = straight and not _is_less(*wrong, share, share * BARELY) and seen.all()
    return bool(straight), RIDGES[ridge], bool(closest > 0) and not of_classes


def _is_less(some, others, sure, clearly):
    """Whether the best of some errors (model, sample) are less than the best of others.

    By so many standard errors, and by a share of the others.
    """
    some, others = (x[x.mean(axis=1).argmin()].astype(float) for x in (some, others))
    gain = others - some
    enough = max(sure * gain.std() / np.sqrt(len(gain)), clearly * others.mean())
    return bool(gain.mean() > enough)


def are_classes(y):
    """Whether outputs are classes: one of them is 1, the others are 0."""
    return y.shape[1] > 1 and bool((np.sort(y, axis=1)[:, -2:] == [0, 1]).all())


def _logistic_guesses(z, y, held):
    """As `_ridge_guesses`, of a logistic regression alone."""
    label = y[held:].argmax(axis=1)
    chance = np.zeros_like(y[:held])
    if (label == label[0]).all():
        chance[:, label[0]] = 1
    else:
        model = LogisticRegression(max_iter=1000).fit(z[held:], label)
        chance[:, model.classes_] = model.predict_proba(z[:held])
    return chance[None]


def _kernel_guesses(z, y, held):
    """As `_ridge_guesses`, of a Gaussian kernel: narrower, of decorrelated features, for values."""
    wide = 2 if are_classes(y) else 1
    z = z if wide == 2 else z @ decorrelated(z[held:])
    squares = np.square(z).sum(axis=1)
    distances = squares[:, None] + squares[held:] - 2 * z @ z[held:].T
    kernel = np.exp(-distances / (2 * wide * z.shape[1]))
    values, axes = np.linalg.eigh(kernel[held:])
    offset = y[held:].mean(axis=0)
    target, there = axes.T @ (y[held:] - offset), kernel[:held] @ axes
    return offset + _solved(values, target, there, 0.1 * len(axes), (CLOSE, *RIDGES))


def linear_directions(z, y, strength):
    """A column per output: what a linear model makes of signed features, of size 1.

    Logistic regression where outputs are classes, one of which is 1; else ridge regression.
    """
    z = z.astype(np.float64)
    if are_classes(y):
        return _of_size_one(z, LogisticRegression(max_iter=1000).fit(z, y.argmax(axis=1)).coef_.T)
    inner = (z - z.mean(axis=0)).T
    w = np.linalg.solve(
        inner @ inner.T + strength * len(z) * np.eye(len(inner)), inner @ (y - y.mean(axis=0))
    )
    return _of_size_one(z, w)


def decorrelated(z):
    """Columns that make of signed features others, each near its own, that correlate little.

    Directions in which the features hardly vary stay small: `SHRINK` is added to their variance.
    """
    z = z.astype(np.float64)
    inner = z - z.mean(axis=0)
    values, axes = np.linalg.eigh(inner.T @ inner / len(z))
    return _of_size_one(z, axes / np.sqrt(np.maximum(values, 0) + SHRINK) @ axes.T)


def _of_size_one(z, w):
    """Columns of ``w`` scaled so that ``z @ w`` has standard deviation 1."""
    sd = (z @ w).std(axis=0)
    return w / np.where(sd > 1e-6, sd, 1.0)


def _gain(u, z, y):
    """By how much a population code lessens the squared error, per held-out sample; its mean."""
    u, z, y, random = _sample(u, z, y)
    held = len(u) // 5
    usual = _errors(np.hstack([z, random]), y, held)
    return usual - _errors(encode.population(u), y, held), usual.mean()


def _sample(u, z, y):
    """Some rows, in random order, and random units that feel their signed features."""
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(u))[:ROWS]
    u, z, y = u[chosen], z[chosen], y[chosen]
    w = rng.normal(0, 1 / np.sqrt(z.shape[1]), (z.shape[1], UNITS))
    return u, z, y, np.maximum(z @ w + rng.normal(0, 0.5, UNITS), 0)


def _errors(x, y, held):
    """Squared errors on the first ``held`` samples, of the ridge regression that is best there."""
    return min(_squares(_ridge_guesses(x, y, held), y[:held]), key=np.mean)


def _squares(guesses, y):
    """Squared errors (model, sample) of guesses (model, sample, output)."""
    return np.square(y - guesses).sum(axis=2)


def _ridge_guesses(x, y, held):
    """What ridge regressions make of the first ``held`` samples: (strength, held, output).

    Columns are standardised, so that a strength means the same for all of them.
    """
    x = x.astype(np.float64)
    seen, rest = x[held:], y[held:]
    mean, sd, offset = seen.mean(axis=0), seen.std(axis=0), rest.mean(axis=0)
    x = (x - mean) / np.where(sd > 1e-6, sd, 1.0)
    values, axes = np.linalg.eigh(x[held:].T @ x[held:])
    target, there = axes.T @ (x[held:].T @ (rest - offset)), x[:held] @ axes
    return offset + _solved(values, target, there, len(seen), RIDGES)


def _solved(values, target, there, unit, strengths):
    """Ridge regressions in the axes in which a problem is diagonal, a strength each."""
    values = np.maximum(values, 0)
    return np.array([there @ (target / (values + s * unit)[:, None]) for s in strengths])
