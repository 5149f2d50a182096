"""Every column says what of people it holds, so that erasing and exporting cannot forget one."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tajo.store import inbox, marks
from tajo.store.tables import Moment, metadata


@pytest.mark.parametrize("tables", [metadata, inbox.metadata])
def test_every_column_that_can_hold_text_is_marked(tables: sa.MetaData) -> None:
    """A new one gets `info=`: EMAIL, ID, NAME, OWN, MENTION, BODY, or NOBODY where nothing is anybody's."""
    assert list(marks.unmarked(tables)) == []


def test_a_column_without_a_mark_is_found() -> None:
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", Moment),
        sa.Column("note", sa.Text),
        sa.Column("more", sa.JSON),
        sa.Column("email", sa.String(320), info=marks.EMAIL),
        sa.Column("code", sa.String(8), info=marks.NOBODY),
    )
    assert list(marks.unmarked(table.metadata)) == ["t.note", "t.more"]


@pytest.mark.parametrize("tables", [metadata, inbox.metadata])
def test_rows_with_more_about_somebody_say_whose_they_are(tables: sa.MetaData) -> None:
    """What is OWN goes with its row, so that row has to be found: by an address, an id or a name."""
    for table in tables.sorted_tables:
        if marks.marked(table, marks.OWN):
            assert any(marks.marked(table, whose) for whose in (marks.EMAIL, marks.ID, marks.NAME)), table.name


def test_what_mentions_people_can_be_changed_by_its_key() -> None:
    for table in metadata.sorted_tables:
        if marks.marked(table, marks.MENTION):
            assert list(table.primary_key), table.name
            assert not any(marks.mark(key) == "mention" for key in table.primary_key), table.name
