"""What a section found: figures beside the number asked for, tables, sentences. As plain text and as Markdown."""

from __future__ import annotations

import statistics
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. `asked` is "" where none was asked for; `met` is None there, else whether it was reached."""

    what: str
    measured: str
    asked: str = ""
    met: bool | None = None


def at_most(what: str, value: float, limit: float, unit: str = "", *, digits: int = 0, more: str = "") -> Figure:
    """A figure that is to be `limit` or less; `more` is said after it."""
    return Figure(what, _measured(value, unit, digits, more), f"≤ {limit:,g}{unit}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str = "", *, digits: int = 0, more: str = "") -> Figure:
    """A figure that is to be `limit` or more."""
    return Figure(what, _measured(value, unit, digits, more), f"≥ {limit:,g}{unit}", value >= limit)


def told(what: str, value: float, unit: str = "", *, digits: int = 0, more: str = "") -> Figure:
    """A figure that nothing is asked of."""
    return Figure(what, _measured(value, unit, digits, more))


def _measured(value: float, unit: str, digits: int, more: str) -> str:
    return f"{value:,.{digits}f}{unit}" + (f" ({more})" if more else "")


def spread(values: Sequence[float], digits: int = 1) -> str:
    """How far several runs lie apart; "" for a single one."""
    if len(values) < 2:
        return ""
    return f"median of {len(values)}, {min(values):,.{digits}f} to {max(values):,.{digits}f}"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; the first column is text, the others stand to the right."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(slots=True)
class Section:
    """One benchmark's result. `seconds` is what measuring it took."""

    name: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def missed(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.met is False]


def _figures(section: Section) -> Table:
    verdicts = {True: "met", False: "MISSED", None: ""}
    rows = [(each.what, each.measured, each.asked, verdicts[each.met]) for each in section.figures]
    return Table("", ("", "measured", "asked", ""), rows)


def _tables(section: Section) -> list[Table]:
    return [_figures(section), *section.tables] if section.figures else section.tables


def as_text(section: Section) -> str:
    """The section for a terminal."""
    blocks = [f"{section.name}: {section.title}\n" + "=" * 100]
    blocks += [(f"{table.title}\n" if table.title else "") + _text_table(table) for table in _tables(section)]
    blocks += [f"* {note}" for note in section.notes]
    return "\n\n".join(blocks) + f"\n\n({section.seconds:.0f} s to measure)\n"


def _text_table(table: Table) -> str:
    lines = [[str(cell) for cell in line] for line in (table.header, *table.rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(table.header))]
    return "\n".join(_text_line(line, widths) for line in lines)


def _text_line(line: Sequence[str], widths: Sequence[int]) -> str:
    first = line[0] + " " * (widths[0] - _width(line[0]))
    others = [" " * (width - _width(cell)) + cell for cell, width in zip(line[1:], widths[1:], strict=True)]
    return "  ".join([first, *others]).rstrip()


def _width(text: str) -> int:
    """Columns on a terminal: Korean characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def as_markdown(section: Section) -> str:
    """The section for RESULTS.md."""
    blocks = [f"## {section.name}: {section.title}"]
    blocks += [(f"{table.title}:\n\n" if table.title else "") + _markdown_table(table) for table in _tables(section)]
    blocks.append("\n".join(f"- {note}" for note in section.notes))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _markdown_table(table: Table) -> str:
    lines = [" | ".join(_escaped(cell) for cell in line) for line in (table.header, *table.rows)]
    rule = "|".join(["---", *["--:"] * (len(table.header) - 1)])
    return "\n".join(f"| {line} |" for line in lines[:1]) + f"\n|{rule}|\n" + "\n".join(f"| {x} |" for x in lines[1:])


def _escaped(cell: Any) -> str:
    return str(cell).replace("|", "\\|")
