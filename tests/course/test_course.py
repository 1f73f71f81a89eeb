"""The course as a whole: how it opens."""

import json

from helpers import ROOT, fresh_python

FOLDER = ROOT / "notebooks"


def code_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_first_cell_compiles_nothing(tmp_path):
    """The living network is seen before any kernel is compiled, and needs no data set."""
    first = code_of(FOLDER / "01_one_leaky_neuron.ipynb")[0]
    imports, shown = first.rsplit("\n\n", 1)
    code = f"{imports}\nassert len({shown}.still().png) > 10_000"
    nowhere = {"NUMBA_CACHE_DIR": str(tmp_path), "SNNLAB_DATA": None, "SNNLAB_CACHE": str(tmp_path)}
    fresh_python("-c", code, env=nowhere)
    assert not list(tmp_path.rglob("*.nb?"))  # numba's files of what it has compiled
