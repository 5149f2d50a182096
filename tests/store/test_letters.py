"""Records given up on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tajo.core.errors import ContractError, RejectedError, TajoError
from tajo.store import letters
from tajo.store.database import Database
from tajo.store.letters import Letter

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
INVALID = RejectedError("Brevo refuses the address", origin="brevo.contacts", hint="correct it in Zoom")
SHAPE = ContractError("an attribute did not arrive", origin="brevo.imports")


def add(database: Database, subject: str, error: TajoError, now: datetime = NINE) -> None:
    database.write_now(letters.add, subject, error, now)


def told(database: Database, subject: str = "") -> list[tuple[str, str, str]]:
    found = database.read_now(letters.open_letters, subject)
    return [(letter.subject, letter.origin, letter.reason) for letter in found]


def test_a_letter_says_what_where_why_and_what_to_do(database: Database) -> None:
    add(database, "kim@example.com", INVALID)
    (letter,) = database.read_now(letters.open_letters)
    assert letter == Letter(
        letter.id, "kim@example.com", "brevo.contacts", "Brevo refuses the address", "correct it in Zoom", NINE
    )


def test_the_same_trouble_again_replaces_its_letter(database: Database) -> None:
    add(database, "kim@example.com", INVALID)
    add(database, "kim@example.com", RejectedError("Still refused", origin="brevo.contacts"), NINE + HOUR)
    (letter,) = database.read_now(letters.open_letters)
    assert (letter.reason, letter.arose_at) == ("Still refused", NINE + HOUR)


def test_other_trouble_of_the_same_person_has_its_own_letter(database: Database) -> None:
    add(database, "kim@example.com", INVALID)
    add(database, "kim@example.com", SHAPE)
    add(database, "lee@example.com", INVALID)
    assert [pair[:2] for pair in told(database)] == [
        ("kim@example.com", "brevo.contacts"),
        ("kim@example.com", "brevo.imports"),
        ("lee@example.com", "brevo.contacts"),
    ]
    assert [pair[0] for pair in told(database, "lee@example.com")] == ["lee@example.com"]
    assert told(database, "nobody@example.com") == []


def test_an_error_without_a_place_replaces_only_its_like(database: Database) -> None:
    add(database, "kim@example.com", INVALID)
    add(database, "kim@example.com", RejectedError("nobody knows where"))
    add(database, "kim@example.com", RejectedError("nobody knows where"))
    assert [pair[1] for pair in told(database)] == ["brevo.contacts", ""]


def test_what_was_written_after_all_is_resolved(database: Database) -> None:
    for subject in ("kim@example.com", "lee@example.com", "webinar 9"):
        add(database, subject, INVALID)
        add(database, subject, SHAPE)
    database.write_now(letters.resolve, ["kim@example.com", "nobody@example.com"], NINE + HOUR)
    database.write_now(lambda c: letters.resolve(c, ["lee@example.com"], NINE + HOUR, origin="brevo.imports"))
    assert [pair[:2] for pair in told(database)] == [
        ("lee@example.com", "brevo.contacts"),
        ("webinar 9", "brevo.contacts"),
        ("webinar 9", "brevo.imports"),
    ]
    add(database, "kim@example.com", INVALID, NINE + 2 * HOUR)  # and may arise anew
    assert len(told(database, "kim@example.com")) == 1


def test_many_are_resolved_at_once(sqlite_database: Database) -> None:
    subjects = [f"p{n}@example.com" for n in range(1_100)]

    def add_all(connection: object) -> None:
        for subject in subjects:
            letters.add(connection, subject, INVALID, NINE)  # type: ignore[arg-type]

    sqlite_database.write_now(add_all)
    sqlite_database.write_now(letters.resolve, subjects[1:], NINE)
    assert [pair[0] for pair in told(sqlite_database)] == subjects[:1]
