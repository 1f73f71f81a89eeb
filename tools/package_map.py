"""Write the package map: every module, what it does, and on which floor it stands.

    python tools/package_map.py [--check]

A module stands one floor above the highest of those that it imports from the package, imports
within functions included, those for annotations alone not; what it does is the first line of its
docstring. The files to read in an
evening are listed in the README and in the map.
"""

import ast

import pages

import snnlab

PACKAGE = pages.ROOT / "snnlab"
PAGE = pages.DOCS / "package-map.md"
EVENING = (
    "textbook",
    "neurons",
    "signals",
    "layers.base",
    "layers.dense",
    "trace",
    "network",
    "learning.optim",
    "learning.training",
    "rewiring.rule",
    "rewiring.grad_r",
    "chip.substrate",
)


# modules and imports ----------------------------------------------------------------------------


def sources():
    """All files of the package."""
    return sorted(path for path in PACKAGE.rglob("*.py"))


def name_of(path):
    """Dotted name of a file below ``snnlab``; a package's ``__init__`` has the package's name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {name_of(path): path for path in sources()}


def tree(path):
    """A file's syntax tree, without what only type checkers read."""
    found = ast.parse(path.read_text(encoding="utf-8"))
    for_checkers = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
    found.body = [
        node
        for node in found.body
        if not (isinstance(node, ast.If) and ast.unparse(node.test) in for_checkers)
    ]
    return found


def imports(path, within=None):
    """Every module imported in a file, or in a part of it (``from snnlab import x`` is x)."""
    for node in ast.walk(within or tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative
                parts = ("snnlab", *path.relative_to(PACKAGE).parts[: -node.level])
                base = ".".join([*parts, *([node.module] if node.module else [])])
            if base == "snnlab":
                yield from (f"snnlab.{alias.name}" for alias in node.names)
            else:
                yield base


def modules_imported(path):
    """Imports of a file, where ``from package import x`` is x if that is a module."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("snnlab"):
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [n for n in below if n.partition(".")[2] in MODULES]
            yield from found
            if len(found) < len(below):
                yield node.module
        else:
            yield from imports(path, node) if isinstance(node, ast.Import) else ()


def resolve(name):
    """The module of the package that an imported name lies in, or None if it is no part of it."""
    if name.partition(".")[0] != "snnlab":
        return None
    name = name.partition(".")[2]
    return snnlab._MODULES.get(name, name) if name in MODULES or name in snnlab._MODULES else ""


def arrows():
    """Which modules each imports, lazy imports included; ``snnlab/__init__`` is only a map."""
    out = {}
    for name, path in MODULES.items():
        if name:
            out[name] = {resolve(other) for other in modules_imported(path)} - {None, "", name}
    return out


def circles(arrows):
    """Modules on a circle or above one: left when all with nothing left to import are taken."""
    left = {name: set(others) for name, others in arrows.items()}
    while True:
        done = {name for name, others in left.items() if not others & left.keys()}
        if not done:
            return sorted(left)
        for name in done:
            del left[name]


def floors(arrows):
    """How many storeys of imports each module stands on.

    Raises
    ------
    ValueError
        If modules import each other in a circle.
    """
    stuck = circles(arrows)
    if stuck:
        raise ValueError(f"these stand on a circle of imports: {', '.join(stuck)}")
    found = {}

    def floor(name):
        if name not in found:
            found[name] = 1 + max((floor(other) for other in arrows.get(name, ())), default=-1)
        return found[name]

    for name in arrows:
        floor(name)
    return found


# the page ---------------------------------------------------------------------------------------


def summary(path):
    """First line of a file's docstring, without the full stop."""
    return (ast.get_docstring(tree(path)) or "").partition("\n")[0].removesuffix(".")


def file_of(name):
    """The file of a module within the package, as it is written in a path."""
    return MODULES[name].relative_to(PACKAGE).as_posix()


def table(names, storeys):
    """A row per module, lowest floor first."""
    order = sorted(names, key=lambda name: (storeys[name], name))
    rows = [(f"`{file_of(name)}`", storeys[name], summary(MODULES[name])) for name in order]
    return pages.table(("file", "floor", "what it does"), rows)


def package_map():
    """All modules, a table per folder, in the order of the folders' lowest floors."""
    storeys = floors(arrows())
    folders = {}
    for name in storeys:
        folder = MODULES[name].relative_to(PACKAGE).parts[0]
        folders.setdefault("" if folder.endswith(".py") else folder, []).append(name)
    parts = []
    for folder, names in sorted(folders.items()):
        init = PACKAGE / folder / "__init__.py"
        parts += [f"## `snnlab/{folder}{'/' if folder else ''}`", f"{summary(init)}."]
        parts.append(table(names, storeys))
    return "\n\n".join(parts)


def evening(page):
    """The evening's files as a list, with links as the page needs them."""
    up = "../" * len(page.relative_to(pages.ROOT).parts[1:])
    return "\n".join(
        f"{i}. [`{file_of(name)}`]({up}snnlab/{file_of(name)}): {summary(MODULES[name])}"
        for i, name in enumerate(EVENING, 1)
    )


def texts():
    """The map, and the list in the README."""
    parts = {"package-map": package_map()}
    shown = [pages.ROOT / "README.md", PAGE]
    return {
        page: pages.fill(page.read_text(encoding="utf-8"), parts | {"evening": evening(page)})
        for page in shown
    }


if __name__ == "__main__":
    pages.main(__doc__, texts)
