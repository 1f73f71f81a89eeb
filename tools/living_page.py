"""Write the living network as one HTML file, as the documentation's front page has it.

    python tools/living_page.py [FILE]

It needs neither Python nor a network connection: draw a digit, see spikes and a decision, drag
threshold and time constant.
"""

import argparse
from pathlib import Path

from snnlab._files import write_atomically
from snnlab.live.living import LivingNetwork

DEFAULT = Path(__file__).resolve().parents[1] / ".cache" / "living.html"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT)
    path = parser.parse_args().file
    path.parent.mkdir(exist_ok=True)
    text = LivingNetwork().page()
    write_atomically(path, lambda file: file.write(text.encode()))
    print(f"{path}: {len(text) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
