"""Calls of the reports and their rows."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tajo.connectors.zoom.api import reports
from tajo.connectors.zoom.api.reports import FeaturesUsed


def test_participants_are_asked_for_by_instance_with_registrant_ids() -> None:
    call = reports.webinar_participants("/ab//c==", page_token="n")
    assert call.path == "/report/webinars/%252Fab%252F%252Fc%253D%253D/participants"
    assert call.query == {"page_size": "300", "include_fields": "registrant_id", "next_page_token": "n"}
    assert call.label == "heavy"
    assert reports.meeting_participants("u==").path == "/report/meetings/u%3D%3D/participants"


def test_history_is_asked_for_by_utc_days() -> None:
    call = reports.history(date(2026, 9, 1), date(2026, 9, 30), kind="webinar")
    assert call.query == {
        "page_size": "300",
        "from": "2026-09-01",
        "to": "2026-09-30",
        "date_type": "end_time",
        "meeting_type": "webinar",
    }


def test_a_history_row_says_what_was_used() -> None:
    row = reports.read_history(
        {
            "meeting_uuid": "gm8s9L+PTEC+FG3sFbd1Cw==",
            "meeting_id": 93201235621,
            "type": "Webinar",
            "start_time": "2026-09-01T14:00:03Z",
            "end_time": "2026-09-01T15:00:10Z",
            "participants": 57,
            "duration": 60,
            "feature_used": {"registration": True, "poll": False, "zoom_apps": True, "waiting_room": "yes"},
        }
    )
    assert row.is_webinar
    assert row.id == "93201235621"
    assert row.end_time == datetime(2026, 9, 1, 15, 0, 10, tzinfo=UTC)
    assert row.features == FeaturesUsed(registration=True, poll=False)


def test_a_history_row_without_features_tells_nothing() -> None:
    assert reports.read_history({"type": "Meeting"}).features == FeaturesUsed()


def test_a_users_report_reads_recordings() -> None:
    call = reports.user_meetings("a@corp.example", date(2026, 9, 1), date(2026, 9, 2), participation="pastOne")
    assert call.path == "/report/users/a%40corp.example/meetings"
    assert call.query["type"] == "pastOne"
    (row,) = call.parse({"meetings": [{"uuid": "a==", "id": 1, "has_recording": True}]}).items
    assert row.has_recording is True
