"""What panels and small experiments of the course are given: a check for each, by its name."""

from snnlab import _check
from snnlab._check import integer, kind, like, number

COUNT = like(integer, at_least=1)

CHECKS = {
    "data": kind("Dataset"),
    "task": kind("Task"),
    "recordings": kind("RecordedDataset"),
    "speech": kind("Speech"),
    "clicks": kind("Pauses"),
    "network": like(_check.network, needs="replace"),
    "inputs": kind("SpikeTrains"),
    "n_train": COUNT,
    "n_test": COUNT,
    "steps": COUNT,
    "hidden": COUNT,
    "every": COUNT,
    "seed": like(integer, at_least=0),
    "alpha": like(number, at_least=0),
    "dead": like(number, at_least=0, at_most=1),
    "names": _check.each(_check.text, of="names"),
}
of_course = _check.given(CHECKS)
