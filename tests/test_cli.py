"""The command ``snnlab``."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_iris

from snnlab import __version__
from snnlab.cli import main, read_table


@pytest.fixture
def table(tmp_path):
    """Iris as a file, with names of the kinds."""
    iris = load_iris()
    path = tmp_path / "iris.csv"
    lines = ["a,b,kind,c,d"]
    for (a, b, c, d), k in zip(iris.data, iris.target, strict=True):
        lines.append(f"{a},{b},{iris.target_names[k]},{c},{d}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_is_learned_and_predicted(table, tmp_path, capsys):
    model, said = tmp_path / "iris.npz", tmp_path / "said.txt"
    assert main(["train", str(table), "--target", "kind", "--out", str(model)]) == 0
    out = capsys.readouterr().out
    assert "150 rows, 4 columns, 3 classes" in out
    accuracy = float(out.split("spiking network")[1].split("%")[0])
    assert accuracy > 85 and "logistic regression" in out and "most frequent class" in out
    assert main(["predict", str(model), str(table), "--target", "kind", "--out", str(said)]) == 0
    kinds = load_iris().target_names[load_iris().target]
    assert np.mean(np.array(said.read_text().split()) == kinds) > 0.9
    assert main(["predict", str(model), str(table), "--target", "kind"]) == 0
    assert capsys.readouterr().out == said.read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,kind\n1,x\nhello,y\n", "row 2: column 'a' must hold numbers, not 'hello'"),
        ("a,kind\n1\n", "row 1: 1 values for 2 names"),
        ("a,kind\n", "must hold a line of names and at least one row"),
        ("a,b\n1,2\n", "target: .* has no column 'kind', but a, b"),
    ],
)
def test_tables_that_are_none(tmp_path, capsys, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_table(path, "kind")
    assert main(["train", str(path), "--target", "kind"]) == 2
    assert capsys.readouterr().err.startswith("snnlab: ")


def test_a_number_is_no_class(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "".join(f"{k},{k / 7}\n" for k in range(300)))
    assert main(["train", str(path), "--target", "y"]) == 2
    assert "target: 'y' has 300 values" in capsys.readouterr().err


def test_missing_files_are_told(tmp_path, capsys):
    assert main(["predict", str(tmp_path / "no.npz"), "no.csv"]) == 2
    assert "no.npz" in capsys.readouterr().err


def test_the_course_is_copied_and_nothing_written_over(tmp_path, capsys):
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / "01_one_leaky_neuron.ipynb").write_text("mine")
    assert main(["notebooks", str(folder)]) == 0
    names = {path.name for path in folder.iterdir()}
    assert {"00_start_here.ipynb", "16_your_data_your_model.ipynb", "glossary.md"} <= names
    assert (folder / "01_one_leaky_neuron.ipynb").read_text() == "mine"
    assert "1 there already" in capsys.readouterr().out


def test_the_doctor_says_what_there_is(capsys, monkeypatch):
    monkeypatch.setenv("SNNLAB_WORKERS", "3")
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"snnlab {__version__}" in out and "threads: 3 (SNNLAB_WORKERS=3)" in out
    assert "extra plot is here" in out and "kernels: compiled or loaded in" in out


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and capsys.readouterr().out == f"snnlab {__version__}\n"


def test_python_m_snnlab():
    done = subprocess.run(
        [sys.executable, "-m", "snnlab", "--help"], capture_output=True, text=True, check=True
    )
    assert all(name in done.stdout for name in ("demo", "train", "predict", "doctor", "notebooks"))


@pytest.mark.parametrize(
    ("missing", "use", "extra"),
    [("matplotlib", "plot", "plot"), ("ipywidgets", "panels", "notebooks")],
)
def test_a_missing_extra_is_named(missing, use, extra):
    code = f"import sys; sys.modules[{missing!r}] = None; import snnlab; snnlab.{use}.x"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"needs {missing}: pip install 'snnlab[{extra}]'" in done.stderr
