"""`python3 -m log_forwarder`."""

import os
import signal
import sys
import threading


def _run() -> int:
    """Heed signals from the first moment: a process that is number 1 never gets one that it does not heed."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    from log_forwarder.program import main

    return main(os.environ, stopping)


sys.exit(_run())
