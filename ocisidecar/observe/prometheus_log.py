"""What a Prometheus says in its own log of requests to other systems that failed.  Pure.

Source: github.com/prometheus/prometheus, storage/remote/queue_manager.go and util/logging/dedupe.go: a request that
is answered with a 4xx status is given up, and any other one is repeated; of lines with one message, one a minute is
written, whatever URL they name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from attrs import frozen

_VALUE: Final = r'"((?:[^"\\]|\\.)*)"'
_LINE: Final = re.compile(
    rf"time=(?P<time>\S+) level=(?:WARN|ERROR) .*msg=\"(?P<message>non-recoverable error|Failed to send batch, "
    rf"retrying)\" .*\burl=(?P<url>\S+) .*\berr={_VALUE}"
)
_USER: Final = re.compile(r"//[^/@\s]*@")


@frozen(kw_only=True)
class FailedWrite:
    """A request that failed.

    Attributes:
        time: when it was said.
        url: where the samples were to go, without a user and a password.
        error: what was answered, or why nothing was.
        is_given_up: whether it is not repeated.
    """

    time: datetime
    url: str
    error: str
    is_given_up: bool


def failed_writes(lines: Iterable[str]) -> Iterator[FailedWrite]:
    """Yield the requests of remote writes that failed, in their order."""
    for line in lines:
        found = _LINE.search(line)
        if found is not None:
            yield FailedWrite(
                time=datetime.fromisoformat(found["time"]),
                url=_USER.sub("//", found["url"].strip('"')),
                error=_USER.sub("//", found[4].replace('\\"', '"')).rstrip(": "),
                is_given_up=found["message"] == "non-recoverable error",
            )
