"""``python -m huracan`` is the same as ``huracan``: jobs are started that way."""

import sys

from huracan.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
