"""What `make docs` adds to the pages in docs/: other files of the project, a reference, formulas.

mkdocs calls the functions named ``on_...`` (mkdocs.yml).

- Some pages stand where those look for them who read the project and not its site (`ELSEWHERE`).
- Links are written for readers of the project too. Those to files that are no pages become text.
- The reference has a page for each public module, from the docstrings, and on it every public name.
- The front page has a living network in it.
- Formulas become MathML, which browsers draw without a script.
"""

import ast
import functools
import html
import importlib
import inspect
import os
import re
import sys
from pathlib import Path, PurePosixPath

from latex2mathml.converter import convert
from mkdocs.structure.files import File

import snnlab
from snnlab.live import LivingNetwork

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))

import package_map  # noqa: E402
import pages  # noqa: E402

ELSEWHERE = {
    "benchmarks.md": "benchmarks/README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "data.md": "data/README.md",
    "further-reading.md": "notebooks/further_reading.md",
    "glossary.md": "notebooks/glossary.md",
}
SECTIONS = {  # of modules, and of those below them that have none of their own
    "": "Core",
    "estimator": "Estimators",
    "learning": "Learning",
    "rewiring": "Rewiring",
    "conversion": "Conversion and exchange",
    "interchange": "Conversion and exchange",
    "chip": "The chip",
    "reports": "Reports",
    "datasets": "Data",
    "plot": "Figures and panels",
    "live": "Figures and panels",
    "course": "The course",
    "layers.norm": "Inside a network",
    "layers.stage": "Inside a network",
    "medium": "Inside a network",
    "memory": "Inside a network",
    "parameters": "Inside a network",
    "passes": "Inside a network",
    "record": "Inside a network",
}
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
COLONS = re.compile(r'::(</p>\s*<(?:pre|div class="[\w -]*highlight))')


# pages from elsewhere ---------------------------------------------------------------------------


def on_files(files, config):
    """Add what is not in docs/: pages, the living network, and the notebooks, to be downloaded."""
    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        files.append(File.generated(config, f"notebooks/{path.name}", abs_src_path=str(path)))
    files.append(File.generated(config, "living.html", content=LivingNetwork().page()))
    for page, text in reference().items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turn links between files of the project into links between pages."""
    here = page.file.src_uri
    source = PurePosixPath(ELSEWHERE.get(here, f"docs/{here}"))
    page_of = {source: page for page, source in ELSEWHERE.items()} | {"README.md": "index.md"}

    def link(match):
        text, target = match.groups()
        if re.match(r"\w+:|#", target):
            return match[0]
        name, hash_, anchor = target.partition("#")
        path = os.path.normpath(source.parent / name).replace(os.sep, "/")
        found = page_of.get(path, path.removeprefix("docs/"))
        if files.get_file_from_path(found) is None and (ROOT / path).exists():
            return text
        up = os.path.relpath(found, PurePosixPath(here).parent).replace(os.sep, "/")
        return f"[{text}]({up}{hash_}{anchor})"

    return LINK.sub(link, markdown)


# reference --------------------------------------------------------------------------------------


def summary(doc):
    """First paragraph of a docstring, on one line."""
    return " ".join((doc or "").partition("\n\n")[0].split())


def described(module):
    """First paragraph of a module's docstring."""
    return summary(ast.get_docstring(package_map.tree(package_map.MODULES[module])))


def listed():
    """Modules that have an ``__all__``, by their dotted names below ``snnlab``."""
    for module in package_map.MODULES:
        if module and "._" not in f".{module}":
            if hasattr(importlib.import_module(f"snnlab.{module}"), "__all__"):
                yield module


def exported(module):
    """Public names of a module: its ``__all__``, or else functions and classes it defines."""
    loaded = importlib.import_module(f"snnlab.{module}")
    defined = [
        name
        for name, x in vars(loaded).items()
        if not name.startswith("_") and hasattr(x, "__name__")
        if getattr(x, "__module__", None) == loaded.__name__
    ]
    return list(getattr(loaded, "__all__", defined))


@functools.cache
def modules():
    """Public modules, in order: the name that each has for its users, and where it is.

    They are those that ``snnlab`` names, the homes of its functions and classes, and all others
    that have an ``__all__``.
    """
    found = {module: name for name, module in snnlab._MODULES.items()}
    for module in (*snnlab._NAMES.values(), *listed()):
        found.setdefault(module, module.removeprefix("_"))
    return {name: module for module, name in sorted(found.items(), key=lambda pair: pair[1])}


def section(module):
    """Title of a module's section."""
    while module not in SECTIONS:
        module = module.rpartition(".")[0]
    return SECTIONS[module]


def areas():
    """Name and place of each public module, by the title of their section."""
    found = {title: [] for title in SECTIONS.values()}
    for name, module in modules().items():
        found[section(module)].append((name, module))
    return found


def module_page(name, module):
    """The page of a public module."""
    names, above = exported(module), "show_root_heading: true, show_root_full_path: false"
    lines = [f"# `snnlab.{name}`", "", f"::: snnlab.{module}"]
    lines += ["    options:", f"      members: {names}"]
    for one in names:
        if f"{module}.{one}" in package_map.MODULES:  # a function whose module has its name
            lines += ["", f"::: snnlab.{module}.{one}.{one}"]
            lines += [f"    options: {{{above}, show_root_toc_entry: true}}"]
    return "\n".join(lines) + "\n"


def names_table():
    """What stands at the top level, with links to where it is described."""
    page_of, rows = {module: name for name, module in modules().items()}, []
    for name, module in sorted(snnlab._NAMES.items()):
        shown = f"[`snnlab.{name}`]({page_of[module]}.md#snnlab.{module}.{name})"
        rows.append((shown, summary(inspect.getdoc(getattr(snnlab, name)))))
    return pages.table(("name", "what it is"), rows)


def reference():
    """Text of every page of the reference by its name."""
    parts = ["# Reference", "Each name is imported when it is first used.", "## At the top level"]
    out, parts = {}, [*parts, names_table()]
    for title, found in areas().items():
        rows = []
        for name, module in found:
            out[f"reference/{name}.md"] = module_page(name, module)
            rows.append((f"[`snnlab.{name}`]({name}.md)", described(module)))
        parts += [f"## {title}", pages.table(("module", "what it does"), rows)]
    return out | {"reference/index.md": "\n\n".join(parts)}


def on_config(config):
    """List the pages of the reference in the navigation."""
    (entry,) = (part for part in config["nav"] if "Reference" in part)
    entry["Reference"] = ["reference/index.md"] + [
        {title: [{f"snnlab.{name}": f"reference/{name}.md"} for name, _ in found]}
        for title, found in areas().items()
    ]
    return config


# formulas and code ------------------------------------------------------------------------------


def on_page_content(html_text, page, config, files):
    """Turn formulas into MathML, and the two colons before code in docstrings into one."""

    def formula(match):
        kind, latex = match.groups()
        return convert(html.unescape(latex), display="block" if kind == "div" else "inline")

    return COLONS.sub(r":\1", FORMULA.sub(formula, html_text))
