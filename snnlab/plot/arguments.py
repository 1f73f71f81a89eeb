"""What functions that draw are given: a check for each argument, by its name."""

from snnlab import _check
from snnlab._check import each, floats, integer, kind, like, number

INCHES = like(number, at_least=0.1, at_most=200)
CLASS = like(integer, at_least=0, at_most=10**6)


def image(name, value):
    """Return an image of one pixel or more, (rows, columns), of values in [0, 1]."""
    return grey(name, floats(name, value, None, None))


def grey(name, value):
    """Return what is drawn from white to black, if it lies in [0, 1]; all else would be black."""
    if 0 in value.shape:
        raise ValueError(f"{name} must have a pixel or more, got shape {value.shape}")
    return _check.array(name, value, value.dtype, unit_interval=True)


CHECKS = {
    "fig": kind("Figure", "SubFigure"),
    "picture": kind("Picture"),
    "alt": _check.text,
    "network": like(_check.network, needs="weights"),
    "substrate": kind("Substrate"),
    "trace": kind("Trace"),
    "trains": kind("SpikeTrains"),
    "report": kind("Report"),
    "decision": kind("DecisionTime"),
    "exits": kind("EarlyExit"),
    "explanation": kind("Explanation"),
    "card": kind("EnergyCard"),
    "history": kind("History"),
    "frontier": kind("Frontier"),
    "stored": kind("Frontier"),
    "log": kind("Log"),
    "rule": kind("Rule"),
    "image": image,
    "x": like(floats, None, None),
    "matrix": like(floats, None, None),
    "sigma_d": like(floats, None),
    "names": each(_check.text, of="names"),
    "label": CLASS,
    "sample": CLASS,
    "epochs": CLASS,
    "shape": each(like(integer, at_least=1, at_most=2**16), 2),
    "columns": like(integer, at_least=1),
    "size": each(INCHES, 2),
    "width": INCHES,
    "height": INCHES,
    "scale": like(number, at_least=0.1, at_most=20),  # of memory: its square
    "dt": like(number, above=0, at_most=1e6),
    "lr": like(number, at_least=1e-12, at_most=1e6),
    "steps": like(number, at_least=1, at_most=_check.MOST),
    "sparsities": each(like(number, above=0.5, below=1)),
    "stored_label": _check.text,
}
