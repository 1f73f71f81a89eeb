"""What `make docs` adds to the pages in docs/: other files of the project, a reference, formulas.

mkdocs calls the functions named ``on_...`` (mkdocs.yml).

- Some pages stand where those look for them who read the project and not its site (`ELSEWHERE`).
- Links are written for readers of the project too. Those to files that are no pages become text.
- The reference has a page for each public module, from the docstrings.
- Formulas become MathML, which browsers draw without a script.
"""

import ast
import html
import os
import re
from pathlib import Path, PurePosixPath

from latex2mathml.converter import convert
from mkdocs.structure.files import File

import snnlab

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "benchmarks.md": "benchmarks/README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "data.md": "data/README.md",
    "further-reading.md": "notebooks/further_reading.md",
    "glossary.md": "notebooks/glossary.md",
}
SECTIONS = {
    "": "Core",
    "learning": "Learning",
    "rewiring": "Rewiring",
    "chip": "The chip",
    "reports": "Reports",
    "datasets": "Data",
    "plot": "Figures and panels",
    "live": "Figures and panels",
    "course": "The course",
}
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


# pages from elsewhere ---------------------------------------------------------------------------


def on_files(files, config):
    """Add the pages that are not in docs/, and the notebooks, to be downloaded."""
    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        files.append(File.generated(config, f"notebooks/{path.name}", abs_src_path=str(path)))
    for page, text in reference().items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turn links between files of the project into links between pages."""
    here = page.file.src_uri
    source = PurePosixPath(ELSEWHERE.get(here, f"docs/{here}"))
    pages = {source: page for page, source in ELSEWHERE.items()} | {"README.md": "index.md"}

    def link(match):
        text, target = match.groups()
        if re.match(r"\w+:|#", target):
            return match[0]
        name, hash_, anchor = target.partition("#")
        path = os.path.normpath(source.parent / name).replace(os.sep, "/")
        found = pages.get(path, path.removeprefix("docs/"))
        if files.get_file_from_path(found) is None and (ROOT / path).exists():
            return text
        up = os.path.relpath(found, PurePosixPath(here).parent).replace(os.sep, "/")
        return f"[{text}]({up}{hash_}{anchor})"

    return LINK.sub(link, markdown)


# reference --------------------------------------------------------------------------------------


def summary(node):
    """First paragraph of a docstring, on one line."""
    return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())


def parsed(module):
    """Syntax tree of a module, by its dotted name below ``snnlab``."""
    path = ROOT.joinpath("snnlab", *module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def exported(tree):
    """The names in a module's ``__all__``; None if it has none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return None


def areas():
    """Public modules by the title of their section: name at the top level, and where it is."""
    found = {title: [] for title in SECTIONS.values()}
    for name, module in snnlab._MODULES.items():
        found[SECTIONS[module.partition(".")[0] if "." in module else ""
                       if module not in SECTIONS else module]].append((name, module))  # fmt: skip
    return found


def module_page(name, module):
    """The page of a public module."""
    names = exported(parsed(module))
    options = {} if names is None else {"members": names}
    lines = [f"# `snnlab.{name}`", "", f"::: snnlab.{module}"]
    if options:
        lines += ["    options:", f"      members: {options['members']}"]
    return "\n".join(lines) + "\n"


def reference():
    """Text of every page of the reference by its name."""
    out, lines = {}, ["# Reference", "", "Every name below is imported when it is first used.", ""]
    for title, modules in areas().items():
        lines += [f"## {title}", "", "| module | what it does |", "|---|---|"]
        for name, module in modules:
            out[f"reference/{name}.md"] = module_page(name, module)
            lines.append(f"| [`snnlab.{name}`]({name}.md) | {summary(parsed(module))} |")
        lines.append("")
    return out | {"reference/index.md": "\n".join(lines)}


def on_config(config):
    """List the pages of the reference in the navigation."""
    (entry,) = (part for part in config["nav"] if "Reference" in part)
    entry["Reference"] = ["reference/index.md"] + [
        {title: [{f"snnlab.{name}": f"reference/{name}.md"} for name, _ in modules]}
        for title, modules in areas().items()
    ]
    return config


# formulas ---------------------------------------------------------------------------------------


def on_page_content(html_text, page, config, files):
    """Turn formulas into MathML."""

    def formula(match):
        kind, latex = match.groups()
        return convert(html.unescape(latex), display="block" if kind == "div" else "inline")

    return FORMULA.sub(formula, html_text)
