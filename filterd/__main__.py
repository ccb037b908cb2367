"""`python -m filterd` for a checkout; the installed program is `filterd`."""

import sys

from filterd.cli import main

if __name__ == "__main__":
    sys.exit(main())
