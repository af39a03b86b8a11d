"""Pages in a terminal, and as plain text."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ocisidecar.views.page import Page, Row, Section, Tone, printable

TEXT_WIDTH: Final = 160
_WIDEST_SUBJECT: Final = 44
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS: Final = "_.-~=+*#"
"""Heights of a curve where the encoding has no blocks."""
_STYLES: Final[Mapping[Tone, str]] = {
    Tone.PLAIN: "",
    Tone.CALM: "dim",
    Tone.GOOD: "green",
    Tone.CHANGE: "yellow",
    Tone.BAD: "bold red",
}


def as_text(page: Page, *, encoding: str = "utf-8") -> str:
    """Return the page as plain text of at most `TEXT_WIDTH` columns, but for what is to be copied.

    Ends without a newline.  Curves are of characters that the encoding has.
    """
    console = Console(file=io.StringIO(), width=TEXT_WIDTH, color_system=None, force_jupyter=False)
    with console.capture() as captured:
        console.print(renderable(page, encoding=encoding), crop=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def renderable(page: Page, *, encoding: str = "utf-8") -> RenderableType:
    """Return the page as an object that rich prints in the width and colours of a console."""
    return Group(*_parts(page, _blocks(encoding)))


def show(page: Page, console: Console) -> None:
    """Print the page: in the width and colours of a terminal, or else as plain text."""
    encoding = console.encoding
    console.print(
        renderable(page, encoding=encoding) if is_terminal(console) else Text(as_text(page, encoding=encoding)),
        soft_wrap=not is_terminal(console),
        crop=False,
    )


def is_terminal(console: Console) -> bool:
    """Return whether a console is a terminal, which a variable that only forces colours does not make it."""
    is_coloured_only = any(os.environ.get(name) for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
    return console.is_terminal and (not is_coloured_only or console.file.isatty())


def style_of(tone: Tone) -> str:
    """Return rich's style for a tone."""
    return _STYLES[tone]


def _blocks(encoding: str) -> str:
    try:
        _BLOCKS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return _ASCII_BLOCKS
    return _BLOCKS


def _parts(page: Page, blocks: str) -> Iterator[RenderableType]:
    if page.title:
        yield Text(printable(page.title), style="bold")
    width = _subject_width(page)
    for position, section in enumerate(page.sections):
        if position or page.title:
            yield Text()
        yield Text(printable(section.heading), style="bold underline")
        yield _table(section, width, blocks)
    for copyable in page.copyable:
        yield Text()
        yield Text(printable(copyable.heading), style="bold underline")
        for line in copyable.lines:
            yield Text(f"  {printable(line)}", no_wrap=True, overflow="ignore")
    if page.notes:
        yield Text()
        yield from (_note(note) for note in page.notes)
    if page.remarks or page.summary:
        if page.sections or page.notes or page.copyable:
            yield Text()
        yield from (Text(printable(remark)) for remark in page.remarks)
    if page.summary:
        yield Text(printable(page.summary), style=_STYLES[page.tone])


def _note(note: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text("!", style=_STYLES[Tone.CHANGE]), Text(printable(note)))
    return grid


def _subject_width(page: Page) -> int:
    rows = [row for section in page.sections for row in section.rows]
    lengths = [len(row.subject) for row in rows] + [len(one.label) + 2 for row in rows for one in row.details]
    return min(max(lengths, default=0), _WIDEST_SUBJECT)


def _table(section: Section, subject_width: int, blocks: str) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=1)
    grid.add_column(width=subject_width, overflow="fold")
    grid.add_column(overflow="fold")
    for row in section.rows:
        _add(grid, row, blocks)
    return Padding(grid, (0, 0, 0, 2))


def _add(grid: Table, row: Row, blocks: str) -> None:
    style = _STYLES[row.tone]
    curve = f"{_line(row.curve, blocks)}  " if row.curve else ""
    text = Text(f"{curve}{printable(row.text)}")
    grid.add_row(Text(row.sign, style=style), Text(printable(row.subject), style=style), text)
    for detail in row.details:
        grid.add_row(
            "", Text(f"  {printable(detail.label)}", style="dim"), Text(printable(detail.text), style="dim")
        )


def _line(curve: Sequence[float | None], blocks: str) -> str:
    """Return a curve as one character for each height, a blank where there is none."""
    top = len(blocks) - 1
    return "".join(" " if height is None else blocks[round(height * top)] for height in curve)
