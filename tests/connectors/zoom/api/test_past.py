"""Instances that took place."""

from __future__ import annotations

from datetime import UTC, datetime

from tajo.connectors.zoom.api import past
from tajo.connectors.zoom.api.past import PastInstance


def test_instances_of_both_kinds() -> None:
    row = {"uuid": "Vg8IdgluR5WDeWIkpJlElQ==", "start_time": "2026-09-01T14:00:03Z"}
    instance = PastInstance("Vg8IdgluR5WDeWIkpJlElQ==", datetime(2026, 9, 1, 14, 0, 3, tzinfo=UTC))
    assert past.meeting_instances("1").parse({"meetings": [row]}) == (instance,)
    assert past.webinar_instances("1").parse({"webinars": [row]}) == (instance,)
    assert past.meeting_instances("1").parse({}) == ()


def test_one_instance_by_uuid() -> None:
    assert past.past_meeting("/a==").path == "/past_meetings/%252Fa%253D%253D"


def test_participants_ask_for_registrant_ids() -> None:
    for call in (past.meeting_participants("u=="), past.webinar_participants("u==")):
        assert call.query == {"page_size": "300", "include_fields": "registrant_id"}
    assert past.webinar_participants("u==").path == "/past_webinars/u%3D%3D/participants"
