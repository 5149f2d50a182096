"""Meetings and their registrants."""

from __future__ import annotations

from tajo.connectors.zoom.api import meetings


def test_details_with_past_dates() -> None:
    call = meetings.meeting("97763643886")
    assert (call.path, call.query) == ("/meetings/97763643886", {"show_previous_occurrences": "true"})


def test_registrants_of_one_date_in_one_status() -> None:
    call = meetings.registrants("1", status="denied", occurrence_id="1788271200000", page_token="n")
    assert call.path == "/meetings/1/registrants"
    assert call.query == {
        "page_size": "300",
        "status": "denied",
        "occurrence_id": "1788271200000",
        "next_page_token": "n",
    }
    assert call.parse({"registrants": [{"id": "r"}]}).items[0].id == "r"


def test_the_form() -> None:
    assert meetings.registration_questions("1").path == "/meetings/1/registrants/questions"
