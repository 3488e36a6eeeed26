"""`python -m emopress`, and the command `emopress` where the library is installed."""

import sys

from emopress.cli import main

if __name__ == "__main__":
    sys.exit(main())
