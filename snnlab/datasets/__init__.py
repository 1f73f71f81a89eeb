"""Data sets, and images in random poses."""

from snnlab.datasets.dataset import Dataset, DatasetCorrupt, DatasetUnavailable
from snnlab.datasets.events import Recordings, read_events, recordings_of
from snnlab.datasets.load import NAMES, load, load_default
from snnlab.datasets.recorded import RecordedDataset, Sounds, n_mnist, spoken_digits
from snnlab.datasets.yinyang import yinyang

__all__ = [
    "Dataset",
    "DatasetCorrupt",
    "DatasetUnavailable",
    "NAMES",
    "RecordedDataset",
    "Recordings",
    "Sounds",
    "load",
    "load_default",
    "n_mnist",
    "read_events",
    "recordings_of",
    "spoken_digits",
    "yinyang",
]
