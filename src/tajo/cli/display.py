"""What a run looks like: progress while it goes on, then its summary. On stderr and stdout in that order."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from tajo.cli.options import counted, plain
from tajo.workflows.progress import Counter

WIDTH = 120  # where the output is no terminal, and nobody can tell how wide it is


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; wide enough for a table where there is none.

    Without emoji codes: a topic with `:rocket:` in it is shown as it was typed.
    """
    made = Console(stderr=stderr, emoji=False)
    return made if made.is_terminal else Console(stderr=stderr, emoji=False, width=WIDTH)


PHASES = {"discover": "finding sessions", "sessions": "reading sessions", "contacts": "writing contacts"}


class Bars(Counter):
    """Progress bars with the rate, the time left, and why it waits. Silent where stderr is no terminal."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<17}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:>9}"),
            TimeRemainingColumn(compact=True),
            TextColumn("[yellow]{task.fields[why]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._began = time.monotonic()
        self._done = 0
        self._waits_until = 0.0
        self._reason = ""

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def pause(self) -> None:
        """Stop drawing: somebody is asked something."""
        self._bars.stop()

    def phase(self, name: str, total: int | None = None) -> None:
        if self._task is not None:
            self._bars.update(self._task, why="")
        self._task = self._bars.add_task(PHASES.get(name, name), total=total, rate="", why="")
        self._began, self._done = time.monotonic(), 0

    def step(self, count: int = 1) -> None:
        if self._task is None:
            return
        self._done += count
        rate = self._done / max(time.monotonic() - self._began, 0.001)
        self._bars.update(self._task, advance=count, rate=f"{rate:.1f}/s", why=self._why())

    def waits(self, why: str, until: datetime) -> None:
        self._waits_until = time.monotonic() + max(0.0, (until - datetime.now(UTC)).total_seconds())
        self._reason = why
        if self._task is not None:
            self._bars.update(self._task, why=f"waits: {why}")

    def _why(self) -> str:
        return f"waits: {self._reason}" if time.monotonic() < self._waits_until else ""


OUTCOMES = ("registered", "attended", "no_show", "unknown", "pending", "denied", "cancelled")


def summary_table(summary: Mapping[str, Any]) -> Table:
    """One line a session: when, what, how many people with which outcome."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("start (UTC)")
    table.add_column("session", max_width=36, no_wrap=True)
    for name in ("registered", "attended", "no show", "unknown", "review"):
        table.add_column(name, justify="right")
    table.add_column("state")
    for each in summary["occurrences"]:
        counts = each["outcomes"]
        cells = [counts.get(name, 0) for name in OUTCOMES[:4]] + [each["in_review"]]
        start = datetime.fromisoformat(each["start"])
        table.add_row(
            f"{start:%Y-%m-%d %H:%M}",
            escape(plain(each["topic"])),
            *(str(cell) if cell else "·" for cell in cells),
            each["readiness"],
        )
    return table


COUNTS = (
    ("in_review", "in review", "people whom Zoom shows without what identifies them; tajo people review lists them"),
    ("excluded", "left out", "hosts, panelists and excluded domains"),
    ("erased", "erased", "people who were erased: nothing of them is kept"),
    ("settling", "still settling", "sessions whose reports may change; sync again in a few minutes"),
    ("overdue", "without a usable report", "sessions whose absentees are unknown"),
    ("unreadable_rows", "unreadable", "rows of Zoom that lack what they need"),
    ("cancelled", "cancelled", "registrations that are gone since the last sync"),
    ("unavailable", "not delivered by Zoom for now", "sessions; the same command reads them"),
    ("dead_letters", "dead letters", "records given up on, see tajo connectors status zoom"),
)
WHY = {
    "name_only": "no id, no e-mail",
    "no_email": "known by an id, and Zoom shows no e-mail",
    "ambiguous": "its ids belong to different people",
}


def review_table(review: list[Mapping[str, Any]], limit: int) -> Table:
    """Rows that nobody could be found for, one line a name or id; the first `limit` of them."""
    table = Table(title="in review", title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in ("session", "name", "rows", "minutes", "why"):
        table.add_column(name, overflow="fold")
    for each in review[:limit]:
        cells = (each["topic"], each["name"], each["rows"], each["minutes"], WHY.get(each["why"], each["why"]))
        table.add_row(*(escape(plain(str(cell))) for cell in cells))
    return table


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """The closing summary: what was done, and everything that was not, each with its reason."""
    said = [
        f"sessions read: {summary['sessions']}, rows: {summary['rows']}; contacts: {summary['created']} created, "
        f"{summary['changed']} changed, {summary['unchanged']} unchanged, {summary['refused']} refused"
    ]
    said += [f"{label}: {summary[name]} ({text})" for name, label, text in COUNTS if summary.get(name)]
    said += [f"field left out: {what} ({_people(count)})" for what, count in summary["lost_fields"].items()]
    said += [f"held back: {why} ({_people(count)})" for why, count in summary.get("held_back", {}).items()]
    said += [plain(text) for text in (*summary["notes"], *summary["problems"])]
    return said


def _people(count: int) -> str:
    return counted(count, "person", "people")


def plan_table(writes: list[Mapping[str, Any]], limit: int = 50) -> Table:
    """Planned writes, one line a person; the first `limit` of them."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("change", "e-mail", "attributes", "lists"):
        table.add_column(name, overflow="fold")
    for write in writes[:limit]:
        values = ", ".join(f"{name}={value}" for name, value in write.get("attributes", {}).items())
        lists = [f"+ {name}" for name in write.get("join", [])] + [f"- {name}" for name in write.get("leave", [])]
        lists += [write["held_back"]] if "held_back" in write else []
        cells = (write["change"], write["email"], values or write.get("why", ""), ", ".join(lists))
        table.add_row(*(escape(plain(str(cell))) for cell in cells))
    return table
