"""Do what Binder does, as far as that is possible without Docker.

    python3.11 tools/try_binder.py [folder]    by default a temporary one

In a new environment of the pinned Python: install binder/requirements.txt, run binder/postBuild,
and run the cells of the first notebook under binder/start. Needs a network, or pip's cache. Not
tried by this: Binder's base image (JupyterLab and the kernel come with it), its limits of memory
and time, and the address behind the badge.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CELLS = """
import json, time
from IPython.core.interactiveshell import InteractiveShell

shell, began = InteractiveShell.instance(), time.perf_counter()
for cell in json.load(open("notebooks/01_one_leaky_neuron.ipynb", encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        shell.run_cell("".join(cell["source"])).raise_error()
print(f"The first notebook ran to its end in {time.perf_counter() - began:.1f} s.")
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args().folder
    pinned = (ROOT / "binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    if "{}.{}".format(*sys.version_info) != pinned:
        return f"Binder uses Python {pinned}: run this with that version"
    folder = (folder or Path(tempfile.mkdtemp())).resolve()
    environment = os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    for command in (
        [sys.executable, "-m", "venv", folder],
        ["python", "-m", "pip", "install", "--quiet", "-r", "binder/requirements.txt"],
        ["binder/postBuild"],
        ["binder/start", "python", "-c", CELLS],
    ):
        program = Path(command[0])
        if not program.is_absolute() and program.parent == Path():
            command[0] = folder / "bin" / program
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
