"""`python -m tfspec` is the command `tfspec`."""

import sys

from tfspec.cli import main

if __name__ == "__main__":
    sys.exit(main())
