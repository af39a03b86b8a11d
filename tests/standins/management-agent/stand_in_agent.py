"""A stand-in for Oracle's management agent: registers once, scrapes the URLs of its properties files, and posts.

It reads `discovery/PrometheusEmitter/*.properties` as documented for the real agent.  The real agent posts as a
`managementagent`; the stand-in posts as the container instance in which it runs.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import monitoring
import prometheus_text

LOG = logging.getLogger("stand-in-agent")
MAX_DIMENSIONS = 20


def read_properties(path: Path) -> dict[str, str]:
    """Read `name=value` lines."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith(("#", "!")))
    return {name.strip(): value.strip() for name, _, value in pairs}


def register(agent: Path, response_file: Path) -> None:
    """Check the install key and store an identity, without calling OCI, whose registration API is not public."""
    if not read_properties(response_file).get("ManagementAgentInstallKey"):
        raise SystemExit(f"{response_file} has no ManagementAgentInstallKey")
    with (agent / "config" / "registrations").open("a") as registrations:
        registrations.write(f"{uuid.uuid4()}\n")
    LOG.info("registered")


def collect(agent: Path) -> None:
    """Scrape and post once for every properties file; an error is logged, and the next round tries again."""
    for path in sorted((agent / "discovery" / "PrometheusEmitter").glob("*.properties")):
        try:
            source = read_properties(path)
            metrics = list(oci_metrics(scrape(source["url"]), source))
            refused = monitoring.post(metrics)
        except (OSError, ValueError, KeyError) as error:
            LOG.warning("%s: %s: %s", path.stem, type(error).__name__, error)
        else:
            LOG.info(
                "%s: posted %d streams to %s, %d refused", path.stem, len(metrics), source["namespace"], refused
            )


def scrape(url: str) -> str:
    """Return the text that an HTTP URL answers."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=5)) as connection:
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        text = answer.read().decode()
    if answer.status != HTTPStatus.OK:
        raise OSError(f"{url} was answered {answer.status}: {text}")
    return text


def oci_metrics(text: str, source: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the samples of a scrape in OCI Monitoring's format, with labels as dimensions."""
    fixed = {name: source[name] for name in source.get("metricDimensions", "").split(",") if name in source}
    allowed = set(source.get("allowMetrics", "*").split(","))
    for sample in prometheus_text.samples(text):
        if "*" in allowed or sample.name in allowed:
            labels = {key: value[:512] for key, value in sample.labels.items() if value}
            seconds = time.time() if sample.time is None else sample.time / 1000
            yield {
                "namespace": source["namespace"],
                "compartmentId": source.get("compartmentId") or monitoring.own_compartment_id(),
                "name": re.sub(r"[^\w.$-]", "_", sample.name, flags=re.ASCII),
                "dimensions": dict(list((fixed | labels).items())[:MAX_DIMENSIONS]),
                "datapoints": [
                    {"timestamp": datetime.fromtimestamp(seconds, UTC).isoformat(), "value": sample.value}
                ],
            }


def main() -> None:
    """Register, or run until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agent", type=Path, help="directory of the agent's state")
    parser.add_argument("--register", type=Path, metavar="RESPONSE_FILE")
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=[
            logging.StreamHandler(sys.stderr),
            logging.FileHandler(options.agent / "log" / "mgmt_agent.log"),
        ],
    )
    if options.register:
        register(options.agent, options.register)
        return
    interval = float(os.environ["OCISIDECAR_STAND_IN_INTERVAL_IN_SECONDS"])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    while True:
        collect(options.agent)
        if signal.sigtimedwait({signal.SIGTERM}, interval):
            return


if __name__ == "__main__":
    main()
