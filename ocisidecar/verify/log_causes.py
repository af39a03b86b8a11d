"""What programs say when they end, or when they cannot go on: their lines → the cause of a finding.  Pure.

A program knows best why it ended, so what it says counts more than its exit code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_CAUSES_OF_EXIT: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("wrong-architecture", re.compile(r"exec format error", re.IGNORECASE)),
    (
        "unknown-flag",
        re.compile(
            r"unknown (?:long |short )?flag|flag provided but not defined|unrecognized (?:argument|option)"
            r"|unknown option",
            re.IGNORECASE,
        ),
    ),
    ("port-taken", re.compile(r"address already in use", re.IGNORECASE)),
    ("disk-full", re.compile(r"no space left on device", re.IGNORECASE)),
    (
        "not-writable",
        re.compile(
            r"read-only file system|/[\w./-]+['\"]?: permission denied|permission denied: ['\"]?/"
            r"|\"/[^\"]+\" failed \(13:",
            re.IGNORECASE,
        ),
    ),
    (
        "configuration-refused",
        re.compile(
            r"error loading config|loading configuration file failed|error parsing (?:host )?config|parsing yaml"
            r"|no configuration found|environment variables describing the datasource"
            r"|input\.rsp (?:is absent|has no)|\"event\": \"cannot start\"",
            re.IGNORECASE,
        ),
    ),
)
"""Cause → what the last lines of a program that ended say, in the order in which they are tried.

Source: messages of the Linux kernel by way of shells and runtimes; of Prometheus, Alertmanager and the exporters
that the presets run (prometheus-community/helm-charts, issue 3534, for "no configuration found"); of our images.
"""

_CAUSES_OF_FORWARDER: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("disk-full", re.compile(r"no space left on device|disk is full", re.IGNORECASE)),
    ("files-unreadable", re.compile(r"cannot (?:open|read)\b")),
    ("not-writable", re.compile(r"cannot (?:save progress|write to)\b")),
    ("clock-wrong", re.compile(r"not within allowed clock skew", re.IGNORECASE)),
    ("datapoints-too-old", re.compile(r"datapoints too old")),
    ("budget-used-up", re.compile(r"budget used up")),
    ("content-refused", re.compile(r"datapoint refused|entry rejected|request refused|metrics failed")),
)
"""Cause → how an open error of a forwarder begins or what it contains.

Source: `docker/`; oracle/terraform-provider-oci, issue 474, for the service's words about a wrong clock.
"""


def cause_of_exit(lines: Iterable[str]) -> str:
    """Return the cause that the last lines of a program that ended name; empty if they name none."""
    text = "\n".join(lines)
    return next((cause for cause, pattern in _CAUSES_OF_EXIT if pattern.search(text)), "")


def causes_of_errors(errors: Iterable[str], otherwise: str) -> Mapping[str, tuple[str, ...]]:
    """Return cause → the errors of a forwarder that have it; `otherwise` is that of errors that name none."""
    found: dict[str, tuple[str, ...]] = {}
    for error in errors:
        cause = next((cause for cause, pattern in _CAUSES_OF_FORWARDER if pattern.search(error)), otherwise)
        found[cause] = (*found.get(cause, ()), error)
    return found
