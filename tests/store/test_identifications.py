"""Decisions about groups in review are kept like facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tajo.core.errors import UsageError
from tajo.core.facts import Kind
from tajo.core.traces import Traces
from tajo.store import erasures, identifications, personal
from tajo.store.database import Database
from tajo.store.keys import Vault

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ABOUT = (Kind.WEBINAR, "9")


@pytest.fixture
def kept(database_url: str, tmp_path: Path) -> Iterator[Database]:
    opened = Database(database_url, vault=Vault({}, tmp_path))
    yield opened
    opened.close()


def test_the_last_decision_counts(kept: Database) -> None:
    for email in ("kim@x.example", "", "lee@x.example"):
        kept.write_now(identifications.decide, *ABOUT, "k1", email, NOW)
    kept.write_now(identifications.decide, *ABOUT, "k2", "", NOW)
    kept.write_now(identifications.decide, Kind.MEETING, "9", "k3", "ada@x.example", NOW)
    assert kept.read_now(identifications.load, *ABOUT) == {"k1": "lee@x.example", "k2": ""}


def test_a_group_is_found_again_after_the_decision(kept: Database) -> None:
    assert kept.read_now(identifications.session_of, "k1") is None
    kept.write_now(identifications.decide, *ABOUT, "k1", "", NOW)
    assert kept.read_now(identifications.session_of, "k1") == ABOUT


def test_nobody_who_was_erased_gets_rows(kept: Database) -> None:
    kept.write_now(identifications.decide, *ABOUT, "k1", "kim@x.example", NOW)
    person = Traces("kim@x.example")
    kept.write_now(lambda c: erasures.remember(c, person, everywhere=False, now=NOW))
    kept.write_now(lambda c: personal.delete(c, identifications.identifications, person))
    with pytest.raises(UsageError, match="erased"):
        kept.write_now(identifications.decide, *ABOUT, "k1", "kim@x.example", NOW)
    assert kept.read_now(identifications.load, *ABOUT) == {}
