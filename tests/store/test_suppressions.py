"""The suppression list, on real databases of both kinds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tajo.core.suppression import Reason, Source, Suppression
from tajo.store import suppressions
from tajo.store.database import Database

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def of(email: str, reason: Reason = Reason.UNSUBSCRIBED, minutes: int = 0) -> Suppression:
    return Suppression(email, reason, Source.WEBHOOK, NOW + timedelta(minutes=minutes), "campaign 21")


def test_who_is_on_it_is_found_however_the_address_is_written(database: Database) -> None:
    assert database.write_now(suppressions.add, [of("Kim@Mail.example")]) == 1
    found = database.read_now(suppressions.among, ["kim@mail.example", " KIM@mail.example", "lee@mail.example"])
    assert found == {"kim@mail.example": "unsubscribed"}


def test_the_first_reason_is_told_and_all_are_kept(database: Database) -> None:
    later, first = of("a@x.kr", Reason.HARD_BOUNCE, 5), of("a@x.kr", Reason.COMPLAINT, 1)
    assert database.write_now(suppressions.add, [later, first]) == 2
    assert database.read_now(suppressions.among, ["a@x.kr"]) == {"a@x.kr": "complaint"}
    assert database.read_now(suppressions.of_person, "a@x.kr") == [first, later]


def test_what_is_known_stays_as_it_was_first_seen(database: Database) -> None:
    database.write_now(suppressions.add, [of("a@x.kr")])
    assert database.write_now(suppressions.add, [of("a@x.kr", minutes=9), of("a@x.kr", minutes=8)]) == 0
    assert database.read_now(suppressions.of_person, "a@x.kr") == [of("a@x.kr")]


def test_thousands_are_added_and_found(database: Database) -> None:
    """1,201 people: more than one statement takes."""
    many = [f"p{n}@mail.example" for n in range(1201)]
    assert database.write_now(suppressions.add, map(of, many)) == 1201
    assert set(database.read_now(suppressions.among, many)) == set(many)
    assert database.read_now(suppressions.count) == 1201
