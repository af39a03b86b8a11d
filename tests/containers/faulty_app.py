"""An app that does on request what alarms are for: `POST /cpu` begins a fault, `DELETE /cpu` ends it.

Runs in a container, so it uses the standard library only.
"""

import http.server
import multiprocessing
import os
import pathlib
import threading
import time

STARTED = time.time()
WRITTEN = pathlib.Path("/tmp/written")
LOG = pathlib.Path("/logs/app.log")
MB = 1024**2

faults = {}


def burn():
    while True:
        pass


def burning():
    processes = [multiprocessing.get_context("fork").Process(target=burn, daemon=True) for _ in range(2)]
    for process in processes:
        process.start()
    return processes


def cool(processes):
    for process in processes:
        process.kill()


def written():
    with WRITTEN.open("wb") as file:
        for _ in range(200):
            file.write(os.urandom(MB))
    return WRITTEN


BEGIN = {"cpu": burning, "memory": lambda: os.urandom(MB) * 500, "storage": written}
END = {"cpu": cool, "storage": lambda path: path.unlink()}


class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/metrics":
            self.answer(200, f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {STARTED}\n")
        else:
            self.answer(500 if "health" in faults else 200, "")

    def do_POST(self):
        fault = self.path[1:]
        if fault == "restart":
            os._exit(1)
        faults[fault] = BEGIN.get(fault, bool)()
        self.answer(200, "")

    def do_DELETE(self):
        fault = self.path[1:]
        END.get(fault, bool)(faults.pop(fault))
        self.answer(200, "")

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def talk():
    while True:
        if "log" not in faults and LOG.parent.exists():
            with LOG.open("a") as file:
                file.write("The app does what it should.\n")
        time.sleep(1)


threading.Thread(target=talk, daemon=True).start()
http.server.ThreadingHTTPServer(("", 8080), App).serve_forever()
