"""What each column holds of people. Erasing and exporting go by these marks, not by lists of tables.

Every column that can hold text is marked (`info=EMAIL`): one without a mark fails a test, so that nobody can add a
place for people's data that `tajo erase` does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

MARK = "person"

Info = dict[str, Any]

EMAIL: Info = {MARK: "email"}  # whose row it is: it goes with them
ID: Info = {MARK: "id"}  # an id that Zoom knows them by: the row is theirs where it shows no other address
NAME: Info = {MARK: "name"}  # the name of a row that may have nothing else
OWN: Info = {MARK: "own"}  # more about whose row it is
MENTION: Info = {MARK: "mention"}  # text or JSON about something else, in which people may occur: changed, not deleted
BODY: Info = {MARK: "body"}  # a webhook as it came
NOBODY: Info = {MARK: ""}  # codes, ids of sessions, times, settings, secrets: nothing of anybody's


def mark(column: sa.Column[Any]) -> str | None:
    """The column's mark, "" for NOBODY's; None for one that has none and can hold no text."""
    found: str | None = column.info.get(MARK)
    return found


def holds_text(column: sa.Column[Any]) -> bool:
    """Whether somebody's data could stand in it: text, JSON and bytes, but no times, which are text of ours."""
    return not isinstance(column.type, sa.types.TypeDecorator) and isinstance(
        column.type, sa.String | sa.JSON | sa.LargeBinary
    )


def marked(table: sa.Table, info: Info) -> list[sa.Column[Any]]:
    """The table's columns with this mark."""
    return [column for column in table.columns if mark(column) == info[MARK]]


def unmarked(metadata: sa.MetaData) -> Iterator[str]:
    """The columns that should be marked and are not, as table.column."""
    for table in metadata.sorted_tables:
        for column in table.columns:
            if holds_text(column) and mark(column) is None:
                yield f"{table.name}.{column.name}"
