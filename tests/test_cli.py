"""The command ``snnlab``."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from snnlab import SpikingClassifier, __version__, demo
from snnlab.cli import main, read_table
from snnlab.learning.history import History


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
        ("a,kind\n1,x\n,y\n", "row 2: column 'a' must hold numbers, not ''"),
        ("a,kind\n1,x\n1_000,y\n", "row 2: column 'a' must hold numbers, not '1_000'"),
        ("a,kind\n１２,x\n1,y\n", "row 1: column 'a' must hold numbers, not '１２'"),
        ("a,kind\n1,x\n٣,y\n", "row 2: column 'a' must hold numbers, not '٣'"),
        ("a,kind\n1e999,x\n1,y\n", "row 1: column 'a' must hold numbers, not '1e999'"),
        ("a,kind\nInfinity,x\n1,y\n", "row 1: column 'a' must hold numbers, not 'Infinity'"),
        ("a,kind\n1,x\n2,\n3,x\n", "row 2: column 'kind' must hold a class, not ''"),
        ("kind,a\nx,1\ny,2\n  ,3\n", "row 3: column 'kind' must hold a class, not '  '"),
        ("a,kind\n1\n", "row 1: 1 values for 2 names"),
        ("a,kind\n", "must hold a line of names and at least one row"),
        ("a,b\n1,2\n", "target: .* has no column 'kind', but a, b"),
    ],
)
def test_tables_that_are_none(tmp_path, capsys, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_table(path, "kind")
    assert main(["train", str(path), "--target", "kind"]) == 2
    assert capsys.readouterr().err.startswith("snnlab: ")


def test_numbers_as_tables_write_them(tmp_path):
    path = tmp_path / "t.csv"
    cells = "1e5", " 2 ", "+.5", "-3.", "1E-2", "\xa07"
    path.write_text("a,kind\n" + "".join(f"{cell},x\n" for cell in cells), encoding="utf-8")
    names, x, y = read_table(path, "kind")
    assert names == ["a"] and x[:, 0].tolist() == [1e5, 2, 0.5, -3, 0.01, 7]
    assert y.tolist() == ["x"] * 6


# a class per line between two others, which a network can learn
LINES = [(k % 3, (k % 3 == 1) + k / 1000, k / 100) for k in range(60)]


def write(path, names, order, target=None):
    """A table of ``LINES`` with the columns in some order; the class is told by the first two."""
    kinds = [("low", "middle", "high")[a] for a, _, _ in LINES]
    lines = [",".join([*names, *([target] if target else [])])]
    for line, kind in zip(LINES, kinds, strict=True):
        lines.append(",".join([*(str(line[k]) for k in order), *([kind] if target else [])]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A model of the columns a, b and c, and what it says of them."""
    folder = tmp_path_factory.mktemp("learned")
    table, model = write(folder / "t.csv", "abc", (0, 1, 2), "y"), folder / "t.npz"
    assert main(["train", str(table), "--target", "y", "--out", str(model)]) == 0
    said = folder / "said.txt"
    args = [str(model), str(table), "--target", "y", "--out", str(said)]
    assert main(["predict", *args]) == 0
    return model, said.read_text()


def test_columns_are_found_by_their_names(learned, tmp_path, capsys):
    model, said = learned
    assert set(said.split()) == {"low", "middle", "high"}
    table = write(tmp_path / "perm.csv", "cba", (2, 1, 0))
    assert main(["predict", str(model), str(table)]) == 0
    assert tuple(capsys.readouterr()) == (said, "")
    names = SpikingClassifier.load(model).feature_names_in_
    assert names.tolist() == ["a", "b", "c"] and names.dtype == object


def test_further_columns_are_left_out_with_a_word(learned, tmp_path, capsys):
    """They need not hold numbers; the target is left out without."""
    model, said = learned
    table = write(tmp_path / "more.csv", "cab", (2, 0, 1), "y")
    assert main(["predict", str(model), str(table)]) == 0
    out, word = capsys.readouterr()
    assert out == said and word.endswith("has not learned from: y\n") and str(table) in word
    assert main(["predict", str(model), str(table), "--target", "y"]) == 0
    assert tuple(capsys.readouterr()) == (said, "")


@pytest.mark.parametrize(
    ("names", "more", "message"),
    [
        ("uvw", [], "it has no 'a', 'b', 'c', but u, v, w"),
        ("abd", [], "it has no 'c', but a, b, d"),
        ("abc", ["--target", "b"], "it has no 'b' beside the target 'b', but a, c"),
        ("abc", ["--target", "y"], "target: .* has no column 'y', but a, b, c"),
        ("aba", [], "more than one column 'a'"),
    ],
)
def test_other_columns_than_were_learned_are_refused(
    learned, tmp_path, capsys, names, more, message
):
    table, out = write(tmp_path / "t.csv", names, (0, 1, 2)), tmp_path / "out.txt"
    assert main(["predict", str(learned[0]), str(table), *more, "--out", str(out)]) == 2
    printed, error = capsys.readouterr()
    assert not printed and re.search(message, error) and str(table) in error
    assert not out.exists()


def test_names_of_data_frames_are_those_of_tables_but_for_spaces(learned, tmp_path, capsys):
    model = SpikingClassifier.load(learned[0])
    model.feature_names_in_ = np.array(["a", " b", "c "], object)
    model.save(tmp_path / "m.npz")
    table = write(tmp_path / "t.csv", "cba", (2, 1, 0))
    assert main(["predict", str(tmp_path / "m.npz"), str(table)]) == 0
    assert capsys.readouterr().out == learned[1]
    model.feature_names_in_ = np.array(["a", " a", "c"], object)
    model.save(tmp_path / "m.npz")
    assert main(["predict", str(tmp_path / "m.npz"), str(table)]) == 2
    assert "m.npz has more than one column 'a'" in capsys.readouterr().err


def test_a_model_without_names_takes_columns_as_they_come(learned, tmp_path, capsys):
    model = SpikingClassifier.load(learned[0])
    del model.feature_names_in_
    model.save(tmp_path / "m.npz")
    for names, order, right in (("uvw", (0, 1, 2), True), ("cba", (2, 1, 0), False)):
        table = write(tmp_path / "t.csv", names, order, "y")
        assert main(["predict", str(tmp_path / "m.npz"), str(table), "--target", "y"]) == 0
        out, word = capsys.readouterr()
        assert (out == learned[1]) is right and not word
    assert main(["predict", str(tmp_path / "m.npz"), str(write(table, "ab", (0, 1)))]) == 2
    assert "X has 2 features" in capsys.readouterr().err


@pytest.fixture
def unfitted(monkeypatch):
    """Nothing may be fitted."""

    def fit(self, *args):
        raise AssertionError("something was fitted")

    for kind in (SpikingClassifier, LogisticRegression):
        monkeypatch.setattr(kind, "fit", fit)


FEW = "learn from, three quarters, are all"


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ("x" * 20, "target: 'y' must have two classes or more, not 'x' alone"),
        ("x", "target: 'y' must have two classes or more, not 'x' alone"),
        ("xz", f"target: 'y' must have more rows of each class: of 2 rows those to {FEW}"),
        ("xxxxxxz", f"must have more rows of each class: of 7 rows those to {FEW} 'x'"),
    ],
)
def test_a_target_of_one_class_is_refused_before_anything_is_fitted(
    unfitted, tmp_path, capsys, kinds, message
):
    path, out = tmp_path / "t.csv", tmp_path / "t.npz"
    path.write_text("a,y\n" + "".join(f"{k},{kind}\n" for k, kind in enumerate(kinds)))
    assert main(["train", str(path), "--target", "y", "--out", str(out)]) == 2
    assert message in capsys.readouterr().err and not out.exists()


def test_a_few_rows_of_two_classes_are_enough(tmp_path, capsys):
    """A test set too small for both classes is drawn as it comes."""
    path, out = tmp_path / "t.csv", tmp_path / "t.npz"
    path.write_text("a,y\n0,x\n1,z\n0.1,x\n0.9,z\n")
    assert main(["train", str(path), "--target", "y", "--out", str(out)]) == 0
    assert "4 rows, 1 columns, 2 classes" in capsys.readouterr().out and out.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,y,c,y\n1,x,2,z\n3,z,4,x\n", "has more than one column 'y'"),
        ("a,b ,b,a,y\n1,2,3,4,x\n", "has more than one column 'a', 'b'"),
        (",,y\n1,2,x\n", "has more than one column ''"),
        ("a,y\n1,x\n2," + "z" * 131_073 + "\n", "t.csv, line 3: field larger than field limit"),
        ("a,y\n1,\xff\n", "t.csv must be text in UTF-8"),
        ("a,y\n1,x\nnan,z\n", "row 2: column 'a' must hold numbers, not 'nan'"),
        ("a,y\n1e999,x\n2,z\n", "row 1: column 'a' must hold numbers, not '1e999'"),
        ('a,y\n1,"x\nw"\n2,z\n', "column 'y': must have classes of one line, not 'x\\nw'"),
        ("y\nx\nz\n", "must have a column other than the target"),
    ],
)
def test_tables_that_cannot_be_meant_are_refused_in_a_line(
    unfitted, tmp_path, capsys, text, message
):
    path, out = tmp_path / "t.csv", tmp_path / "t.npz"
    path.write_bytes(text.encode("latin-1"))
    assert main(["train", str(path), "--target", "y", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert message in error and str(path) in error and error.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("command", ["train", "predict table", "predict model"])
def test_what_is_read_is_not_written_over(unfitted, tmp_path, learned, capsys, command):
    """The table was lost in silence: the model, or predictions, took its place."""
    table, model = write(tmp_path / "t.csv", "abc", (0, 1, 2), "y"), tmp_path / "m.npz"
    model.write_bytes(learned[0].read_bytes())
    before = table.read_bytes(), model.read_bytes()
    if command == "train":
        args = ["train", str(table)]
    else:
        args = ["predict", str(model), str(table)]
    out = model if command == "predict model" else tmp_path / "." / "t.csv"
    assert main([*args, "--target", "y", "--out", str(out)]) == 2
    assert "--out must be another file" in capsys.readouterr().err
    assert (table.read_bytes(), model.read_bytes()) == before


def test_a_prediction_is_a_line(tmp_path, capsys):
    model, table = tmp_path / "m.npz", write(tmp_path / "t.csv", "abc", (0, 1, 2), "y")
    x = np.random.default_rng(0).normal(size=(20, 3))
    SpikingClassifier((4,), epochs=1).fit(x, np.array(["b\nc", "d"])[np.arange(20) % 2]).save(model)
    assert main(["predict", str(model), str(table), "--target", "y"]) == 2
    assert "must have classes of one line, not 'b\\nc'" in capsys.readouterr().err


def test_long_headers_are_told_in_part(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(",".join(f"c{k}" for k in range(500)) + "\n" + ",".join("1" * 500) + "\n")
    with pytest.raises(ValueError, match=r"but c0, .*, c9 and 490 more$"):
        read_table(path, "kind")


@pytest.mark.parametrize("place", ["no/such/x", "", "taken"])
@pytest.mark.parametrize("command", ["train", "predict", "demo"])
def test_where_nothing_can_be_written_is_seen_before_the_work(
    unfitted, monkeypatch, tmp_path, learned, capsys, place, command
):
    def run(*args):
        raise AssertionError("work was done")

    monkeypatch.setattr(SpikingClassifier, "predict", run)
    monkeypatch.setattr(demo, "run", run)
    table = write(tmp_path / "t.csv", "abc", (0, 1, 2), "y")
    (tmp_path / "taken").mkdir()
    args = {
        "train": ["train", str(table), "--target", "y"],
        "predict": ["predict", str(learned[0]), str(table), "--target", "y"],
        "demo": ["demo"],
    }[command]
    out = f"{tmp_path}/{place}"
    assert main([*args, "--out", out]) == 2
    error = capsys.readouterr().err
    assert error.startswith("snnlab: --out") and str(tmp_path) in error and ".tmp" not in error
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "taken"}


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
@pytest.mark.parametrize("command", ["train", "predict"])
def test_no_file_is_put_in_place_of_a_pipe_or_a_device(
    unfitted, learned, tmp_path, capsys, command
):
    table, pipe = write(tmp_path / "t.csv", "abc", (0, 1, 2), "y"), tmp_path / "pipe"
    os.mkfifo(pipe)
    args = [table] if command == "train" else [learned[0], table]
    assert main([command, *map(str, args), "--target", "y", "--out", str(pipe)]) == 2
    said = f"snnlab: --out must be a file, but {pipe} is a device or a pipe\n"
    assert capsys.readouterr().err == said
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["train", "t.csv", "--target", "y", "--seed", "-1"], "--seed must be at least 0, got -1"),
        (["demo", "--epochs", "0"], "--epochs must be at least 1, got 0"),
    ],
)
def test_numbers_that_cannot_be_are_named(capsys, args, message):
    assert main(args) == 2
    assert message in capsys.readouterr().err


def test_predictions_are_written_whole_or_not_at_all(learned, monkeypatch, tmp_path, capsys):
    """As a killed writer leaves them: the old file stays."""
    table, out = write(tmp_path / "t.csv", "abc", (0, 1, 2)), tmp_path / "said.txt"
    out.write_text("old\n")

    def fail(*args):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        assert main(["predict", str(learned[0]), str(table), "--out", str(out)]) == 2
    assert "the disk is full" in capsys.readouterr().err and out.read_text() == "old\n"
    assert main(["predict", str(learned[0]), str(table), "--out", str(out)]) == 0
    assert out.read_text() == learned[1]
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "said.txt"}


def test_a_copy_that_was_broken_off_is_no_part_of_the_course(monkeypatch, tmp_path, capsys):
    """Else the next one would take half a notebook for one's own."""

    def fail(*args):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        assert main(["notebooks", str(tmp_path / "course")]) == 2
    assert "the disk is full" in capsys.readouterr().err
    assert not [path for path in (tmp_path / "course").rglob("*") if path.is_file()]


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


def piped(arguments, output):
    """Run the command with an output that is not read, or cannot be written; code and errors."""
    command = [sys.executable, "-m", "snnlab", *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    ran = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, env=environment)
    return ran.returncode, ran.stderr


@pytest.mark.skipif(os.name == "nt", reason="pipes of Windows have another error")
@pytest.mark.parametrize("long", [False, True])
def test_a_reader_that_leaves_is_no_error(learned, tmp_path, long):
    """Whether the output is told while it is written, or only when it is flushed at the end."""
    table = write(tmp_path / "t.csv", "abc", (0, 1, 2))
    if long:
        head, *lines = table.read_text().splitlines()
        table.write_text("\n".join([head, *(lines * 300)]))
    read, write_end = os.pipe()
    os.close(read)
    with os.fdopen(write_end, "wb") as nobody:
        assert piped(["predict", learned[0], table], nobody) == (141, "")
        assert piped(["--help"], nobody) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_an_output_that_is_full_is_told_in_a_line(learned, tmp_path):
    table = write(tmp_path / "t.csv", "abc", (0, 1, 2))
    with open("/dev/full", "wb") as full:
        code, said = piped(["predict", learned[0], table], full)
    assert code == 2 and said.startswith("snnlab: ") and len(said.splitlines()) == 1


def test_an_interrupt_ends_the_command(table, monkeypatch, tmp_path, capsys):
    """Its own fit ends early then, as it does in a notebook; what would follow is not done."""

    def interrupted(self, *args, **kwargs):
        fit(self, *args, **kwargs)
        self.history_.interrupted = True
        return self

    fit = SpikingClassifier.fit
    monkeypatch.setattr(SpikingClassifier, "fit", interrupted)
    model = tmp_path / "iris.npz"
    assert main(["train", str(table), "--target", "kind", "--out", str(model)]) == 130
    out, said = capsys.readouterr()
    assert said == "snnlab: interrupted\n" and "logistic" not in out and not model.exists()


@pytest.mark.parametrize("fault", [KeyboardInterrupt, None])
def test_a_demo_that_is_interrupted_says_so(fault, monkeypatch, capsys):
    """While it prepares, or in its first epoch."""

    def load():
        if fault:
            raise fault
        x, y = np.zeros((2, 256)), np.zeros(2, int)
        return SimpleNamespace(x_train=x, x_test=x, y_train=y, y_test=y, n_classes=2)

    monkeypatch.setattr("snnlab.warm_up", lambda: 0.0)
    monkeypatch.setattr("snnlab.datasets.load_default", load)
    monkeypatch.setattr("snnlab.train", lambda *args, **kwargs: History(interrupted=True))
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "snnlab: interrupted\n"


@pytest.mark.parametrize("folder", ["", "a file"])
def test_the_course_needs_a_folder(folder, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_text("")
    assert main(["notebooks", folder]) == 2
    assert "folder must be a folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


def test_an_empty_place_for_predictions_is_none(learned, tmp_path, capsys):
    """As where a variable of the shell was not set."""
    table = write(tmp_path / "t.csv", "abc", (0, 1, 2))
    assert main(["predict", str(learned[0]), str(table), "--out", ""]) == 2
    assert capsys.readouterr().out == ""
