"""Which rows are a person's, and texts and JSON without them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.core.names import forms, is_whole
from tajo.core.traces import Traces

KIM = Traces("kim@x.example", frozenset({"registrant-1", "u1"}), frozenset({"Minsu Kim", "김민수", "Kim"}))


@pytest.mark.parametrize(
    ("row", "theirs"),
    [
        ({"email": "kim@x.example"}, True),
        ({"email": "kim@x.example", "ids": ["other"]}, True),
        ({"email": "lee@x.example", "ids": ["registrant-1"], "name": "Minsu Kim"}, False),
        ({"ids": ["", "registrant-1"]}, True),
        ({"ids": ["other"], "name": "Minsu Kim"}, False),
        ({"name": "KIM, minsu"}, True),
        ({"name": "민수 김"}, True),
        ({"name": "Kim"}, False),  # half a name is anybody's
        ({"name": "iPhone"}, False),
        ({}, False),
    ],
)
def test_whose_a_row_is(row: dict[str, Any], theirs: bool) -> None:
    assert KIM.owns(**row) is theirs


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("kim@x.example", ""),
        (" KIM@X.example ", ""),
        ("u1", ""),
        ("Kim Minsu", ""),
        ("refused: Kim@x.example is bad", "refused: (erased) is bad"),
        ("hakim@x.example kim@x.example.com kim@x.examples", "hakim@x.example kim@x.example.com kim@x.examples"),
        ("<kim@x.example>.", "<(erased)>."),
        ("1:1 with minsu kim", "1:1 with (erased)"),
        ("Minsu Kimball", "Minsu Kimball"),
        ("김민수님과 상담", "(erased)님과 상담"),
        ("follow-up:a:registrant-1", "follow-up:a:(erased)"),
        ("nu1l", "nu1l"),
    ],
)
def test_a_text_without_them(text: str, left: str) -> None:
    assert KIM.blanked(text) == left
    assert KIM.is_in(text) == (left != text)


def test_json_without_them() -> None:
    """Their records in lists go as a whole; what is about somebody else only loses the mention."""
    value = {
        "writes": [{"email": "kim@x.example", "attributes": {"A": 1}}, {"email": "lee@x.example"}],
        "staff": [["kim@x.example", "host"], ["lee@x.example", "panelist"]],
        "people": ["kim@x.example", "lee@x.example"],
        "by": {"kim@x.example": 1, "n": 2},
        "host_email": "kim@x.example",
        "topic": "with Minsu Kim",
        "n": 3,
        "none": None,
    }
    assert KIM.without(value) == {
        "writes": [{"email": "lee@x.example"}],
        "staff": [["lee@x.example", "panelist"]],
        "people": ["lee@x.example"],
        "by": {"n": 2},
        "host_email": "",
        "topic": "with (erased)",
        "n": 3,
        "none": None,
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["kim@x.example", "a Minsu Kim b", "u1"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("kim@x.example"), inner),
    max_leaves=20,
)


@given(json_values)
def test_nothing_is_left_and_taking_out_twice_changes_nothing(value: Any) -> None:
    once = KIM.without(value)
    assert not [text for text in texts(once) if KIM.is_in(text)]
    assert KIM.without(once) == once


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for inner in value.values() for text in texts(inner))]
    return [text for inner in value for text in texts(inner)] if isinstance(value, list) else []


@given(st.text(), st.text())
def test_names_are_compared_whatever_their_order(one: str, other: str) -> None:
    assert forms(f"{one} {other}") == forms(f"{other}, {one}")
    assert bool(forms(one)) or not is_whole(one)
