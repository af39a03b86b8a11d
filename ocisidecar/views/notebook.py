"""Pages in a notebook: HTML without scripts, with all text escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Final

from ocisidecar.views.page import Page, Row, Tone, printable

_COLOURS: Final[Mapping[Tone, str]] = {
    Tone.PLAIN: "inherit",
    Tone.CALM: "gray",
    Tone.GOOD: "green",
    Tone.CHANGE: "darkorange",
    Tone.BAD: "crimson",
}
_WIDTH: Final = 240
_HEIGHT: Final = 36
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
    for remark in page.remarks:
        yield f"<p>{_safe(remark)}</p>"
    if page.summary:
        yield f'<p style="color:{_COLOURS[page.tone]}">{_safe(page.summary)}</p>'


def _rows(row: Row) -> Iterator[str]:
    chart = _chart(row.curve, f"{row.subject}: {row.text}") if row.curve else ""
    yield _line(row.sign, row.subject, row.text, f"color:{_COLOURS[row.tone]}", chart)
    for detail in row.details:
        yield _line("", detail.label, detail.text, "opacity:0.7;padding-left:1em")


def _line(sign: str, subject: str, text: str, style: str, chart: str = "") -> str:
    return (
        f'<tr><td style="{_CELL};{style}">{_safe(sign)}</td><td style="{_CELL};{style}">{_safe(subject)}</td>'
        f'<td style="{_CELL}">{chart}{_safe(text)}</td></tr>'
    )


def _chart(curve: Sequence[float | None], label: str) -> str:
    """Return a curve as SVG in the colour of the text around it, which contrasts with any background."""
    lines = "".join(f'<polyline points="{points}"/>' for points in _lines(curve))
    return (
        f'<svg role="img" aria-label="{escape(printable(label))}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="-2 -2 {_WIDTH + 4} {_HEIGHT + 4}" fill="none" stroke="currentColor" stroke-width="2" '
        f'stroke-linecap="round" style="display:block">{lines}</svg>'
    )


def _lines(curve: Sequence[float | None]) -> Iterator[str]:
    """Yield the points of each part of a curve without a gap; a single one becomes a dot."""
    step = _WIDTH / max(len(curve) - 1, 1)
    for is_gap, part in groupby(enumerate(curve), key=lambda pair: pair[1] is None):
        points = [f"{at * step:.1f},{(1 - (height or 0.0)) * _HEIGHT:.1f}" for at, height in part]
        if not is_gap:
            yield " ".join(points if len(points) > 1 else points * 2)


def _safe(text: str) -> str:
    return escape(printable(text)).replace("\n", "<br>")
