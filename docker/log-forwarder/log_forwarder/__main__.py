"""`python3 -m log_forwarder`."""

import os
import sys

from forwarding.process import stopping_on_signals


def _run() -> int:
    stopping = stopping_on_signals()
    from log_forwarder.program import main

    return main(os.environ, stopping)


sys.exit(_run())
