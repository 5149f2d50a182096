"""Ids and UUIDs as path segments."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.connectors.zoom.api.paths import id_segment, uuid_segment
from tajo.core.errors import ContractError

base64_like = st.text("AZaz09+/", min_size=1, max_size=22).map(lambda text: text + "==")


@given(base64_like)
def test_decoding_as_zoom_does_gives_the_uuid_back(uuid: str) -> None:
    """Twice for a uuid that starts with "/" or contains "//", once for the others; never a bare slash."""
    segment = uuid_segment(uuid)
    twice = uuid.startswith("/") or "//" in uuid
    assert (unquote(unquote(segment)) if twice else unquote(segment)) == uuid
    assert "/" not in segment
    assert ("%25" in segment) == twice


@given(st.text(min_size=1).filter(lambda text: text not in (".", "..")))
def test_any_text_is_one_segment(identifier: str) -> None:
    segment = id_segment(identifier)
    assert unquote(segment) == identifier
    assert not set(segment) & set("/?#%") - {"%"}
    assert segment.isascii()


def test_the_documented_example() -> None:
    assert uuid_segment("/ab//c==") == "%252Fab%252F%252Fc%253D%253D"


def test_a_single_inner_slash_is_encoded_once() -> None:
    assert uuid_segment("a/b==") == "a%2Fb%3D%3D"


@pytest.mark.parametrize("nothing", ["", ".", ".."])
def test_what_would_change_the_path_is_refused(nothing: str) -> None:
    with pytest.raises(ContractError):
        id_segment(nothing)
    with pytest.raises(ContractError):
        uuid_segment(nothing)


def test_half_a_surrogate_pair_does_not_break_the_request() -> None:
    assert id_segment("a\ud800") == "a%3F"
