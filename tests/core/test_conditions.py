"""Conditions of follow-up rules: comparisons and globs, and never code."""

from __future__ import annotations

from datetime import UTC, datetime
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.core import conditions
from tajo.core.fields import FIELDS, Value

NUMBER, TEXT, YES_NO = FIELDS["attended_percent"], FIELDS["topic"], FIELDS["left_early"]


@pytest.mark.parametrize(
    ("written", "value", "expected"),
    [
        (">= 50", 50, True),
        (">=50", 49.9, False),
        ("< 10", 3, True),
        ("> 10", 10, False),
        ("<= 10.5", 10.5, True),
        ("= 3", 3, True),
        (3, 3, True),
        ("!= 3", 3, False),
        ("> 10", None, False),
        ("> 10", "99", False),
    ],
)
def test_numbers(written: str | int, value: Value, expected: bool) -> None:
    assert conditions.comparison(NUMBER, written).holds(value) is expected


@pytest.mark.parametrize(
    ("written", "value", "expected"),
    [
        ("제품*", "제품 소개", True),
        (normalize("NFD", "제품*"), "제품 소개", True),  # in pieces, as some systems write Korean
        ("제품*", "신제품", False),
        ("*DEMO*", "the demo day", True),
        ("!= demo", "other", True),
        ("!= demo", "Demo", False),
        ("a?c", "abc", True),
        ("", "", True),
        ("x", None, False),
    ],
)
def test_texts(written: str, value: Value, expected: bool) -> None:
    assert conditions.comparison(TEXT, written).holds(value) is expected


@pytest.mark.parametrize("written", [">= many", "50 %", ">", ">= 1e9", "__import__('os')"])
def test_what_is_no_number_is_refused_for_a_number(written: str) -> None:
    with pytest.raises(ValueError):
        conditions.comparison(NUMBER, written)


def test_a_text_is_not_compared_as_a_number() -> None:
    with pytest.raises(ValueError, match="it is no number"):
        conditions.comparison(TEXT, ">= 50")


@pytest.mark.parametrize(
    "yes", [True, "true", "yes", "Yes", "예", normalize("NFD", "예"), "= yes", "!= no", "!= 아니요"]
)
def test_a_yes_or_no_is_written_in_any_of_these_words(yes: str | bool) -> None:
    made = conditions.comparison(YES_NO, yes)
    assert (made.holds(True), made.holds(False)) == (True, False)


@pytest.mark.parametrize("no", [False, "false", "no", "NO", "아니요", "!= yes"])
def test_and_a_no_in_any_of_these(no: str | bool) -> None:
    made = conditions.comparison(YES_NO, no)
    assert (made.holds(True), made.holds(False)) == (False, True)


@pytest.mark.parametrize("written", ["maybe", "*", "y*", "1", 1, "", "!="])
def test_what_is_neither_is_refused_with_what_is_allowed(written: str | int) -> None:
    with pytest.raises(ValueError, match="true or false, yes or no, 예 or 아니요"):
        conditions.comparison(YES_NO, written)


@pytest.mark.parametrize("written", [True, "yes", "no"])
def test_a_number_is_neither_yes_nor_no(written: str | bool) -> None:
    with pytest.raises(ValueError, match="is a number"):
        conditions.comparison(NUMBER, written)


@given(
    st.text(max_size=40),
    st.one_of(
        st.none(),
        st.text(max_size=40),
        st.integers(),
        st.booleans(),
        st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    ),
)
def test_any_text_is_a_test_or_refused_and_any_value_has_an_answer(written: str, value: Value) -> None:
    for field in (NUMBER, TEXT, YES_NO):
        try:
            made = conditions.comparison(field, written)
        except ValueError:
            continue
        assert made.holds(value) in (True, False)
