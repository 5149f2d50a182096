"""What we wrote, who holds which number, and imports that are under way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tajo.core.plan import Delivered
from tajo.store import ledger
from tajo.store.database import Database
from tajo.store.ledger import Import, Written

NINE = datetime(2026, 11, 24, 9, 0, 0, 5, tzinfo=UTC)
KIM = Delivered(
    "kim@example.com",
    {"FIRSTNAME": "민서 🎉", "DURATION": 3120, "SCORE": 0.5, "VIP": True, "TAGS": ["a", "b"], "GONE": ""},
    frozenset({16, 17}),
)
LEE = Delivered("lee@example.com", {"SMS": "+821055500001", "WHATSAPP": ""}, frozenset())


def save(database: Database, *lines: Delivered, how: str = "contact", now: datetime = NINE) -> None:
    database.write_now(lambda c: ledger.save(c, lines, how=how, now=now))


def test_lines_come_back_in_their_types(database: Database) -> None:
    save(database, KIM, LEE)
    found = database.read_now(ledger.load, [KIM.email, LEE.email, "nobody@example.com"])
    assert found == {KIM.email: KIM, LEE.email: LEE}
    assert found[KIM.email].attributes["VIP"] is True
    assert isinstance(found[KIM.email].attributes["DURATION"], int)
    assert database.read_now(ledger.load, []) == {}


def test_the_last_write_counts(database: Database) -> None:
    save(database, KIM)
    later = Delivered(KIM.email, {"FIRSTNAME": "Min"}, frozenset({15}))
    save(database, later, how="import 78", now=NINE + timedelta(hours=1))
    assert database.read_now(ledger.written, KIM.email) == Written(later, NINE + timedelta(hours=1), "import 78")
    assert database.read_now(ledger.written, "nobody@example.com") is None


def test_a_thousand_lines_at_once(sqlite_database: Database) -> None:
    lines = [Delivered(f"p{n}@example.com", {"N": n}, frozenset({n})) for n in range(1_200)]
    save(sqlite_database, *lines)
    assert sqlite_database.read_now(ledger.load, [each.email for each in lines]) == {each.email: each for each in lines}


def test_who_holds_which_number(database: Database) -> None:
    """Empty numbers are nobody's, and a number that somebody gave up is free."""
    number = ("SMS", "+821055500001")
    save(database, KIM, LEE)
    assert database.read_now(ledger.phone_holders) == {number: LEE.email}
    save(database, Delivered(LEE.email, {"SMS": "+821055500002"}, frozenset()))
    assert database.read_now(ledger.phone_holders) == {("SMS", "+821055500002"): LEE.email}
    save(database, Delivered(KIM.email, {"SMS": "+821055500001", "LANDLINE_NUMBER": "+8225550001"}, frozenset()))
    assert database.read_now(ledger.phone_holders) == {
        number: KIM.email,
        ("SMS", "+821055500002"): LEE.email,
        ("LANDLINE_NUMBER", "+8225550001"): KIM.email,
    }


# --- imports ---

FIRST = Import(77, NINE, frozenset({16, 17}), (KIM, LEE))
SECOND = Import(2**40, NINE + timedelta(seconds=1), frozenset({15}), ())


def test_imports_stay_in_flight_until_they_are_settled(database: Database) -> None:
    assert database.read_now(ledger.open_imports) == []
    for each in (SECOND, FIRST):
        database.write_now(ledger.open_import, each)
    assert database.read_now(ledger.open_imports) == [FIRST, SECOND]  # the older one first
    assert database.read_now(ledger.load, [KIM.email, LEE.email]) == {}  # accepted is not written

    database.write_now(ledger.settle_import, 77, [KIM], NINE)
    assert database.read_now(ledger.open_imports) == [SECOND]
    assert database.read_now(ledger.load, [KIM.email, LEE.email]) == {KIM.email: KIM}
    assert database.read_now(ledger.written, KIM.email) == Written(KIM, NINE, "import 77")


def test_an_import_that_failed_writes_nobody(database: Database) -> None:
    database.write_now(ledger.open_import, FIRST)
    database.write_now(ledger.settle_import, 77, (), NINE)
    assert database.read_now(ledger.open_imports) == []
    assert database.read_now(ledger.load, [KIM.email, LEE.email]) == {}
    assert database.read_now(ledger.phone_holders) == {}


def test_settling_twice_changes_nothing(database: Database) -> None:
    """The process died between the settling and whatever came after it."""
    database.write_now(ledger.open_import, FIRST)
    for _ in range(2):
        database.write_now(ledger.settle_import, 77, [KIM, LEE], NINE)
    assert database.read_now(ledger.load, [KIM.email, LEE.email]) == {KIM.email: KIM, LEE.email: LEE}
