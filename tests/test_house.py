"""The house rules: floors, light imports, lazy kernels, and what every public thing must have."""

import ast
import doctest
import functools
import importlib
import inspect
import os
import pkgutil
import time
import types
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from helpers import fresh_python
from package_map import MODULES, PACKAGE, arrows, circles, imports, name_of, sources, tree

import snnlab

# made on demand, with what the extras bring
NEEDS = {"live": "ipywidgets", "plot": "matplotlib", "panels": "ipywidgets"}
PYTHON = ("snnlab", "tests", "tools", "benchmarks")
EXTRAS = ("live", "plot", "course.panels", "course.figures", "demo")


def part_of(path):
    """The folder of the package in which a file lies, or the file's own name."""
    return name_of(path).partition(".")[0]


def is_within(name, parts):
    """Whether a module is one of some, or in one of some packages."""
    return any(name == part or name.startswith(part + ".") for part in parts)


@pytest.fixture(autouse=True)
def from_here():
    assert Path(snnlab.__file__).parent == PACKAGE, "another snnlab than the one under test"


# the map ------------------------------------------------------------------------------------------


def test_there_is_no_circle():
    assert circles(arrows()) == []


def test_circles_are_noticed(tmp_path, monkeypatch):
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]
    text = "import snnlab.plot\ndef f():\n from snnlab import live\n from ..optim import Adam\n"
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: text)
    path = PACKAGE / "kernels" / "x.py"
    assert list(imports(path)) == ["snnlab.plot", "snnlab.live", "snnlab.optim"]


def test_kernels_are_the_ground_floor():
    for name, others in arrows().items():
        if name.startswith("kernels"):
            assert all(other.startswith("kernels") for other in others), name


def test_the_library_does_without_the_course():
    for name, others in arrows().items():
        if not is_within(name, ["course"]):
            assert not [n for n in others if is_within(n, ["course"])], name


def test_figures_are_drawn_above_the_core():
    allowed = ("plot", "live", "course", "demo", "reports")
    for name, others in arrows().items():
        if [n for n in others if is_within(n, ["plot"])]:
            assert is_within(name, allowed), name


@functools.cache
def own_names(path):
    """What a file defines; a package's ``__init__`` also has what it takes from its files."""
    node = tree(path)
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    names |= {n.name for n in node.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    taken = {
        alias.asname or alias.name
        for n in ast.walk(node)
        if isinstance(n, ast.ImportFrom | ast.Import)
        for alias in n.names
    }
    return names | taken if path.stem == "__init__" else names - taken


def test_names_are_taken_from_the_file_that_defines_them():
    """Else a file that no longer needs a name would break others when it lets go of it."""
    found, seen = [], 0
    root = PACKAGE.parent
    for path in chain(*(sorted((root / part).rglob("*.py")) for part in PYTHON)):
        for part in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(part, ast.ImportFrom) or part.level:
                continue
            package, _, module = (part.module or "").partition(".")
            if package != "snnlab" or not module:
                continue
            for alias in part.names:
                seen += 1
                is_module = f"{module}.{alias.name}" in MODULES
                if not is_module and alias.name not in own_names(MODULES[module]):
                    found.append(f"{path.relative_to(root)}: {alias.name} of {module}")
    assert seen > 1000
    assert not found


def test_integers_are_used_as_they_were_checked():
    """Those of few bits that NumPy has wrap around in what sizes and indexes are made from."""

    def checks(part):
        return isinstance(part, ast.Call) and ast.unparse(part.func) == "_check.integer"

    found, seen = [], 0
    for path in sources():
        for part in ast.walk(tree(path)):
            seen += checks(part)
            inside = ast.walk(part) if isinstance(part, ast.Compare) else ()
            for call in (part.value,) if isinstance(part, ast.Expr) else inside:
                if checks(call) and ast.unparse(call.args[1]).removeprefix("self.").isidentifier():
                    found.append(f"{name_of(path)}: {ast.unparse(call)}")
    assert seen > 150
    assert not found


def test_no_private_name_is_taken_from_another_module():
    """Files that begin with a line, such as ``_check``, are private to the package, not to each."""
    found = []
    for path in sources():
        node = tree(path)
        for part in ast.walk(node):
            if isinstance(part, ast.ImportFrom) and (part.module or "").startswith("snnlab"):
                for alias in part.names:
                    is_module = f"{part.module}.{alias.name}".partition(".")[2] in MODULES
                    if alias.name.startswith("_") and not is_module:
                        found.append(f"{name_of(path)}: {alias.name}")
        own = {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        own |= {
            n.attr
            for n in ast.walk(node)
            if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
        }
        own |= {
            n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        for part in ast.walk(node):
            if (
                isinstance(part, ast.Attribute)
                and part.attr.startswith("_")
                and not part.attr.startswith("__")
                # public ones of namedtuples, of numba's structures, and of what IPython shows
                and part.attr not in ("_replace", "_asdict", "_fields", "_getvalue")
                and not part.attr.startswith("_repr_")
                and ast.unparse(part.value) not in ("self", "cls", "np._core")
                and part.attr not in own
            ):
                found.append(f"{name_of(path)}:{part.lineno} {ast.unparse(part)}")
    assert not found


@pytest.mark.parametrize(
    "library, rooms",
    [
        ("matplotlib", ("plot", "live", "course.panels", "course.figures")),
        ("ipywidgets", ("live", "course.panels")),
        ("anywidget", ("live",)),
        ("IPython", ("live",)),
        *((name, ()) for name in ("torch", "jax", "snntorch", "norse", "tensorflow")),
    ],
)
def test_heavy_libraries_stay_in_their_rooms(library, rooms):
    for name, path in MODULES.items():
        if library in {other.partition(".")[0] for other in imports(path)}:
            assert is_within(name, rooms), f"{name} imports {library}"


def test_kernels_import_numpy_and_numba_only():
    for path in (PACKAGE / "kernels").glob("*.py"):
        outer = {n.partition(".")[0] for n in imports(path)}
        allowed = {"numpy", "numba", "math", "functools", "snnlab"}
        if path.stem in ("spin", "vector"):  # speak to numba's compiler
            allowed |= {"llvmlite", "operator"}
        if path.stem == "compiled":
            allowed |= {"os", "warnings"}
        assert outer <= allowed, path.name


# light imports ------------------------------------------------------------------------------------


def fresh(code, **env):
    """Run code in a fresh interpreter on this checkout; its last line of output."""
    done = fresh_python("-W", "error", "-c", code, env=env, timeout=300)
    return done.stdout.strip().splitlines()[-1]


def test_import_is_light():
    heavy = "numba", "sklearn", "scipy", "matplotlib", "ipywidgets", "anywidget", "joblib", "pooch"
    code = (
        "import time, sys; t = time.perf_counter(); import snnlab; s = time.perf_counter() - t\n"
        f"print([m for m in {heavy} if m in sys.modules], s)"
    )
    results = [fresh(code).rpartition(" ") for _ in range(3)]
    assert {r[0] for r in results} == {"[]"}
    assert min(float(r[2]) for r in results) < 0.5


def test_importing_everything_compiles_nothing():
    names = sorted(name for name in MODULES if name and not is_within(name, EXTRAS))
    code = f"""
import importlib, sys
for name in {names}:
    importlib.import_module("snnlab." + name)
from numba.core.dispatcher import Dispatcher
found = {{f.py_func.__qualname__: f for m in list(sys.modules.values())
         if getattr(m, "__name__", "").startswith("snnlab")
         for f in vars(m).values() if isinstance(f, Dispatcher)}}
print(len(found), sorted(k for k, f in found.items() if f.signatures),
      [m for m in ("matplotlib", "ipywidgets", "anywidget", "torch") if m in sys.modules])
"""
    count, _, rest = fresh(code, NUMBA_DISABLE_JIT="0").partition(" ")
    assert int(count) >= 10 and rest == "[] []"


# kernels ------------------------------------------------------------------------------------------


def uses_numba(node):
    words = {getattr(n, "id", None) or getattr(n, "attr", None) for n in ast.walk(node)}
    return words & {"njit", "jit", "vectorize", "guvectorize", "stencil", "cfunc", "jitclass"}


def test_compiled_functions_live_with_the_kernels():
    for path in sources():
        if part_of(path) != "kernels":
            assert "numba" not in {name.partition(".")[0] for name in imports(path)}, path.name
            assert not uses_numba(tree(path)), path.name


def kernel_files():
    """All but those that speak to the compiler."""
    apart = "compiled", "spin", "vector"
    return [p for p in (PACKAGE / "kernels").glob("*.py") if p.stem not in apart]


def test_kernels_are_lazy_cached_and_free_of_the_lock():
    from snnlab.kernels import events, lif

    for one in (events.latency, lif.integrate, lif.sum_chunks):
        options = one.targetoptions
        lazy = one._can_compile  # which explicit signatures would end
        assert options["nogil"] and lazy and type(one._cache).__name__ != "NullCache"
        assert "fastmath" not in options and "parallel" not in options
    for path in kernel_files():
        calls = [n for n in ast.walk(tree(path)) if isinstance(n, ast.Call) and uses_numba(n.func)]
        assert not calls, f"{path.name} says by itself how to compile: kernels.compiled does"
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                decorators = [ast.unparse(d) for d in node.decorator_list]
                compiled = [n for n in ast.walk(node) if getattr(n, "decorator_list", None)]
                loops = [n for n in ast.walk(node) if isinstance(n, ast.For | ast.While)]
                # makers of kernels, and doors to them, do no work of their own
                assert compiled or not loops, f"{path.name}: {node.name} is not compiled"
                assert "njit" not in decorators, f"{path.name}: {node.name} has a bare @njit"


def test_layers_leave_products_to_kernels():
    """Those of NumPy wait for threads of their own, for long beside another program."""
    allowed, seen = {"drive", "adjoint"}, set()
    parts = "passes.py", "products.py", "learning/decoder.py", "learning/membrane.py"
    for path in [*sorted((PACKAGE / "layers").rglob("*.py")), *(PACKAGE / part for part in parts)]:
        functions = [n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef)]
        for function in functions:
            for node in ast.walk(function):
                matrices = isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
                called = isinstance(node, ast.Call) and ast.unparse(node.func)
                if matrices or called in ("np.tensordot", "np.matmul", "np.dot"):
                    seen.add(function.name)
                    assert function.name in allowed, f"{path.name}: {ast.unparse(node)}"
    assert seen == allowed


def test_kernels_raise_nothing():
    for path in kernel_files():
        for node in ast.walk(tree(path)):
            assert not isinstance(node, ast.Raise | ast.Try | ast.Assert), (
                f"{path.name}:{node.lineno}"
            )


def test_a_warm_cache_is_used(tmp_path):
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        pytest.skip("nothing is compiled here")
    code = (
        "import numpy as np; from snnlab import encode; encode.latency(np.ones((2, 3)))\n"
        "from snnlab.kernels import events; stats = events.latency.stats\n"
        "print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))"
    )
    runs = [fresh(code, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(3)]
    assert runs == ["0 1", "1 0", "1 0"], "hits and misses of the cache"


# conduct ------------------------------------------------------------------------------------------


def test_no_global_random_numbers():
    allowed = {"default_rng", "Generator", "BitGenerator", "SeedSequence", "PCG64"}
    for path in sources():
        assert "random" not in set(imports(path)), path.name
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in (
                "np.random",
                "numpy.random",
            ):
                assert node.attr in allowed, f"{path.name}:{node.lineno} np.random.{node.attr}"


def test_the_textbook_is_short():
    lines = (PACKAGE / "textbook.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 175
    own = {f"snnlab.{name}" for name in ("_textbook", "neurons", "rates", "surrogate")}
    assert set(imports(PACKAGE / "textbook.py")) <= {"numpy", *own}


def public(node):
    return not node.name.startswith("_")


def test_every_public_thing_has_a_docstring():
    missing = []

    def look(node, path, prefix=""):
        for child in node.body:
            if isinstance(child, ast.FunctionDef | ast.ClassDef) and public(child):
                if not ast.get_docstring(child):
                    missing.append(f"{path.name}: {prefix}{child.name}")
                if isinstance(child, ast.ClassDef):
                    look(child, path, f"{child.name}.")

    for path in sources():
        assert path.name == "__init__.py" or ast.get_docstring(tree(path)), path.name
        look(tree(path), path)
    assert not missing


@pytest.mark.parametrize("name", sorted(snnlab.__all__))
def test_public_names_resolve(name):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    value = getattr(snnlab, name)
    assert name in dir(snnlab)
    if name in snnlab._MODULES:
        assert (
            isinstance(value, types.ModuleType)
            and value.__name__ == f"snnlab.{snnlab._MODULES[name]}"
        )
    elif name in snnlab._NAMES:
        assert value.__name__ == name and inspect.getdoc(value)
        home = importlib.import_module(f"snnlab.{snnlab._NAMES[name]}")
        assert value is getattr(home, name)


def test_names_at_the_top_stay():
    """Files may move; what notebooks write, ``snnlab.X``, stays. New names may join the list."""
    path = Path(__file__).with_name("top_level_names.txt")
    stored = path.read_text(encoding="utf-8").split()
    assert sorted(snnlab.__all__) == stored


def test_unknown_names_are_unknown():
    with pytest.raises(AttributeError, match="no attribute 'Netwrok'"):
        _ = snnlab.Netwrok
    assert len(set(snnlab.__all__)) == len(snnlab.__all__)


def modules():
    names = [m.name for m in pkgutil.walk_packages([str(PACKAGE)], "snnlab.")]
    return [n for n in names if not is_within(n.partition(".")[2], EXTRAS)]


@pytest.mark.parametrize("name", modules())
def test_doctests(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_there_are_doctests():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [t for n in modules() for t in finder.find(importlib.import_module(n)) if t.examples]
    assert found


# workers ------------------------------------------------------------------------------------------


def test_workers_come_from_the_environment(monkeypatch):
    from snnlab._workers import worker_count

    monkeypatch.setenv("SNNLAB_WORKERS", "3")
    assert worker_count() == 3 and worker_count(2) == 2
    monkeypatch.setenv("SNNLAB_WORKERS", "")
    from joblib import cpu_count

    assert worker_count() == cpu_count() >= 1
    for text in ("0", "-1", "two", "1.5", " 2"):
        monkeypatch.setenv("SNNLAB_WORKERS", text)
        with pytest.raises(ValueError, match="SNNLAB_WORKERS"):
            worker_count()


def test_the_environment_is_honoured_by_networks(monkeypatch):
    from snnlab import LIF, Network, _workers, encode

    used = []
    real = _workers.share

    def share(work, n, workers):
        used.append(workers)
        real(work, n, workers)

    monkeypatch.setattr("snnlab.passes.share", share)
    net = Network((4, 500, 3), LIF.brainscales2(), n_steps=10, rng=0)
    inputs = encode.latency(np.random.default_rng(0).random((100, 4)), n_steps=10)
    for workers in ("3", "1"):
        monkeypatch.setenv("SNNLAB_WORKERS", workers)
        net.forward(inputs)
        net.forward(inputs[:2])
    assert used == [3, 1, 1, 1]  # small batches run serially


def test_shared_work_covers_the_range_once():
    from snnlab._workers import share

    for n in (0, 1, 2, 5, 8, 100):
        for workers in (1, 2, 3, 8):
            done = np.zeros(n, int)

            def work(lo, hi, done=done):
                done[lo:hi] += 1

            share(work, n, workers)
            assert (done == 1).all()


@pytest.mark.parametrize("part", [0, 1])
def test_errors_in_shared_work_are_heard(part):
    from snnlab._workers import share

    slow = []

    def work(lo, hi):
        if (lo > 0) == part:
            raise ZeroDivisionError("mine")
        time.sleep(0.05)
        slow.append(lo)

    with pytest.raises(ZeroDivisionError, match="mine"):
        share(work, 2, 2)
    assert len(slow) == 1, "it must wait for the others: they write to the caller's arrays"


def test_all_others_are_waited_for_when_one_fails():
    from snnlab._workers import share

    slow = []

    def work(lo, hi):
        if lo == 1:
            raise ZeroDivisionError("mine")
        time.sleep(0.1 if lo else 0)
        slow.append(lo)

    with pytest.raises(ZeroDivisionError, match="mine"):
        share(work, 3, 3)
    assert sorted(slow) == [0, 2]


def test_the_formatter_is_told_to_look_away_seldom():
    mark, root = "# fmt: " + "skip", PACKAGE.parent
    folders = PACKAGE, root / "tests", root / "tools", root / "benchmarks"
    files = [path for folder in folders for path in folder.rglob("*.py")]
    assert sum(path.read_text(encoding="utf-8").count(mark) for path in files) <= 40


def test_functions_fit_a_screen():
    """But for kernels, whose state would otherwise have to be handed around."""
    for path in sources():
        if part_of(path) == "kernels":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                text = node.body[0] if ast.get_docstring(node) else None
                length = node.end_lineno - node.lineno + 1
                length -= text.end_lineno - text.lineno + 1 if text else 0
                assert length <= 60, f"{path.name}: {node.name} has {length} lines"


def test_nothing_is_defined_twice():
    """A second method of the same name silently takes the place of the first."""
    root = PACKAGE.parent
    for path in (path for part in PYTHON for path in (root / part).rglob("*.py")):
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Module | ast.ClassDef):
                continue
            names = [
                child.name
                for child in node.body
                if isinstance(child, ast.FunctionDef | ast.ClassDef)
                and not any(".setter" in ast.unparse(mark) for mark in child.decorator_list)
            ]
            twice = sorted({name for name in names if names.count(name) > 1})
            assert not twice, f"{path}: {twice}"
