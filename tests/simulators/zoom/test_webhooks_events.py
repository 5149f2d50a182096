from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tajo.simulators.world import Instance, Registrant, Session, Stage, World
from tajo.simulators.zoom.webhooks import (
    Event,
    WebhookSwitches,
    app_deauthorized,
    events_of,
    participant_uuid,
    raw_body,
    twin,
    unknown,
)


@pytest.fixture(scope="module")
def events(world: World) -> list[Event]:
    return events_of(world)


def session_of(world: World, topic: str) -> Session:
    return next(s for s in world.sessions.values() if topic in s.topic)


def named(events: list[Event], name: str) -> list[Event]:
    return [event for event in events if event.name == name]


def body_of(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = event.body["payload"]["object"]
    return found


def people(events: list[Event], name: str) -> list[dict[str, Any]]:
    return [body_of(event)["participant"] for event in named(events, name)]


def test_each_family_has_its_own_order_of_keys(events: list[Event]) -> None:
    frames = {
        "meeting.started": ["event", "payload", "event_ts"],
        "webinar.ended": ["event", "payload", "event_ts"],
        "webinar.participant_joined": ["payload", "event_ts", "event"],
        "recording.started": ["payload", "event_ts", "event"],
        "recording.completed": ["payload", "event_ts", "event", "download_token"],
        "webinar.registration_created": ["event", "event_ts", "payload"],
    }
    for name, keys in frames.items():
        assert {tuple(event.body) for event in named(events, name)} == {tuple(keys)}


def test_the_events_come_in_order_of_their_time_in_milliseconds(events: list[Event]) -> None:
    assert [e.at for e in events] == sorted(e.at for e in events)
    for event in events:
        assert datetime.fromtimestamp(event.body["event_ts"] / 1000, event.at.tzinfo) == event.at
        assert event.body["event"] == event.name


def test_every_instance_starts_and_ends_once(world: World, events: list[Event]) -> None:
    instances = {instance.uuid for _, instance in world.instances()}
    for word in ("started", "ended"):
        found = [body_of(e)["uuid"] for kind in ("meeting", "webinar") for e in named(events, f"{kind}.{word}")]
        assert Counter(found) == Counter(instances)


def test_started_and_ended_have_the_captured_fields(world: World) -> None:
    session = session_of(world, "Quick call")
    begun, *_, over = events_of(world, session)
    keys = ["duration", "start_time", "timezone", "topic", "id", "type", "uuid", "host_id", "host_email"]
    assert (begun.name, list(body_of(begun))) == ("meeting.started", keys)
    assert (over.name, list(body_of(over))) == ("meeting.ended", [*keys[:3], "end_time", *keys[3:]])
    assert body_of(over)["end_time"] == session.instances[0].end.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert body_of(over)["duration"] == session.minutes == 60


def test_only_the_end_of_a_webinar_tells_of_a_practice_session(world: World, events: list[Event]) -> None:
    assert not any("practice_session" in body_of(e) for e in named(events, "meeting.ended"))
    assert not any("practice_session" in body_of(e) for e in named(events, "webinar.started"))
    assert {body_of(e)["practice_session"] for e in named(events, "webinar.ended")} == {False}
    session = session_of(world, "오늘의 웨비나")
    rows = tuple(row for row in session.instances[0].rows if row.practice)
    only = replace(session, instances=(replace(session.instances[0], rows=rows),))
    assert body_of(events_of(world, only)[-2])["practice_session"] is True


def test_ids_are_text_for_what_happens_live_and_numbers_elsewhere(events: list[Event]) -> None:
    for event in events:
        word = event.name.split(".")[1]
        live = word in ("started", "ended") and not event.name.startswith("recording")
        wanted: type = str if live or word.startswith("participant") else int
        assert type(body_of(event)["id"]) is wanted, event.name


def test_every_stay_is_a_joining_and_a_leaving_of_one_participant_uuid(world: World, events: list[Event]) -> None:
    for kind in ("meeting", "webinar"):
        rows = [(i, row) for s, i in world.instances() if s.kind == kind for row in i.rows]
        stays = Counter(participant_uuid(i, row) for i, row in rows if row.status == "in_meeting")
        assert max(stays.values()) == 1
        assert Counter(p["participant_uuid"] for p in people(events, f"{kind}.participant_joined")) == stays
        assert Counter(p["participant_uuid"] for p in people(events, f"{kind}.participant_left")) == stays


def test_a_joining_has_no_leave_time_and_a_leaving_no_join_time(events: list[Event]) -> None:
    for kind in ("meeting", "webinar"):
        for person in people(events, f"{kind}.participant_joined"):
            assert "join_time" in person
            assert not {"leave_time", "leave_reason", "private_ip"} & person.keys()
        for person in people(events, f"{kind}.participant_left"):
            assert person["leave_time"]
            assert person["leave_reason"]
            assert "join_time" not in person


def test_guests_have_empty_ids_and_hosts_no_registrant_id(world: World) -> None:
    session = session_of(world, "Kundentag")
    persons = people(events_of(world, session.instances[-1]), "webinar.participant_joined")
    host = next(p for p in persons if p["id"] == session.host.id)
    assert host["participant_user_id"] == session.host.id
    assert "registrant_id" not in host
    guest = next(p for p in persons if not p["id"])
    assert (guest["participant_user_id"], bool(guest["registrant_id"])) == ("", True)


def test_the_keys_of_a_participant_stand_in_the_captured_order(world: World) -> None:
    events = events_of(world, session_of(world, "Embedded class"), registrations=False)
    left = next(p for p in people(events, "meeting.participant_left") if "customer_key" in p)
    keys = "customer_key leave_time public_ip user_id user_name registrant_id participant_user_id id leave_reason"
    assert list(left) == [*keys.split(), "email", "private_ip", "participant_uuid"]
    assert list(body_of(named(events, "meeting.participant_left")[0])) == (
        ["uuid", "participant", "id", "type", "topic", "host_id", "duration", "start_time", "timezone"]
    )


def test_only_sdk_joins_have_a_key_and_only_telephones_a_number(world: World) -> None:
    joined = "meeting.participant_joined"
    keyed = people(events_of(world, session_of(world, "Embedded class")), joined)
    assert sum("customer_key" in person for person in keyed) == 12
    phones = [p for p in people(events_of(world, session_of(world, "Info call")), joined) if "phone_number" in p]
    assert {person["phone_number"] for person in phones} == {"821055501234", "16505550100"}
    assert {person["email"] for person in phones} == {""}


def test_the_waiting_room_has_its_own_events(world: World) -> None:
    """Six waited; five were let in, one never was and has no joining at all."""
    session = session_of(world, "그룹 토론")
    events = events_of(world, session.instances[0], registrations=False)
    waited = {p["registrant_id"] for p in people(events, "meeting.participant_joined_waiting_room")}
    admitted = {p["registrant_id"] for p in people(events, "meeting.participant_admitted")}
    joined = {p["registrant_id"] for p in people(events, "meeting.participant_joined") if "registrant_id" in p}
    assert len(named(events, "meeting.participant_left_waiting_room")) == len(waited) == 6
    assert len(waited - joined) == 1
    assert admitted == waited & joined


def test_breakout_rooms_are_plain_joinings_or_events_of_their_own(world: World) -> None:
    session = session_of(world, "그룹 토론")
    breakouts = sum(bool(row.bo_mtg_id) for row in session.instances[0].rows)

    def count(how: Any) -> tuple[int, int]:
        found = events_of(world, session, switches=WebhookSwitches(breakout_rooms=how))
        names = ("meeting.participant_joined", "meeting.participant_joined_breakout_room")
        return len(named(found, names[0])), len(named(found, names[1]))

    plain, none = count("plain")
    assert none == 0
    assert count("own") == (plain - breakouts, breakouts)
    assert count("both") == (plain, breakouts)


def test_the_reason_tells_who_stayed_to_the_end(world: World, events: list[Event]) -> None:
    instances = {instance.uuid: instance for _, instance in world.instances()}
    for event in named(events, "webinar.participant_left"):
        instance: Instance = instances[body_of(event)["uuid"]]
        person = body_of(event)["participant"]
        to_the_end = person["leave_time"] >= instance.end.strftime("%Y-%m-%dT%H:%M:%SZ")
        reason = person["leave_reason"]
        assert (reason == "Host ended the meeting.") is to_the_end or "Failover" in reason


def test_the_practice_session_can_be_silent(world: World) -> None:
    session = session_of(world, "오늘의 웨비나")
    with_it = named(events_of(world, session), "webinar.participant_joined")
    switches = WebhookSwitches(practice_session_rows=False)
    assert len(with_it) - 1 == len(named(events_of(world, session, switches=switches), "webinar.participant_joined"))


# --- registrations ---


def histories(events: list[Event]) -> dict[str, list[str]]:
    """For each registrant id the last words of the event names, in order."""
    found: dict[str, list[str]] = {}
    for event in events:
        if "registration" in event.name:
            found.setdefault(body_of(event)["registrant"]["id"], []).append(event.name.rsplit("_", 1)[1])
    return found


def test_every_registrant_has_a_history_that_ends_in_their_status(world: World, events: list[Event]) -> None:
    found = histories(events)
    for session in world.sessions.values():
        for registrant in session.registrants:
            assert found.pop(registrant.id) == _expected(session, registrant)
    assert not found


def _expected(session: Session, registrant: Registrant) -> list[str]:
    decided = {"approved": ["approved"] if session.approval_type == 1 else [], "denied": ["denied"], "pending": []}
    return ["created", *decided[registrant.status], *(["cancelled"] if registrant.cancelled_at else [])]


def test_registrations_that_wait_have_no_link_yet(world: World) -> None:
    session = session_of(world, "Manual approval")
    for event in named(events_of(world, session), "webinar.registration_created"):
        assert body_of(event)["registrant"]["status"] == "pending"
        assert "join_url" not in body_of(event)["registrant"]
    for event in named(events_of(world, session_of(world, "봄 웨비나")), "webinar.registration_created"):
        assert body_of(event)["registrant"]["status"] == "approved"
        assert body_of(event)["registrant"]["join_url"].startswith("https://")


def test_decisions_name_the_host_and_cancellations_the_registrant(world: World) -> None:
    session = session_of(world, "Manual approval")
    events = events_of(world, session)
    for word in ("approved", "denied"):
        for event in named(events, f"webinar.registration_{word}"):
            assert list(event.body["payload"]) == ["account_id", "operator", "operator_id", "object"]
            assert event.body["payload"]["operator"] == session.host.email
            assert event.body["payload"]["operator_id"] == session.host.id
            assert ("join_url" in body_of(event)["registrant"]) is (word == "approved")
    cancelled = named(events, "webinar.registration_cancelled")
    assert len(cancelled) == 4
    for event in cancelled:
        assert event.body["payload"]["operator"] == body_of(event)["registrant"]["email"]
        assert "operator_id" not in event.body["payload"]
        assert list(body_of(event)["registrant"]) == ["id", "first_name", "last_name", "email"]


def test_an_approval_may_follow_where_none_is_needed(world: World) -> None:
    session = session_of(world, "봄 웨비나")
    assert not named(events_of(world, session), "webinar.registration_approved")
    events = events_of(world, session, switches=WebhookSwitches(approved_follows_automatic=True))
    assert len(named(events, "webinar.registration_approved")) == len(session.registrants)


def test_the_tracking_source_is_told_for_webinars_only(world: World, events: list[Event]) -> None:
    session = session_of(world, "봄 웨비나")
    names = {source.id: source.name for source in session.tracking_sources}
    sources = {registrant.id: names.get(registrant.source_id) for registrant in session.registrants}
    for event in named(events_of(world, session), "webinar.registration_created"):
        person = body_of(event)["registrant"]
        assert person.get("tracking_source", {}).get("source_name") == sources[person["id"]]
    assert None in sources.values()
    assert "카카오톡" in sources.values()
    for event in named(events, "meeting.registration_created"):
        assert "tracking_source" not in body_of(event)["registrant"]
        assert isinstance(body_of(event)["registrant"]["participant_pin_code"], int)


def test_only_series_have_occurrences_those_that_were_chosen(world: World, events: list[Event]) -> None:
    session = session_of(world, "Product deep dive")
    chosen = {r.id: set(r.occurrence_ids) for r in session.registrants if r.occurrence_ids}
    assert chosen
    for event in named(events_of(world, session), "webinar.registration_created"):
        got = {o["occurrence_id"] for o in body_of(event)["occurrences"]}
        assert got == chosen.get(body_of(event)["registrant"]["id"], {o.id for o in session.occurrences})
    series = {s.id for s in world.sessions.values() if s.occurrences}
    for event in named(events, "webinar.registration_created"):
        assert ("occurrences" in body_of(event)) is (body_of(event)["id"] in series)
    deleted = next(o.id for o in session_of(world, "매주 화요일").occurrences if o.status == "deleted")
    assert deleted not in {o["occurrence_id"] for e in events for o in body_of(e).get("occurrences", [])}


def test_registrations_show_the_whole_form(world: World) -> None:
    event = named(events_of(world, session_of(world, "봄 웨비나")), "webinar.registration_created")[0]
    person = body_of(event)["registrant"]
    assert [answer["title"] for answer in person["custom_questions"]] == ["어떻게 알게 되셨나요?", "Interests"]
    assert {"address", "zip", "state", "no_of_employees", "purchasing_time_frame"} <= person.keys()
    assert "create_time" not in person


# --- recordings, and the rest ---


def test_a_recording_is_told_of_four_times_for_one_set_and_more_for_two(world: World) -> None:
    session = session_of(world, "봄 웨비나")
    instance = session.instances[0]
    names = [e.name for e in events_of(world, session, registrations=False) if e.name.startswith("recording")]
    words = ("started", "started", "stopped", "stopped", "completed", "transcript_completed")
    assert names == [f"recording.{word}" for word in words]
    assert instance.recording is not None
    completed = named(events_of(world, instance), "recording.completed")[0]
    assert timedelta(0) < completed.at - instance.recording.completed_at < timedelta(seconds=2)
    assert not named(events_of(world, session_of(world, "Quick call")), "recording.started")


def test_a_started_recording_has_no_end_yet(world: World) -> None:
    events = events_of(world, session_of(world, "오늘의 웨비나"))
    (started,), (stopped,) = named(events, "recording.started"), named(events, "recording.stopped")
    assert body_of(started)["recording_file"]["recording_end"] == ""
    assert body_of(stopped)["recording_file"]["recording_end"].endswith("Z")


def test_the_webhook_names_the_files_of_the_api_under_other_addresses(zoom: Any, encoded: Any, world: World) -> None:
    instance = session_of(world, "봄 웨비나").instances[0]
    told = body_of(named(events_of(world, instance), "recording.completed")[0])
    shown = zoom.json(f"/meetings/{encoded(instance.uuid)}/recordings")
    files = [file for file in shown["recording_files"] if file["file_type"] != "TRANSCRIPT"]
    assert [f["id"] for f in told["recording_files"]] == [f["id"] for f in files]
    assert {f["download_url"] for f in told["recording_files"]}.isdisjoint(f["download_url"] for f in files)
    same = ("uuid", "id", "topic", "start_time", "duration", "host_email", "password", "recording_play_passcode")
    assert {name: told[name] for name in same} == {name: shown[name] for name in same}
    assert told["on_prem"] is False


def test_a_transcript_comes_alone_and_later(world: World) -> None:
    event = named(events_of(world, session_of(world, "봄 웨비나")), "recording.transcript_completed")[0]
    (file,) = body_of(event)["recording_files"]
    kind = (file["file_type"], file["file_extension"], file["recording_type"])
    assert kind == ("TRANSCRIPT", "VTT", "audio_transcript")


def test_the_twin_of_a_recording_differs_in_addresses_and_token_only(world: World) -> None:
    one = named(events_of(world, session_of(world, "봄 웨비나")), "recording.completed")[0]
    other = twin(one)
    assert other.body["download_token"] != one.body["download_token"]
    for event in (one, other):
        for file in body_of(event)["recording_files"]:
            assert file.pop("download_url")
    assert body_of(one) == body_of(other)


def test_the_removal_of_the_app_has_its_time_inside(world: World) -> None:
    event = app_deauthorized(world, at=world.now, user_id="somebody")
    assert list(event.body) == ["event", "payload"]
    assert event.body["payload"]["event_ts"] == "2026-11-24 09:30:00"
    assert event.body["payload"]["deauthorization_time"] == "2026-11-24T09:30:00.000Z"
    assert app_deauthorized(world, at=world.now, ts="number").body["payload"]["event_ts"] == 1795512600000


def test_events_of_unknown_names_can_be_made(world: World) -> None:
    event = unknown(world, "webinar.hologram_waved", at=world.now, mood=7)
    assert body_of(event) == {"mood": 7}
    assert event.body["event"] == "webinar.hologram_waved"


def test_a_span_of_time_and_one_instance_can_be_asked_for(world: World, events: list[Event]) -> None:
    middle = events[len(events) // 2].at
    parts = events_of(world, until=middle), events_of(world, since=middle)
    assert parts[0] + parts[1] == events
    session = session_of(world, "Kundentag")
    alone = events_of(world, session.instances[0], registrations=False)
    assert {body_of(event)["uuid"] for event in alone} == {session.instances[0].uuid}
    names = {event.name for event in events_of(world, session.instances[0])}
    assert "webinar.registration_created" in names


def test_the_same_world_has_the_same_events(world: World, events: list[Event]) -> None:
    assert events_of(world) == events


def test_names_that_are_not_ascii_are_sent_as_utf_8_or_escaped(now: datetime) -> None:
    stage = Stage(1, now)
    plan = stage.webinar("🎓 봄 웨비나", start=now - timedelta(hours=3))
    plan.hold()
    body = events_of(stage.world())[0].body
    assert "🎓 봄 웨비나".encode() in raw_body(body)
    assert raw_body(body, "escaped").isascii()
    assert rb"2026-11-24T06:30:00Z" in raw_body(body, "escaped")
    assert b"\n" in raw_body(body, "spaced")


@pytest.fixture
def now(world: World) -> datetime:
    return world.now
