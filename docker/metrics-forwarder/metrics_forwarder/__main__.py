"""`python3 -m metrics_forwarder`."""

import os
import sys

from forwarding.process import stopping_on_signals


def _run() -> int:
    stopping = stopping_on_signals()
    from metrics_forwarder.program import main

    return main(os.environ, stopping)


sys.exit(_run())
