"""``python -m snnlab``: the command."""

import sys

from snnlab.cli import main

if __name__ == "__main__":
    sys.exit(main())
