"""Custom events, one by one and in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches

if TYPE_CHECKING:
    from conftest import Api


def event(name: str = "webinar_attended", email: str = "ada@x.eu", **more: Any) -> dict[str, Any]:
    return {"event_name": name, "identifiers": {"email_id": email}, **more}


def test_an_event_is_queued_with_its_contact_and_date(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu")
    body = event(event_date="2026-11-20T17:39:57+01:00", event_properties={"minutes": 41})
    reply = api("POST", "/events", body)
    assert (reply.status_code, reply.content) == (204, b"")
    assert api.get("/events") == {
        "events": [
            {
                "contact_id": 1,
                "event_name": "webinar_attended",
                "event_date": "2026-11-20T17:39:57.000+01:00",
                "event_filter_id": "",
                "object_type": "",
                "event_properties": {"minutes": 41},
                "contact_properties": {},
            }
        ],
        "count": 1,
    }


def test_an_event_sent_twice_is_there_twice(api: Api, simulator: BrevoSimulator) -> None:
    api.post("/events", event(), status=204)
    api.post("/events", event(), status=204)
    assert len(simulator.events) == 2


def test_without_a_date_it_happens_now(api: Api, simulator: BrevoSimulator) -> None:
    api.post("/events", event(), status=204)
    assert simulator.events[0].date == api.clock.now


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"identifiers": {"email_id": "a@x.eu"}}, "undefined event_name"),
        ({"event_name": "x"}, "Please pass at least one identifier or contact id"),
        ({"event_name": "x", "identifiers": {}}, "Please pass at least one identifier or contact id"),
        (event("two words"), "Invalid event_name"),
        (event("x" * 256), "Invalid event_name"),
        (event(email="nonsense"), "Invalid email_id"),
        (event(event_properties={"two words": 1}), "Invalid event_properties"),
        (event(event_properties={"x": "y" * 50 * 1024}), "event_properties should not exceed 50KB"),
        (event(contact_properties={"X": [1]}), "Invalid contact_properties"),
        (event(event_date="yesterday"), "event_date is not a valid date"),
    ],
)
def test_what_is_wrong_with_an_event_is_said(api: Api, body: dict[str, Any], message: str) -> None:
    assert api.post("/events", body, status=400)["message"] == message
    batch = api.post("/events/batch", {"events": [body]}, status=400)
    assert batch["errors"] == [{"eventIndex": [0], "message": message}]


def test_the_contact_id_wins_over_other_identifiers(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu")
    simulator.add_contact("bob@x.eu", attributes={"SMS": "33612345678"})
    body = {"event_name": "x", "identifiers": {"email_id": "ada@x.eu", "contact_id": 2}}
    api.post("/events", body, status=204)
    api.post("/events", {"event_name": "x", "identifiers": {"phone_id": "+33612345678"}}, status=204)
    assert [stored.contact_id for stored in simulator.events] == [2, 2]


def test_contact_properties_update_the_contact(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu")
    api.post("/events", event(contact_properties={"FIRSTNAME": "Ada", "UNKNOWN": 1}), status=204)
    assert simulator.contacts["ada@x.eu"].attributes == {"FIRSTNAME": "Ada"}


@pytest.mark.parametrize(
    ("switch", "status", "contacts", "events"),
    [("creates", 204, 1, 1), ("dropped", 204, 0, 0), ("rejected", 400, 0, 0)],
)
def test_what_becomes_of_an_unknown_contact_is_a_switch(
    api: Api, simulator: BrevoSimulator, switch: str, status: int, contacts: int, events: int
) -> None:
    simulator.switches = BrevoSwitches(event_unknown_contact=switch)
    api.post("/events", event(), status=status)
    assert (len(simulator.contacts), len(simulator.events)) == (contacts, events)


def test_a_batch_of_good_events_is_accepted(api: Api, simulator: BrevoSimulator) -> None:
    assert api.post("/events/batch", {"events": [event(), event()]}, status=202) == {
        "message": "Batch accepted. Valid events have been added to the processing queue.",
        "count": 2,
    }
    assert len(simulator.contacts) == 1


def test_a_mixed_batch_answers_207_and_names_the_bad_ones_by_position(api: Api, simulator: BrevoSimulator) -> None:
    bad = {"identifiers": {"email_id": "ada@x.eu"}}
    assert api.post("/events/batch", {"events": [event(), bad, event(), bad, {"event_name": "x"}]}, status=207) == {
        "status": "partiallyQueued",
        "total_events": 5,
        "successful_events": 2,
        "failed_events": 3,
        "errors": [
            {"eventIndex": [1, 3], "message": "undefined event_name"},
            {"eventIndex": [4], "message": "Please pass at least one identifier or contact id"},
        ],
    }
    assert len(simulator.events) == 2


def test_a_batch_without_a_good_event_fails_in_the_same_shape(api: Api, simulator: BrevoSimulator) -> None:
    failed = api.post("/events/batch", {"events": [{"event_name": "x"}]}, status=400)
    assert (failed["status"], failed["failed_events"]) == ("failed", 1)
    assert simulator.bodies == []


@pytest.mark.parametrize(
    "body",
    [
        [event()],
        {"events": []},
        {"events": [event()] * 201},
        {"events": [event(event_properties={"x": "y" * 40 * 1024})] * 14},
    ],
)
def test_a_batch_is_wrapped_and_holds_200_events_and_512_kilobytes_at_most(
    api: Api, simulator: BrevoSimulator, body: Any
) -> None:
    api.post("/events/batch", body, status=400)
    assert simulator.events == []
    api.post("/events/batch", {"events": [event()] * 200}, status=202)


def test_events_are_filtered(api: Api, simulator: BrevoSimulator) -> None:
    for number, name in enumerate(["a", "b", "c"]):
        api.post("/events", event(name, f"c{number}@x.eu", event_date=f"2026-11-2{number}T10:00:00Z"), status=204)
    api.post("/events", event("old", event_date="2026-01-01T10:00:00Z"), status=204)

    def found(**params: Any) -> list[str]:
        return [item["event_name"] for item in api.get("/events", **params)["events"]]

    assert found() == ["c", "b", "a"]
    assert found(event_name=["a", "b"]) == ["b", "a"]
    assert found(contact_id=3) == ["c"]
    assert found(startDate="2026-01-01", endDate="2026-11-21") == ["b", "a", "old"]
    assert found(limit=1, offset=1) == ["b"]
    assert api("GET", "/events?limit=0").status_code == 400
    assert api("GET", "/events?startDate=2026-01-01").status_code == 400


def test_events_may_show_late(api: Api, simulator: BrevoSimulator) -> None:
    simulator.switches = BrevoSwitches(event_lag_s=30)
    api.post("/events", event(), status=204)
    assert api.get("/events")["count"] == 0
    api.clock.forward(30)
    assert api.get("/events")["count"] == 1
