"""Pages in a notebook: HTML without scripts, with all text escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from ocisidecar.views.page import Page, Row, Tone, printable

_COLOURS: Final[Mapping[Tone, str]] = {
    Tone.PLAIN: "inherit",
    Tone.CALM: "gray",
    Tone.GOOD: "green",
    Tone.CHANGE: "darkorange",
    Tone.BAD: "crimson",
}
_CELL: Final = "text-align:left;vertical-align:top;padding:1px 12px 1px 0"


def as_html(page: Page) -> str:
    """Return the page as one HTML element."""
    return f'<div class="ocisidecar">{"".join(_parts(page))}</div>'


def _parts(page: Page) -> Iterator[str]:
    if page.title:
        yield f"<p><b>{_safe(page.title)}</b></p>"
    if page.sections:
        yield "<table>"
        for section in page.sections:
            yield f'<tr><th colspan="3" style="{_CELL}">{_safe(section.heading)}</th></tr>'
            for row in section.rows:
                yield from _rows(row)
        yield "</table>"
    for copyable in page.copyable:
        lines = "\n".join(escape(printable(line)) for line in copyable.lines)
        yield f"<p><b>{_safe(copyable.heading)}</b></p><pre>{lines}</pre>"
    for note in page.notes:
        yield f'<p style="color:{_COLOURS[Tone.CHANGE]}">! {_safe(note)}</p>'
    if page.summary:
        yield f'<p style="color:{_COLOURS[page.tone]}">{_safe(page.summary)}</p>'


def _rows(row: Row) -> Iterator[str]:
    yield _line(row.sign, row.subject, row.text, f"color:{_COLOURS[row.tone]}")
    for detail in row.details:
        yield _line("", detail.label, detail.text, "opacity:0.7;padding-left:1em")


def _line(sign: str, subject: str, text: str, style: str) -> str:
    return (
        f'<tr><td style="{_CELL};{style}">{_safe(sign)}</td><td style="{_CELL};{style}">{_safe(subject)}</td>'
        f'<td style="{_CELL}">{_safe(text)}</td></tr>'
    )


def _safe(text: str) -> str:
    return escape(printable(text)).replace("\n", "<br>")
