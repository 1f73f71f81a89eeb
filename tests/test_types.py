"""Annotations: the public interface has them, and what they name exists."""

import ast
import importlib
import inspect
import types
import typing
from pathlib import Path

import pytest

import snnlab

PACKAGE = Path(snnlab.__file__).parent
UNANNOTATED = {"textbook"}  # a text that is to be read, of at most so many lines
CLASSES = sorted(name for name in snnlab._NAMES if name[0].isupper())
FUNCTIONS = sorted(set(snnlab._NAMES) - set(CLASSES))
MODULES = sorted(set(snnlab._MODULES) - UNANNOTATED)
COURSE = sorted(path.stem for path in (PACKAGE / "course").glob("[!_]*.py"))
COURSE = [name for name in COURSE if name not in ("arguments", "samples")]  # without functions
PARTS = sorted(
    f"{path.parent.name}.{path.stem}" for path in (PACKAGE / "course").glob("*/[!_]*.py")
)


def for_checkers(module):
    """What a module's annotations may name: its own names, and those imported for checkers."""
    names = dict(vars(module))
    for node in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), module.__file__, "exec"), names)
    return names


def functions_of(kind):
    """Public functions of a class as they are written in this package, inherited ones included."""
    for base in kind.__mro__:
        if base.__module__.startswith("snnlab"):
            for name, x in vars(base).items():
                x = x.__func__ if isinstance(x, classmethod | staticmethod) else x
                x = x.fget if isinstance(x, property) else x
                known = inspect.isfunction(x) and x.__module__.startswith("snnlab")
                made = known and "__create_fn__" in x.__qualname__
                if known and not made and x.__name__ != "<lambda>":
                    if not name.startswith("_") or name in ("__init__", "__call__"):
                        yield inspect.unwrap(x)


def lacks(function):
    """Arguments, or the result, without an annotation."""
    known = inspect.signature(function)
    arguments = [p for p in known.parameters.values() if p.name not in ("self", "cls")]
    out = [p.name for p in arguments if p.annotation is p.empty]
    return out + ["the result"] * (known.return_annotation is known.empty)


def look(functions):
    """Complaints about functions: no annotation, or one that names nothing."""
    found = []
    for function in functions:
        found += [f"{function.__qualname__}: {name}" for name in lacks(function)]
        module = importlib.import_module(function.__module__)
        hints = types.SimpleNamespace(__annotations__=function.__annotations__)
        try:
            typing.get_type_hints(hints, for_checkers(module))
        except NameError as fault:
            found.append(f"{function.__qualname__}: {fault}")
    return found


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_annotated(name):
    functions = list(functions_of(getattr(snnlab, name)))
    assert functions and look(functions) == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_annotated(name):
    assert look([inspect.unwrap(getattr(snnlab, name))]) == []


def public_of(module):
    """Its public functions, and those of its classes."""
    public = getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")])
    for x in (getattr(module, n) for n in public):
        if f"{getattr(x, '__module__', '')}.".startswith(f"{module.__name__}."):
            if inspect.isclass(x):
                yield from functions_of(x)
            elif inspect.isfunction(x):
                yield inspect.unwrap(x)


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_annotated(name):
    assert look(public_of(getattr(snnlab, name))) == []


@pytest.mark.parametrize("name", COURSE)
def test_experiments_of_the_course_are_annotated(name):
    functions = list(public_of(importlib.import_module(f"snnlab.course.{name}")))
    assert functions and look(functions) == []


@pytest.mark.parametrize("name", PARTS)
def test_parts_of_the_course_are_annotated(name):
    for library in ("matplotlib", "ipywidgets"):
        pytest.importorskip(library)
    assert look(public_of(importlib.import_module(f"snnlab.course.{name}"))) == []


def test_what_is_missing_is_seen():
    def bare(x, y: int = 0):
        return x

    def strange(x: "Nothing") -> None:  # noqa: F821
        pass

    assert look([bare]) == [f"{bare.__qualname__}: x", f"{bare.__qualname__}: the result"]
    assert "Nothing" in look([strange])[0]


def test_the_stub_has_the_names_at_the_top():
    """Names at the top are imported when they are used: checkers read them in a stub."""
    found = {}
    for node in ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            found |= {a.asname: f"{node.module}.{a.name}" for a in node.names}
    expected = {n: f"snnlab.{m}.{n}" for n, m in snnlab._NAMES.items()}
    expected |= {n: f"snnlab.{m}" for n, m in snnlab._MODULES.items()}
    assert found == expected


def test_the_stub_lists_the_names_at_the_top():
    (listed,) = (
        ast.literal_eval(node.value)
        for node in ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    assert listed == list(snnlab.__all__)


def kinds_in(hint):
    """The package's own classes in an annotation."""
    if inspect.isclass(hint) and hint.__module__.startswith("snnlab."):
        yield hint
    for part in hint if isinstance(hint, list) else typing.get_args(hint):
        yield from kinds_in(part)


def test_the_reference_has_what_annotations_name():
    """Objects that public functions take or return; `snnlab._types` only has names for others."""
    import site_pages

    public = [
        getattr(importlib.import_module(f"snnlab.{module}"), name)
        for module in site_pages.modules().values()
        for name in site_pages.exported(module)
    ]
    named = set()
    for x in public:
        for function in functions_of(x) if inspect.isclass(x) else [inspect.unwrap(x)]:
            hints = types.SimpleNamespace(__annotations__=getattr(function, "__annotations__", {}))
            names = for_checkers(inspect.getmodule(function)) if hints.__annotations__ else None
            named.update(*map(kinds_in, typing.get_type_hints(hints, names).values()))
    missing = [k for k in named if not any(k is x for x in public)]
    assert len(named) > 50
    assert [k.__qualname__ for k in missing if k.__module__ != "snnlab._types"] == []
