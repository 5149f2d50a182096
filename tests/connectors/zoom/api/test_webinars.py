"""Webinars and their people."""

from __future__ import annotations

from tajo.connectors.zoom.api import webinars
from tajo.connectors.zoom.api.webinars import Panelist, TrackingSource


def test_registrants_of_one_source() -> None:
    call = webinars.registrants("1", tracking_source_id="5516482804110")
    assert call.query == {"page_size": "300", "status": "approved", "tracking_source_id": "5516482804110"}


def test_panelists_and_sources() -> None:
    panelists = webinars.panelists("1").parse({"panelists": [{"id": "p", "name": "Jill", "email": "j@x.example"}]})
    assert panelists == (Panelist("p", "Jill", "j@x.example"),)
    source = {"id": "5", "source_name": "newsletter", "registration_count": 1, "visitor_count": 7}
    sources = webinars.tracking_sources("1").parse({"tracking_sources": [source]})
    assert sources == (TrackingSource("5", "newsletter", 1, 7),)


def test_absentees_stand_under_registrants() -> None:
    call = webinars.absentees("a//b==", occurrence_id="17")
    assert call.path == "/past_webinars/a%252F%252Fb%253D%253D/absentees"
    assert call.query == {"page_size": "300", "occurrence_id": "17"}
    assert call.parse({"registrants": [{"id": "r"}]}).items[0].id == "r"


def test_details_and_form() -> None:
    assert webinars.webinar("1").query == {"show_previous_occurrences": "true"}
    assert webinars.registration_questions("1").path == "/webinars/1/registrants/questions"
