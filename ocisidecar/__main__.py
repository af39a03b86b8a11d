"""`python -m ocisidecar`."""

import sys

from ocisidecar.cli.main import main

sys.exit(main())
