"""A stand-in for Grafana that answers `/api/health` like Grafana, and 404 to all else."""

from __future__ import annotations

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Health(BaseHTTPRequestHandler):
    """Answers health checks."""

    def do_GET(self) -> None:
        """Answer `/api/health` with 200, and any other path with 404."""
        is_health = self.path == "/api/health"
        self.send_response(200 if is_health else 404)
        self.end_headers()
        self.wfile.write(b'{"database": "ok", "version": "stand-in"}' if is_health else b"this is a stand-in")


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
HTTPServer(("", int(os.environ.get("GF_SERVER_HTTP_PORT", "3000"))), Health).serve_forever()
