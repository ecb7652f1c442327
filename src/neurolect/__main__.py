"""`python -m neurolect` is `neurolect`."""

import sys

from neurolect.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
