"""Events: never repeated blindly, none lost in a partial answer."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tajo.brevo.api import events
from tajo.brevo.api.calls import TolerantCall
from tajo.brevo.api.events import BatchResult, EventWrite
from tajo.brevo.api.reading import Malformed
from tajo.core.errors import RejectedError

WHEN = datetime(2026, 1, 24, 17, 39, 57, tzinfo=timezone(timedelta(hours=1)))


def event(at: int = 0, **properties: Any) -> EventWrite:
    return EventWrite("zoom_webinar_attended", f"P{at}@x.eu", WHEN, properties)


def test_an_event_is_of_one_email_at_one_time() -> None:
    call = events.post(event(minutes=52, topic="Q&A"))
    assert (call.method, call.path, call.label, call.repeatable) == ("POST", "/events", "events", False)
    assert call.body == {
        "event_name": "zoom_webinar_attended",
        "event_date": "2026-01-24T16:39:57.000Z",
        "identifiers": {"email_id": "p0@x.eu"},
        "event_properties": {"minutes": 52, "topic": "Q&A"},
    }
    assert "event_properties" not in events.post(event()).body
    assert call.parse(None) is None


def test_what_brevo_would_refuse_is_refused_by_name() -> None:
    for name in ("", "a b", "a" * 256, "é"):
        with pytest.raises(RejectedError):
            EventWrite(name, "a@x.eu", WHEN)
        with pytest.raises(RejectedError):
            EventWrite("ok", "a@x.eu", WHEN, {name: 1})
    with pytest.raises(RejectedError, match="50000"):
        event(topic="김" * 17_000)
    with pytest.raises(ValueError, match="zone"):
        EventWrite("ok", "a@x.eu", datetime(2026, 1, 1))
    assert pickle.loads(pickle.dumps(event(a=1))) == event(a=1)


def test_batches_are_of_200_events_and_512_kb() -> None:
    assert [len(run) for run in events.batches(event(at) for at in range(450))] == [200, 200, 50]
    heavy = [event(at, topic="x" * 49_000) for at in range(21)]
    runs = list(events.batches(heavy))
    assert [len(run) for run in runs] == [10, 10, 1]
    for run in runs:
        body = events.post_batch(run).body
        assert len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()) <= 512_000


def batch(count: int = 7) -> TolerantCall[BatchResult]:
    call = events.post_batch([event(at) for at in range(count)])
    assert isinstance(call, TolerantCall)
    return call


def test_a_batch_is_wrapped_and_counted_strictly() -> None:
    call = batch(2)
    assert (call.path, call.label, call.repeatable) == ("/events/batch", "events_batch", False)
    assert [each["identifiers"]["email_id"] for each in call.body["events"]] == ["p0@x.eu", "p1@x.eu"]
    for count in (0, 201):
        with pytest.raises(ValueError):
            events.post_batch([event(at) for at in range(count)])


def test_a_whole_batch_accepted() -> None:
    assert batch().parse({"message": "Batch accepted.", "count": 7}) == BatchResult(7)
    assert batch().parse({"message": "Batch accepted."}) == BatchResult(7)


def test_a_part_accepted_names_the_failures() -> None:
    answer = {
        "status": "partiallyQueued",
        "total_events": 7,
        "successful_events": 5,
        "failed_events": 2,
        "errors": [
            {"eventIndex": [4, 2], "message": "undefined event_name"},
            {"eventIndex": [2], "message": "no contact p2@x.eu"},
        ],
    }
    assert batch().parse(answer) == BatchResult(
        5, ((2, "undefined event_name; no contact ‹e-mail›"), (4, "undefined event_name"))
    )


def test_none_accepted_is_the_same_answer_with_400() -> None:
    call = batch(2)
    answer = {
        "status": "failed",
        "total_events": 2,
        "successful_events": 0,
        "failed_events": 2,
        "errors": [{"eventIndex": [0, 1], "message": "Please pass at least one identifier or contact id"}],
    }
    assert call.understands(400, answer)
    assert call.parse(answer).failures[1] == (1, "Please pass at least one identifier or contact id")
    assert not call.understands(400, {"code": "invalid_parameter", "message": "events is missing"})
    assert not call.understands(500, answer)


@pytest.mark.parametrize(
    "answer",
    [
        {"message": "Batch accepted.", "count": 6},
        {"successful_events": 6, "failed_events": 1},
        {"successful_events": 6, "failed_events": 1, "errors": []},
        {"successful_events": 6, "errors": [{"eventIndex": [7], "message": "x"}]},
        {"successful_events": 6, "errors": [{"eventIndex": [], "message": "x"}]},
        {"successful_events": 6, "errors": [{"eventIndex": ["2"], "message": "x"}]},
        {"successful_events": 7, "errors": [{"eventIndex": [1], "message": "x"}]},
    ],
)
def test_an_answer_that_loses_an_event_is_malformed(answer: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        batch().parse(answer)


def test_events_are_read_by_contact_and_name() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    call = events.page(contact_id=42, event_name="zoom_webinar_attended", start=start, end=end, limit=100)
    assert (call.path, call.label) == ("/events", "events_list")
    assert call.query == {
        "limit": "100",
        "offset": "0",
        "contact_id": "42",
        "event_name": "zoom_webinar_attended",
        "startDate": "2026-01-01T00:00:00.000Z",
        "endDate": "2026-02-01T00:00:00.000Z",
    }
    row = {
        "contact_id": 42,
        "event_name": "zoom_webinar_attended",
        "event_date": "2026-01-24T17:39:57+01:00",
        "event_properties": {"minutes": 52},
    }
    page = call.parse({"events": [row, {"event_name": "x"}], "count": 2})
    assert page.events[0].date == WHEN
    assert page.events[0].properties == {"minutes": 52}
    assert (page.events[1].contact_id, page.events[1].properties) == (None, {})
    with pytest.raises(ValueError, match="together"):
        events.page(start=start)
