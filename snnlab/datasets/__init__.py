"""Data sets, and images in random poses."""

from snnlab.datasets.sets import (
    NAMES,
    Dataset,
    DatasetCorrupt,
    DatasetUnavailable,
    load,
    load_default,
    yinyang,
)

__all__ = [
    "Dataset", "DatasetCorrupt", "DatasetUnavailable", "NAMES", "load", "load_default", "yinyang",
]  # fmt: skip
