"""Envelopes of listings."""

from __future__ import annotations

import pytest

from tajo.connectors.zoom.api.paging import Page, page_of, page_query
from tajo.connectors.zoom.api.reading import text
from tajo.core.errors import ContractError

names = page_of("people", lambda fields: text(fields, "name"))


def test_a_page_holds_its_rows_and_the_next_token() -> None:
    assert names({"people": [{"name": "Ana"}], "next_page_token": "n"}) == Page(("Ana",), "n")


@pytest.mark.parametrize("envelope", [{}, {"next_page_token": ""}, {"next_page_token": None, "people": None}])
def test_a_page_without_rows_or_token_is_an_empty_last_one(envelope: dict[str, object]) -> None:
    assert names(envelope) == Page((), "")


def test_a_status_in_place_of_the_rows_is_no_empty_listing() -> None:
    with pytest.raises(ContractError, match="people"):
        names({"code": 0, "error_message": "success"})


def test_a_query_asks_for_full_pages_and_leaves_blanks_out() -> None:
    assert page_query("", status="approved", occurrence_id="") == {"page_size": "300", "status": "approved"}
    assert page_query("n") == {"page_size": "300", "next_page_token": "n"}
