"""`python -m ocisidecar`."""

import sys

from ocisidecar.cli import main

sys.exit(main())
