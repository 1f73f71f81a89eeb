"""Dense training gives the same weights as ever, bit for bit.

The digests in ``six_trainings.json`` were taken before the package knew layers. They are those of a
generic x86-64 processor, which every other one can be told to be; there, nothing is skipped.
"""

import json
import platform
from pathlib import Path

import pytest
import six_trainings
from helpers import fresh_python

HERE = Path(__file__).resolve().parent
EXPECTED = json.loads((HERE / "six_trainings.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="digests are those of x86-64 processors"
)
def test_dense_training_is_what_it_was(tmp_path):
    changes = six_trainings.environment() | {
        "NUMBA_CACHE_DIR": str(tmp_path),
        "NUMBA_DISABLE_JIT": "0",
        "NUMBA_BOUNDSCHECK": "0",
    }
    done = fresh_python(HERE / "six_trainings.py", env=changes, timeout=600)
    assert json.loads(done.stdout) == EXPECTED


def test_the_trainings_train():
    """A digest of weights that never moved would keep nothing safe."""
    networks = {name: run() for name, run in six_trainings.trainings().items()}
    assert list(networks) == list(EXPECTED) and len(set(EXPECTED.values())) == 6
    for name, network in networks.items():
        start = six_trainings.untrained(network)
        assert all((a != b).mean() > 0.4 for a, b in zip(start, network.weights, strict=True)), name
