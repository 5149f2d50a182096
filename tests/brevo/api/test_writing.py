"""Writing is strict: what Brevo would refuse or misread never leaves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.brevo.api.writing import (
    address,
    attribute_name,
    chunks,
    json_size,
    moment,
    page_query,
    segment,
    value_of,
    whole,
)
from tajo.core.errors import RejectedError


def test_an_address_is_trimmed_and_lower_cased_but_not_folded() -> None:
    """Folding would make "straße" another mailbox, "strasse"."""
    assert address("  Ada.Lovelace@Shop.EU ", origin="t") == "ada.lovelace@shop.eu"
    assert address("Straße@x.de", origin="t") == "straße@x.de"


@pytest.mark.parametrize(
    "email", ["", "ada", "@x.eu", "a@", "a b@x.eu", "a@x.eu\nbcc: b@x.eu", "a@b@c", "a\u200b@x.eu"]
)
def test_what_is_no_address_is_refused_without_being_quoted(email: str) -> None:
    with pytest.raises(RejectedError) as caught:
        address(email, origin="brevo.contacts")
    assert not email or email not in caught.value.line()


def test_a_plus_in_a_path_is_encoded() -> None:
    assert segment("A+B@x.eu", origin="t") == "a%2Bb%40x.eu"
    assert segment("a/../b@x.eu", origin="t") == "a%2F..%2Fb%40x.eu"


def test_attribute_names_are_capitals() -> None:
    assert attribute_name(" Meeting_Duration2 ", origin="t") == "MEETING_DURATION2"
    for name in ("", "A-B", "A B", "NAMÉ", "A/B"):
        with pytest.raises(RejectedError):
            attribute_name(name, origin="t")


def test_values_json_cannot_carry_are_refused_by_name() -> None:
    assert value_of(("FR", "DE"), "COUNTRIES", origin="t") == ["FR", "DE"]
    assert value_of(True, "VIP", origin="t") is True
    for value in (float("nan"), float("inf"), None, {"a": 1}, datetime(2026, 1, 1)):
        with pytest.raises(RejectedError, match="SCORE"):
            value_of(value, "SCORE", origin="t")  # type: ignore[arg-type]


def test_half_an_emoji_does_not_stop_the_request() -> None:
    assert whole("Kim \ud83d") == "Kim ?"
    assert whole("Kim 👋 김") == "Kim 👋 김"


def test_times_are_written_in_utc_with_milliseconds() -> None:
    paris = timezone(timedelta(hours=1))
    assert moment(datetime(2026, 1, 5, 10, 11, 12, tzinfo=paris)) == "2026-01-05T09:11:12.000Z"
    with pytest.raises(ValueError, match="zone"):
        moment(datetime(2026, 1, 5))
    assert moment(datetime(2026, 1, 5, tzinfo=UTC)) == "2026-01-05T00:00:00.000Z"


def test_pages_stay_within_the_endpoints_maximum() -> None:
    assert page_query(50, 100, most=50, sort="asc") == {"limit": "50", "offset": "100", "sort": "asc"}
    for limit, offset in ((0, 0), (51, 0), (50, -1)):
        with pytest.raises(ValueError):
            page_query(limit, offset, most=50)


def _array(run: tuple[str, ...]) -> int:
    return len(json.dumps([{"v": row} for row in run], ensure_ascii=False, separators=(",", ":")).encode())


@given(st.lists(st.text(max_size=12)), st.integers(100, 200), st.one_of(st.none(), st.integers(1, 4)))
def test_chunks_keep_order_fit_exactly_and_are_as_few_as_possible(
    rows: list[str], max_bytes: int, max_rows: int | None
) -> None:
    """Each run's array is within the limit, and would not be with the next run's first row."""
    runs = list(chunks(rows, lambda row: json_size({"v": row}), max_bytes=max_bytes, max_rows=max_rows))
    assert [row for run in runs for row in run] == rows
    assert all(run and _array(run) <= max_bytes and (max_rows is None or len(run) <= max_rows) for run in runs)
    for run, following in pairwise(runs):
        assert len(run) == max_rows or _array((*run, following[0])) > max_bytes


def test_a_row_too_large_alone_is_refused() -> None:
    with pytest.raises(RejectedError, match="107 bytes"):
        list(chunks(["x" * 99], lambda row: json_size({"v": row}), max_bytes=108))
    assert list(chunks(["x" * 99], lambda row: json_size({"v": row}), max_bytes=109)) == [("x" * 99,)]
