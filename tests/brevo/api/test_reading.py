"""Reading is lenient about what is missing, strict about what is needed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tajo.brevo.api.reading import Malformed, instant, number, numbers, optional_number, record, records, text, texts


def test_an_answer_that_is_no_object_is_malformed() -> None:
    values: tuple[object, ...] = (None, [], "maintenance", 3)
    for value in values:
        with pytest.raises(Malformed):
            record(value)


def test_a_missing_list_is_empty_only_on_a_page_that_counts() -> None:
    """{"count": 0} is an empty page; {"message": …} would hide every list there is."""
    assert records({"count": 0}, "lists") == []
    assert records({"count": 0, "lists": None}, "lists") == []
    with pytest.raises(Malformed, match="no list at lists"):
        records({"message": "under maintenance"}, "lists")


def test_numbers_are_read_in_every_way_brevo_writes_them() -> None:
    assert number({"id": "12"}, "id") == number({"id": 12.0}, "id") == 12
    assert optional_number({}, "id") is None
    assert optional_number({"id": True}, "id") is None
    assert optional_number({"id": float("inf")}, "id") is None
    assert numbers({"listIds": [3, True, "x", 4]}, "listIds") == (3, 4)
    assert numbers({"listIds": None}, "listIds") == ()
    with pytest.raises(Malformed, match="no number at id"):
        number({"id": "secret"}, "id")


def test_texts_of_any_scalar() -> None:
    assert text({"value": 1}, "value") == "1"
    assert text({"value": True}, "value") == "true"
    assert text({"value": None}, "value") == text({}, "value") == text({"value": []}, "value") == ""
    assert texts({"success": ["a", 3]}, "success") == ("a", "3")
    assert texts({}, "success") == ()


def test_times_come_in_the_accounts_zone_and_leave_in_utc() -> None:
    """10:11 in Paris in January is 09:11 UTC; what cannot be read is no time, not a failure."""
    read = instant({"at": "2026-01-05T10:11:12.345+01:00"}, "at")
    assert read == datetime(2026, 1, 5, 9, 11, 12, 345000, tzinfo=UTC)
    assert instant({"at": "2026-01-05T10:11:12Z"}, "at") == datetime(2026, 1, 5, 10, 11, 12, tzinfo=UTC)
    assert instant({"at": "2026-01-05T10:11:12"}, "at") == datetime(2026, 1, 5, 10, 11, 12, tzinfo=UTC)
    assert instant({"at": "yesterday"}, "at") is None
    assert instant({}, "at") is None
    assert instant({"at": "0001-01-01T00:00:00+10:00"}, "at") is None
