"""Stored results: complete records, and the scripts that made them."""

import json
import re

import numpy as np
import pytest
from helpers import ROOT, fresh_python

from snnlab import results

FILES = [p for p in sorted((ROOT / "data" / "results").glob("*.json")) if p.stem != "claims"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SEEDS = {  # where there are not five
    "rewiring-mnist": 3,
    "rewiring-mnist16": 3,
    "rewiring-chip": 3,
    "rewiring-mnist-longest": 1,
    "rewiring-mnist-paper": 1,
    "rewiring-mnist-readme": 1,
    "rewiring-mnist-long": 2,
    "gradients": 2,
    "deep-depth": 3,
    "norm-or-scale": 3,
    "rewiring-cifar16": 1,
    "rewiring-cifar10": 2,
    "deep-mnist": 2,
    "deep-fashion": 2,
    "deep-fashion16": 2,
    "deep-cifar10": 1,
    "deep-cifar10-pyramid": 2,
    "deep-cifar10-narrow": 1,
    "spoken-digits": 3,
    "spoken-digits-unseen": 3,
    "stdp-mnist": 3,
    "conversion": 3,
    "telling-n-mnist": 3,
    "telling-mnist16": 3,
    "mnist16-learned": 3,
    "membrane-mnist": 3,
    "mnist16-sparsity-wide": 3,
    "membrane-parts": 1,
}
MEASURED = {  # no seeds
    "speed",
    "speed-deep",
    "memory-deep",
    "speed-recurrent",
    "panels-latency",
    "sparse-execution",
    "fit",
    "nir",
}
OF_FOLDS = "tables", "regression", "images"  # of given sets, without settings
FIELDS = {"study", "metric", "mean", "sd", "seeds", "values", "config", "command", "versions"}


def test_there_are_results():
    assert {"mnist16-plain", "mnist16-augmented", "fashion16-plain", "speed"} <= {
        path.stem for path in FILES
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_records_are_complete(path):
    for record in json.loads(path.read_text()):
        assert record.keys() >= FIELDS, path
        assert record["study"] == path.stem
        assert record["versions"].keys() >= {"python", "numpy", "numba"}
        values = record["values"]
        if record["metric"] == "test_accuracy":
            # a network that always gives the same answer is right on 9 % or more
            assert all(0.09 <= v <= 1 for v in values)
        if record["study"] not in MEASURED:
            seeds = SEEDS.get(path.stem, 5)
            assert len(values) == len(record["seeds"]) == seeds
            assert record["mean"] == pytest.approx(np.mean(values), abs=1e-12)
            if seeds > 1:
                assert record["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-12)
            assert record["paper_tag"] in ("quoted", "second-hand", "unverified")


def test_claims_are_up_to_date():
    fresh_python(ROOT / "tools" / "claims.py", "--check")


def test_claims_are_kept_and_say_where_they_are_from():
    claims = json.loads((ROOT / "data" / "results" / "claims.json").read_text())
    assert len({claim["name"] for claim in claims}) == len(claims) > 15
    for claim in claims:
        assert claim["tag"] in ("quoted", "second-hand", "unverified")
        assert claim["source"]
        assert claim["study"]
        if claim["ours"] is None:
            assert claim["holds"] is None and claim["verdict"] is None
            continue
        over = claim["ours"] - claim["paper"]
        side = {"at least": -over, "at most": over, "about": abs(over)}[claim["sense"]]
        assert claim["holds"] == (side <= claim["tolerance"]), claim["name"]
        kept = claim["sense"].replace("about", "") + " the paper's"
        missed = {"at least": "below", "at most": "above", "about": "off"}[claim["sense"]]
        said = f"yes: {kept.strip()}" if claim["holds"] else f"no: {missed} the paper's"
        assert re.fullmatch(f"{said}(,|$| by more than).*", claim["verdict"]), claim["name"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_print_their_claims(path):
    """All that the papers claim in a notebook is in the table, and is printed from it."""
    claims = json.loads((ROOT / "data" / "results" / "claims.json").read_text())
    number = f"n{path.stem[:2]}"
    cells = json.loads(path.read_text())["cells"]
    code = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    has = any(claim["name"].startswith(f"{number}.") for claim in claims)
    assert (f'results.claims("{number}")' in code) == has


def test_claims_are_shown_as_stored():
    stored = json.loads((ROOT / "data" / "results" / "claims.json").read_text())
    shown = results.claims("n07")
    assert list(shown) == [claim for claim in stored if claim["name"].startswith("n07.")]
    text = repr(shown)
    for claim in shown:
        assert claim["text"] in text
        assert f"paper {claim['paper']:g}" in text
        assert f"here {claim['ours']:g}" in text and claim["verdict"] in text
    with pytest.raises(ValueError, match="notebook"):
        results.claims("n00")


def beside(folder, code):
    """What a few lines print that run beside the scripts of a folder."""
    return json.loads(fresh_python("-c", code, cwd=ROOT / folder).stdout)


def test_speed_of_one_workload_replaces_its_records_only():
    code = (
        "import json, speed\n"
        "old = [{'workload': w, 'new': False} for w in ('W1', 'W4', 'W4-normalised', 'W4')]\n"
        "new = [{'workload': 'W4', 'new': True}]\n"
        "print(json.dumps(speed.merged(old, new)))"
    )
    assert beside("benchmarks/speed", code) == [
        {"workload": "W1", "new": False},
        {"workload": "W4-normalised", "new": False},
        {"workload": "W4", "new": True},
    ]


def test_speed_tables_show_both_medians():
    code = (
        "import json, results_table as r\n"
        "records = [{'workload': 'W4', 'peer': 'jax', 'metric': m, 'median': x}\n"
        "           for m, x in (('ratio', 1.26), ('ratio_one_thread', 0.98), ('other', 7))]\n"
        "r.load = lambda study: records\n"
        "print(json.dumps(r.speed_table(r.WORK_W4, r.PEERS_W4).splitlines()[2:]))"
    )
    first, second = beside("tools", code)
    assert first == "| training step, pixels as they are | - | - | 1.3 / 1.0 | - |"
    assert second == "| training step, pixels normalised | - | - | - | - |"


STOPPED = """
import json, pathlib, sys, tempfile
import deep, snnlab

sys.stdout = sys.stderr  # epochs are told there
load, train = snnlab.datasets.load, snnlab.train
snnlab.datasets.load = lambda name, progress: load("digits16-colour")
config = {"data": "cifar10-16", "layers": deep.cifar(2, 6), "samples": 100, "epochs": 4}
point = deep.point("small", **config, norm=True, flip=True)


def stopping(*given, callback, **settings):
    def stop(step):
        callback(step)
        if step.epoch == 2:
            raise KeyError("killed")

    return train(*given, callback=stop, **settings)


def result(path):
    return {k: v for k, v in deep.run(point, 0, False, path).items() if k != "seconds"}


with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "run.npz"
    snnlab.train = stopping
    try:
        deep.run(point, 0, False, path)
    except KeyError:
        pass
    snnlab.train = train
    assert path.exists()
    found = result(path), result(None)
print(json.dumps(found), file=sys.__stdout__)
"""


def test_deep_studies_go_on_where_they_were_stopped():
    """Bit by bit: accuracy, spikes and training accuracy are those of a run without a stop."""
    resumed, whole = beside("benchmarks/studies", STOPPED)
    assert resumed == whole and whole["hidden_spikes"] > 0


VARIED = """
import json
import numpy as np, snnlab, speech

x = np.random.default_rng(0).random((5, 30, 12), dtype=np.float32)
still = {"threshold": 0.2, "stretch": 0.0, "shift": 0.0, "start": 0}
every, rng = np.arange(5), np.random.default_rng(0)
plain = snnlab.encode.delta(x, threshold=0.2)
same = speech.Varied(x, still).batch(every, rng) == plain
moved = speech.Varied(x, still | {"stretch": 0.2, "shift": 1.0}).batch(every, rng)
ramp = np.arange(4, dtype=np.float32)[None, :, None]
places = np.array([[0.5, 2.25, 3.0, -2.0, 9.0]])
print(json.dumps([same, moved != plain, speech.interpolated(ramp, places, 1).ravel().tolist()]))
"""


def test_recordings_are_varied_as_the_study_of_speech_says():
    same, moved, between = beside("benchmarks/studies", VARIED)
    assert same and moved and between == [0.5, 2.25, 3.0, 0.0, 0.0]


def test_studies_on_the_shelf_are_those_in_the_scripts():
    """A stored study can be made again with the command it names, from the settings it names."""
    scripts = ["accuracy", "sparsity", "decision", "chip", "rewiring", "rewiring_chip", "deep"]
    scripts += ["rewiring_deep", "gradients", "depth", "speech", "stdp", "conversion", "telling"]
    scripts += ["membrane", "events"]
    code = (
        f"import json, importlib; modules = map(importlib.import_module, {scripts})\n"
        "print(json.dumps({name: [m.__name__, [p['config'] for p in points]]\n"
        "                  for m in modules for name, (points, _) in m.ENTRIES.items()}))"
    )
    entries = beside("benchmarks/studies", code)
    for path in FILES:
        if path.stem in (*MEASURED, *OF_FOLDS):
            continue
        script, configs = entries[path.stem]
        records = json.loads(path.read_text())
        assert [r["config"] for r in records] == configs
        command = f"python benchmarks/studies/{script}.py {path.stem}"
        assert {r["command"] for r in records} == {command}


@pytest.mark.parametrize("page", ["docs/results/accuracy.md", "notebooks/20_listening.ipynb"])
def test_the_lead_on_unseen_voices_is_that_of_the_records(page):
    one, two = (np.array(r["speakers"]) for r in results.load("spoken-digits-unseen"))
    lead = 100 * (one - two)
    error = lead.std(ddof=1) / np.sqrt(lead.size)
    text = (ROOT / page).read_text(encoding="utf-8")
    assert f"{lead.mean():.1f} points" in text and f"a standard error of {error:.1f}" in text
