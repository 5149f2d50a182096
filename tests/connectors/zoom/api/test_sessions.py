"""Details, lists and past instances."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tajo.connectors.zoom.api.sessions import ScheduledOccurrence, read_details, read_listed, read_past


def test_details_of_a_series() -> None:
    details = read_details(
        {
            "id": 97871060099,
            "uuid": "u==",
            "type": 9,
            "host_email": "ana@corp.example",
            "duration": 60,
            "timezone": "Asia/Seoul",
            "occurrences": [
                {
                    "occurrence_id": "1788271200000",
                    "start_time": "2026-09-01T14:00:00Z",
                    "duration": 60,
                    "status": "available",
                }
            ],
            "settings": {
                "approval_type": 0,
                "registration_type": 2,
                "alternative_hosts": "bo@corp.example; cy@corp.example",
                "practice_session": True,
                "on_demand": False,
            },
        }
    )
    assert details.id == "97871060099"
    assert details.start_time is None
    assert details.alternative_hosts == ("bo@corp.example", "cy@corp.example")
    assert details.occurrences == (
        ScheduledOccurrence("1788271200000", datetime(2026, 9, 1, 14, tzinfo=UTC), 60, "available"),
    )
    assert (details.approval_type, details.registration_type) == (0, 2)
    assert (details.practice_session, details.on_demand, details.is_simulive) == (True, False, None)


@pytest.mark.parametrize(
    ("answer", "registration"),
    [
        ({"settings": {"approval_type": 0}}, True),
        ({"settings": {"approval_type": 1}}, True),
        ({"settings": {"approval_type": 2}}, False),
        ({"registration_url": "https://us02web.zoom.us/webinar/register/x"}, True),
        ({"settings": None}, None),
        ({}, None),
    ],
)
def test_registration_is_known_or_not_told(answer: dict[str, Any], registration: bool | None) -> None:
    assert read_details(answer).has_registration is registration


def test_a_listed_session() -> None:
    listed = read_listed({"uuid": "a==", "id": 1, "type": 2, "start_time": "2026-09-23T06:00:00Z", "duration": 60})
    assert (listed.id, listed.uuid, listed.type, listed.duration_min) == ("1", "a==", 2, 60)
    assert listed.start_time == datetime(2026, 9, 23, 6, tzinfo=UTC)


def test_a_past_instance() -> None:
    past = read_past(
        {"uuid": "a==", "id": 5638296721, "start_time": "2026-09-01T14:00:03Z", "end_time": "", "duration": 61}
    )
    assert past.end_time is None
    assert (past.id, past.duration_min, past.has_recording) == ("5638296721", 61, None)
