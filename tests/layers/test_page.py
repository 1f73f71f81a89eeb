"""The pages on layers of one's own and on time: what they tell to do works, in this order."""

import re

from helpers import ROOT, fresh_python

PAGE = (ROOT / "docs" / "a-layer-of-your-own.md").read_text(encoding="utf-8")


def test_its_code_runs(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 5
    more = """
assert snnlab.Network((4, Biased(), 3), neuron, n_steps=4, rng=0).blocks[1].name == "bias"
print(accuracy, history.loss[0], history.loss[-1])
"""
    shown = fresh_python("-c", "\n".join([*blocks, more]), cwd=tmp_path).stdout.splitlines()
    accuracy, first, last = map(float, shown[-1].split())
    assert accuracy > 0.75 and last < first / 2
    assert (tmp_path / "shifted.npz").is_file()


def test_the_page_on_time_runs():
    page = (ROOT / "docs" / "time.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert len(blocks) == 8
    shown = fresh_python("-W", "error", "-c", "\n".join(blocks)).stdout
    assert "600 + 30 tau_mem + 30 tau_syn + 30 v_th" in shown
