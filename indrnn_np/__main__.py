"""`python -m indrnn_np` is the `indrnn` command."""

import sys

from .commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
