"""Data sets, and images in random poses."""

from snnlab.datasets.dataset import Dataset, DatasetCorrupt, DatasetUnavailable
from snnlab.datasets.load import NAMES, load, load_default
from snnlab.datasets.yinyang import yinyang

__all__ = ["Dataset", "DatasetCorrupt", "DatasetUnavailable"]
__all__ += ["NAMES", "load", "load_default", "yinyang"]
