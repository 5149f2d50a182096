"""Lenient about fields, strict about shapes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.connectors.zoom.api import reading
from tajo.core.errors import ContractError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(json_values)
def test_no_value_of_a_field_breaks_its_reader(value: Any) -> None:
    fields = {"x": value}
    assert isinstance(reading.text(fields, "x"), str)
    assert isinstance(reading.ident(fields, "x"), str)
    assert isinstance(reading.address(fields, "x"), str)
    number = reading.integer(fields, "x")
    assert number is None or (type(number) is int and abs(number) < 2**63)
    assert reading.count(fields, "x") >= 0
    assert reading.flag(fields, "x") in (True, False, None)
    moment = reading.when(fields, "x")
    assert moment is None or moment.tzinfo is UTC


@pytest.mark.parametrize("fields", [{}, {"x": None}, {"x": ""}])
def test_absent_null_and_blank_are_the_same(fields: dict[str, Any]) -> None:
    assert reading.text(fields, "x") == reading.ident(fields, "x") == ""
    assert reading.integer(fields, "x") is reading.flag(fields, "x") is reading.when(fields, "x") is None
    assert reading.count(fields, "x") == 0
    assert reading.rows(fields, "x", dict) == reading.texts(fields, "x") == ()
    assert reading.section(fields, "x") == {}


@pytest.mark.parametrize(
    ("written", "read"),
    [(7, 7), ("7", 7), (" 7 ", 7), (7.0, 7), ("-7", -7), (7.5, None), ("7m", None), (True, None), ("٧", None)],
)
def test_a_whole_number_in_its_disguises(written: Any, read: int | None) -> None:
    assert reading.integer({"x": written}, "x") == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-09-01T14:00:03Z", datetime(2026, 9, 1, 14, 0, 3, tzinfo=UTC)),
        ("2026-09-01T14:00:03.66Z", datetime(2026, 9, 1, 14, 0, 3, 660_000, tzinfo=UTC)),
        ("2026-09-01T16:00:03+02:00", datetime(2026, 9, 1, 14, 0, 3, tzinfo=UTC)),
        ("2026-09-01 14:00:03", datetime(2026, 9, 1, 14, 0, 3, tzinfo=UTC)),
        ("  ", None),
        ("09/01/2026 14:00", None),
        ("soon", None),
        ("0001-01-01T00:00:00+14:00", None),
        (1788271200000, None),
    ],
)
def test_times_are_aware_utc_or_none(written: Any, read: datetime | None) -> None:
    assert reading.when({"x": written}, "x") == read


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_every_iso_time_is_read_exactly(naive: datetime, offset_min: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    assert reading.moment(moment.isoformat()) == moment


def test_ids_are_text_whatever_zoom_writes() -> None:
    assert reading.ident({"id": 86084701483}, "id") == reading.ident({"id": "860 8470 1483"}, "id") == "86084701483"


def test_text_loses_only_what_no_database_stores() -> None:
    assert reading.text({"x": "a\0b \ud83d 서울"}, "x") == "ab ? 서울"


@pytest.mark.parametrize("value", [{}, "text", 3, True])
def test_a_list_that_is_no_list_breaks_the_contract(value: Any) -> None:
    with pytest.raises(ContractError, match="people is no list"):
        reading.rows({"people": value}, "people", dict)


def test_a_row_that_is_no_object_breaks_the_contract() -> None:
    with pytest.raises(ContractError, match="people holds no object but str"):
        reading.rows({"people": [{}, "Jill"]}, "people", dict)


@pytest.mark.parametrize("value", [[], "text", 3])
def test_an_object_that_is_no_object_breaks_the_contract(value: Any) -> None:
    with pytest.raises(ContractError):
        reading.section({"settings": value}, "settings")
    with pytest.raises(ContractError):
        reading.whole(value)
