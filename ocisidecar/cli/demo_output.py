"""What the demo prints besides the library's own views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from ocisidecar.views.page import Page, Row, Section, printable

if TYPE_CHECKING:
    from ocisidecar.observe.log_lines import LogLine


def print_heading(console: Console, text: str) -> None:
    """Print the heading of a step."""
    console.print()
    console.print(Rule(Text(text, style="bold"), align="left", style="dim"))


def print_text(console: Console, text: str) -> None:
    """Print a paragraph."""
    console.print(Text(text))


def print_code(console: Console, code: str) -> None:
    """Print Python code in colours."""
    console.print(Syntax(code.rstrip(), "python", background_color="default"))


def print_log_lines(console: Console, lines: Iterable[LogLine]) -> None:
    """Print log lines, each cut to one line of the console."""
    known = list(lines)
    width = max((len(line.container) for line in known), default=0)
    for line in known:
        time = f"{line.time:%H:%M:%S}" if line.time is not None else " " * 8
        text = printable(f"{time}  {line.container:{width}}  {line.text}")
        console.print(Text(text, style="dim"), overflow="ellipsis", no_wrap=True)


def notification_page(message: Mapping[str, Any], endpoint: str) -> Page:
    """Return what an endpoint received of an alarm; members for programs are left out."""
    (alarm,) = message["alarmMetaData"]
    streams = [", ".join(f"{name} {value}" for name, value in sorted(one.items())) for one in alarm["dimensions"]]
    members = {
        **{name: str(message[name]) for name in ("title", "type", "severity", "timestamp", "body", "dedupeKey")},
        "query": alarm["query"],
        "dimensions": "; ".join(streams),
    }
    rows = tuple(Row(sign="", subject=name, text=text) for name, text in members.items())
    return Page(sections=(Section(f"The notification that {endpoint} received", rows),))
