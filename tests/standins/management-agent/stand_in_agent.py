"""A stand-in for Oracle's management agent: registers once, scrapes what it is told to, and posts as itself.

It reads `discovery/PrometheusEmitter/*.properties` as documented for the real agent, and the data sources that the
service has for it.  Where there is no emulator, it only pretends to have registered.
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
IDENTITY = Path("config/identity.json")


def read_properties(path: Path) -> dict[str, str]:
    """Read `name=value` lines."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith(("#", "!")))
    return {name.strip(): value.strip() for name, _, value in pairs}


def register(agent: Path, response_file: Path) -> None:
    """Register with the install key, and store the identity that the service gives."""
    if not read_properties(response_file).get("ManagementAgentInstallKey"):
        raise SystemExit(f"{response_file} has no ManagementAgentInstallKey")
    if "OCISIDECAR_ENDPOINT" in os.environ:
        try:
            identity = monitoring.Identity.registered(response_file.read_text())
        except OSError as error:
            raise SystemExit(f"not registered: {error}") from error
        identity.save(agent / IDENTITY)
    with (agent / "config" / "registrations").open("a") as registrations:
        registrations.write(f"{uuid.uuid4()}\n")
    LOG.info("registered")


def sources(agent: Path, identity: monitoring.Identity) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the names and the properties of all sources: of the files, and of the service's data sources."""
    for path in sorted((agent / "discovery" / "PrometheusEmitter").glob("*.properties")):
        yield path.stem, read_properties(path)
    for source in identity.answer["dataSources"]:
        dimensions = {one["name"]: one["value"] for one in source.get("metricDimensions") or ()}
        plain = {name: value for name, value in source.items() if isinstance(value, str)}
        yield source["name"], {**plain, **dimensions, "metricDimensions": ",".join(dimensions)}


def collect(agent: Path, identity: monitoring.Identity) -> None:
    """Scrape and post once for every source; an error is logged, and the next round tries again."""
    for name, source in sources(agent, identity):
        try:
            metrics = list(oci_metrics(scrape(source["url"]), source, identity.answer["compartmentId"]))
            refused = identity.post(metrics)
        except (OSError, ValueError, KeyError) as error:
            LOG.warning("%s: %s: %s", name, type(error).__name__, error)
        else:
            LOG.info("%s: posted %d streams to %s, %d refused", name, len(metrics), source["namespace"], refused)


def beat(identity: monitoring.Identity) -> bool:
    """Send a heartbeat; return False when the agent was deregistered, after which it never registers again."""
    try:
        identity.beat()
    except monitoring.Refused as error:
        LOG.warning("%s", error)
        return error.status != HTTPStatus.UNAUTHORIZED
    except OSError as error:
        LOG.warning("no heartbeat: %s", error)
    return True


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


def oci_metrics(text: str, source: dict[str, str], compartment_id: str) -> Iterator[dict[str, Any]]:
    """Yield the samples of a scrape in OCI Monitoring's format, with labels as dimensions."""
    fixed = {name: source[name] for name in source.get("metricDimensions", "").split(",") if name in source}
    allowed = set(source.get("allowMetrics", "*").split(","))
    for sample in prometheus_text.samples(text):
        if "*" in allowed or sample.name in allowed:
            labels = {key: value[:512] for key, value in sample.labels.items() if value}
            seconds = time.time() if sample.time is None else sample.time / 1000
            yield {
                "namespace": source["namespace"],
                "compartmentId": source.get("compartmentId") or compartment_id,
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
    stored = options.agent / IDENTITY
    identity = monitoring.Identity.load(stored) if stored.exists() else None
    while True:
        if identity is not None and beat(identity):
            collect(options.agent, identity)
        if signal.sigtimedwait({signal.SIGTERM}, interval):
            return


if __name__ == "__main__":
    main()
