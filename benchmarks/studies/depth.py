"""Whether deep networks learn as well as shallower ones, written to data/results/<study>.json.

    python benchmarks/studies/depth.py deep-depth [--seeds 0 1 2] [--validate] [--points 0]

- ``deep-depth``: 8 and 20 convolutions of 8 channels (`snnlab.course.depth`) on a part of MNIST at
  16 x 16, with weights scaled to a rate of spikes or with currents normalised, without shortcuts or
  with weak or strong ones
- ``norm-or-scale``: 8 convolutions of 16 channels at 16 x 16, pools between them, all of MNIST,
  with weights scaled or currents normalised; and how much longer a training step takes with the
  latter: one of either in turn, medians

The surrogate is as steep as `gradients.py` finds that gradients come down evenly.
"""

import time

import numpy as np
import studies

import snnlab
from snnlab.course import depth
from snnlab.layers import BatchNorm, Conv, Pool

COMMON = {
    "data": "mnist16",
    "surrogate": "superspike",
    "steepness": 1.5,
    "rate": 0.15,
    "batch_size": 50,
    "lr": 3e-3,
    "schedule": "cosine",
    "epochs": 4,
    "samples": 10_000,
    "seeds": 3,
}
