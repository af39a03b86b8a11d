"""`python3 -m log_forwarder`."""

import os
import signal
import sys
import threading


def _run() -> int:
    """Install signal handlers before anything else: the kernel does not deliver unhandled signals to process 1."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    from log_forwarder.program import main

    return main(os.environ, stopping)


sys.exit(_run())
