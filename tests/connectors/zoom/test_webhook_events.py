"""Zoom's webhooks: who signed them, what they say, and when two of them say the same.

Events come from the simulator, whose bodies are made from Zoom's documentation, and by hand as the documentation and
captures of live accounts show them: https://developers.zoom.us/docs/api/webhooks/
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tajo.connectors.zoom import events
from tajo.connectors.zoom.events import (
    EVENTS,
    Deauthorized,
    ParticipantTold,
    RecorderTold,
    RecordingTold,
    RegistrationTold,
    SessionTold,
    kind_of_type,
    meaning,
    open_envelope,
    read_event,
)
from tajo.connectors.zoom.webhook import challenge_answer, is_genuine
from tajo.core.errors import ContractError
from tajo.core.facts import Kind, Status
from tajo.simulators.world import Stage, World, month
from tajo.simulators.zoom.webhooks import (
    Event,
    WebhookSwitches,
    app_deauthorized,
    events_of,
    raw_body,
    sign,
    twin,
    unknown,
)

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SECRET = "s3cret-token"
Json = dict[str, Any]


# --- who signed it ---

BODY = '{"event":"meeting.ended","topic":"봄"}'.encode()
SIGNED_AT = datetime.fromtimestamp(1785369806, UTC)
# printf 'v0:1785369806:{"event":"meeting.ended","topic":"봄"}' | openssl dgst -sha256 -hmac s3cret-token
SIGNATURE = "v0=e16b129bba2e1cc4691fb220685a0023082f6404dc137f7eca15b86aab011a57"


def genuine(body: bytes = BODY, **other: Any) -> bool:
    given = {"signature": SIGNATURE, "timestamp": "1785369806", "secret": SECRET, "now": SIGNED_AT, **other}
    return is_genuine(body, **given)


def test_a_signature_over_the_bytes_is_known() -> None:
    assert genuine()


def test_the_bytes_are_what_is_signed_not_what_they_mean() -> None:
    assert not genuine(json.dumps(json.loads(BODY)).encode())
    assert not genuine(BODY + b"\n")
    assert not genuine(b"")


@pytest.mark.parametrize("seconds", [-300, -299.9, -1, 0, 1, 299.9, 300])
def test_it_may_be_five_minutes_old_or_early(seconds: float) -> None:
    assert genuine(now=SIGNED_AT + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-86400, -301, -300.001, 300.001, 301, 86400])
def test_beyond_five_minutes_either_way_it_is_a_replay(seconds: float) -> None:
    assert not genuine(now=SIGNED_AT + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v0=",
        SIGNATURE[3:],
        SIGNATURE.upper(),
        "v1" + SIGNATURE[2:],
        SIGNATURE[:-1],
        SIGNATURE + "0",
        SIGNATURE + "\n",
    ]
    + [SIGNATURE[:-1] + odd for odd in ("8", "é", "\ud800", "\0", "７")],
)
def test_any_other_signature_is_none(signature: str) -> None:
    assert not genuine(signature=signature)


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "0",
        "1785369806000",
        "1785369806.0",
        " 1785369806",
        "1785369806\n",
        "+1785369806",
        "-1785369806",
        "NaN",
        "inf",
        "１７８５３６９８０６",
        "1785369807",
        "1e9",
        "0x6a6a6f00",
        "178536980",
        "�",
        "\x00" * 10,
        "9" * 5000,
    ],
)
def test_any_other_time_is_none(timestamp: str) -> None:
    """Also where it was signed as it stands: a time is ten digits."""
    assert not genuine(timestamp=timestamp)
    try:
        signed = sign(BODY, secret=SECRET, timestamp=timestamp)
    except UnicodeEncodeError:
        return
    if timestamp != "1785369807":
        assert not genuine(timestamp=timestamp, signature=signed)


def test_another_secret_signs_another_signature_and_an_empty_one_none() -> None:
    assert not genuine(secret=SECRET + "x")
    assert not genuine(secret="", signature=sign(BODY, secret="", timestamp="1785369806"))


@settings(deadline=None)
@given(st.binary(max_size=200), st.text(max_size=80), st.text(max_size=20), st.text(max_size=20))
def test_hostile_headers_are_no_exception(body: bytes, signature: str, timestamp: str, secret: str) -> None:
    assert not is_genuine(body, signature=signature, timestamp=timestamp, secret=secret, now=NOW)


def test_the_simulators_deliveries_are_genuine() -> None:
    timestamp = str(int(NOW.timestamp()))
    for body in (b"", b"\xff\x00", '{"topic":"웨비나 — “봄”"}'.encode()):
        signature = sign(body, secret=SECRET, timestamp=timestamp)
        assert is_genuine(body, signature=signature, timestamp=timestamp, secret=SECRET, now=NOW)


# --- the challenge ---


def test_a_challenge_is_answered_with_the_tokens_hmac() -> None:
    """printf qgg8vlvZRS6UYooatFL8Aw | openssl dgst -sha256 -hmac s3cret-token"""
    assert challenge_answer("qgg8vlvZRS6UYooatFL8Aw", SECRET) == {
        "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
        "encryptedToken": "d04d1dc3e7888c5452b94bd67443919ac88f31ec0bcc00dd6bfbd6cce5afdd9d",
    }
    assert challenge_answer("-_" * 64, SECRET) is not None


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x" * 129,
        "a b",
        "a:b",
        "é",
        "a\n",
        "\na",
        "v0:1785369806:{}",
        "\ud800",
        "a.b",
        "７",
        None,
        7,
        True,
        ["a"],
        {"a": 1},
    ],
)
def test_nothing_else_is_signed(token: object) -> None:
    assert challenge_answer(token, SECRET) is None


def test_without_a_secret_nothing_is_signed() -> None:
    assert challenge_answer("abc", "") is None


@settings(deadline=None)
@given(st.text(max_size=140))
def test_no_token_gives_a_signature_of_a_webhook(token: str) -> None:
    """What is signed for whoever asks never begins as the text of a signature does: it has no colon."""
    answer = challenge_answer(token, SECRET)
    assert answer is None or (":" not in token and 1 <= len(token) <= 128)


# --- every event, as the simulator sends it ---


def world_with_cancelled_meeting() -> World:
    stage = Stage(5, NOW)
    plan = stage.meeting("Sign-up", start=NOW - timedelta(days=1), approval_type=0)
    plan.register(stage.names.person(), cancelled_at=NOW - timedelta(days=2))
    plan.hold()
    return stage.world()


@pytest.fixture(scope="module")
def sent() -> dict[str, list[Event]]:
    """What a month of an account sends, by name."""
    world = month(7, now=NOW)
    found = events_of(world, switches=WebhookSwitches(approved_follows_automatic=True))
    found += events_of(world_with_cancelled_meeting())
    found += [app_deauthorized(world, at=NOW, ts=ts) for ts in ("text", "number")]
    by_name: dict[str, list[Event]] = {}
    for event in found:
        by_name.setdefault(event.name, []).append(event)
    return by_name


def read(body: Json | bytes) -> Any:
    raw = body if isinstance(body, bytes) else raw_body(body)
    return read_event(open_envelope(raw))


def told(body: Json) -> tuple[Json, Json]:
    """The object of a body, and the person in it."""
    subject = body["payload"].get("object", {})
    return subject, subject.get("participant") or subject.get("registrant") or {}


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def test_there_is_every_event_that_is_handled(sent: dict[str, list[Event]]) -> None:
    assert set(EVENTS) <= set(sent)
    assert len(EVENTS) == 21


@pytest.mark.parametrize("style", ["canonical", "spaced", "escaped"])
@pytest.mark.parametrize("name", sorted(EVENTS))
def test_every_event_is_read_however_its_json_is_written(name: str, style: str, sent: dict[str, list[Event]]) -> None:
    """Its time to the millisecond; for app_deauthorized as text to the second."""
    for event in sent[name]:
        found = read(raw_body(event.body, style))
        assert found is not None
        assert abs(found.at - event.at) < timedelta(milliseconds=1 if "event_ts" in event.body else 1000)
        assert found == read(event.body)


@pytest.mark.parametrize("kind", [Kind.MEETING, Kind.WEBINAR])
@pytest.mark.parametrize("word", ["started", "ended"])
def test_beginning_and_end(kind: Kind, word: str, sent: dict[str, list[Event]]) -> None:
    for event in sent[f"{kind}.{word}"]:
        subject, _ = told(event.body)
        found = read(event.body)
        assert isinstance(found, SessionTold)
        assert (found.kind, found.session_id, found.uuid) == (kind, str(subject["id"]), subject["uuid"])
        assert (found.start, found.end) == (moment(subject["start_time"]), moment(subject.get("end_time")))
        assert (found.topic, found.type, found.time_zone) == (subject["topic"], subject["type"], subject["timezone"])
        assert (found.host_email, found.duration_min) == (subject["host_email"].lower(), subject["duration"])
        assert (found.end is not None) == (word == "ended")


@pytest.mark.parametrize("kind", [Kind.MEETING, Kind.WEBINAR])
def test_joining_and_leaving_are_a_pair(kind: Kind, sent: dict[str, list[Event]]) -> None:
    """The same key in the same instance, and nobody else's."""
    joined, left = (
        {(found.uuid, found.key): found for found in (read(each.body) for each in sent[f"{kind}.participant_{word}"])}
        for word in ("joined", "left")
    )
    assert joined.keys() == left.keys()
    assert len(joined) == len(sent[f"{kind}.participant_joined"])
    for key, one in joined.items():
        assert isinstance(one, ParticipantTold)
        assert one.kind == kind
        assert one.joined is not None
        assert one.left is None
        assert left[key].joined is None
        assert (left[key].left or NOW) >= one.joined


@pytest.mark.parametrize("kind", [Kind.MEETING, Kind.WEBINAR])
@pytest.mark.parametrize("word", ["joined", "left"])
def test_who_it_was(kind: Kind, word: str, sent: dict[str, list[Event]]) -> None:
    for event in sent[f"{kind}.participant_{word}"]:
        subject, person = told(event.body)
        found = read(event.body)
        assert (found.session_id, found.uuid, found.key) == (subject["id"], subject["uuid"], person["participant_uuid"])
        assert (found.name, found.email) == (person["user_name"], person["email"].lower())
        assert found.registrant_id == person.get("registrant_id", "")
        assert found.customer_key == person.get("customer_key", "")
        assert found.user_id == person["participant_user_id"]


@pytest.mark.parametrize("kind", [Kind.MEETING, Kind.WEBINAR])
@pytest.mark.parametrize("word", ["created", "approved", "denied", "cancelled"])
def test_registrations(kind: Kind, word: str, sent: dict[str, list[Event]]) -> None:
    """The form is told when somebody registers; what follows brings a name and a state."""
    for event in sent[f"{kind}.registration_{word}"]:
        subject, person = told(event.body)
        found = read(event.body)
        assert isinstance(found, RegistrationTold)
        assert (found.kind, found.session_id, found.topic) == (kind, str(subject["id"]), subject["topic"])
        assert found.dates == tuple(each["occurrence_id"] for each in subject.get("occurrences", ()))
        one = found.registration
        assert (one.registrant_id, one.email) == (person["id"], person["email"].lower())
        assert (one.first_name, one.last_name) == (person["first_name"].strip(), person["last_name"].strip())
        assert one.status == Status(person["status"] if word == "created" else word)
        assert found.detailed == (word == "created")
        assert one.registered_at == (event.at if word == "created" else None)
        assert one.join_url == person.get("join_url", "")
        assert one.source == person.get("tracking_source", {}).get("source_name", "")
        if word == "created":
            assert (one.phone, one.org, one.job_title) == (person["phone"], person["org"], person["job_title"])
            answers = tuple((each["title"], each["value"]) for each in person.get("custom_questions", ()))
            assert one.answers == answers


def test_both_states_of_a_new_registration_occur(sent: dict[str, list[Event]]) -> None:
    created = [read(each.body) for each in sent["webinar.registration_created"]]
    assert {each.registration.status for each in created} == {Status.APPROVED, Status.PENDING}
    assert any(len(each.dates) > 1 for each in created)
    assert any(each.registration.source for each in created)


def test_recordings(sent: dict[str, list[Event]]) -> None:
    for word, transcript in (("completed", False), ("transcript_completed", True)):
        for event in sent[f"recording.{word}"]:
            subject, _ = told(event.body)
            found = read(event.body)
            assert isinstance(found, RecordingTold)
            assert found.transcript is transcript
            one = found.recording
            assert (one.uuid, one.id, one.share_url) == (subject["uuid"], str(subject["id"]), subject["share_url"])
            assert (one.passcode, one.play_passcode) == (subject["password"], subject["recording_play_passcode"])
            assert len(one.files) == len(subject["recording_files"])
            assert subject["password"] not in repr(found)
    for word in ("started", "stopped"):
        for event in sent[f"recording.{word}"]:
            subject, _ = told(event.body)
            assert read(event.body) == RecorderTold(
                datetime.fromtimestamp(event.body["event_ts"] / 1000, UTC), str(subject["id"]), subject["uuid"]
            )


def test_the_app_was_removed(sent: dict[str, list[Event]]) -> None:
    for event in sent["app_deauthorized"]:
        payload = event.body["payload"]
        assert read(event.body) == Deauthorized(NOW, payload["account_id"], payload["user_id"], payload["client_id"])


def test_what_is_not_handled_is_read_as_far_as_it_goes(sent: dict[str, list[Event]]) -> None:
    """The waiting room, and names that nobody has heard of."""
    others = set(sent) - set(EVENTS)
    assert others
    bodies = [sent[name][0].body for name in others]
    bodies.append(unknown(month(7, now=NOW), "meeting.teleported", at=NOW, uuid="u==", id=7).body)
    for body in bodies:
        envelope = open_envelope(raw_body(body))
        assert envelope.event == body["event"]
        assert envelope.uuid == body["payload"]["object"]["uuid"]
        assert read_event(envelope) is None


def test_the_envelope_has_what_people_look_for(sent: dict[str, list[Event]]) -> None:
    for name, found in sent.items():
        subject, person = told(found[0].body)
        envelope = open_envelope(raw_body(found[0].body))
        assert (envelope.event, envelope.uuid) == (name, subject.get("uuid", ""))
        assert envelope.participant_uuid == (person.get("participant_uuid", "") if "participant" in name else "")
        wanted = person["id"] if "registration" in name else person.get("registrant_id", "")
        assert envelope.registrant_id == wanted


# --- by hand, as the documentation shows them ---

MEETING: Json = {
    "duration": 30,
    "start_time": "2026-07-29T23:55:56Z",
    "timezone": "America/Santiago",
    "end_time": "2026-07-30T00:03:26Z",
    "topic": "Test — topic",
    "id": "86084701483",
    "type": 2,
    "uuid": "de+IDqR9f3hhT9D8/NA/J1==",
    "host_id": "h",
    "host_email": " Host@Example.test ",
}
ENDED: Json = {"event": "meeting.ended", "payload": {"account_id": "a", "object": MEETING}, "event_ts": 1785369806781}
LEFT: Json = {
    "payload": {
        "account_id": "a",
        "object": {
            "uuid": "de+IDqR9f3hhT9D8/NA/J1==",
            "participant": {
                "customer_key": "38a5",
                "leave_time": "2026-07-30T00:01:25Z",
                "public_ip": "203.0.113.1",
                "user_id": "12344623",
                "user_name": "Guest",
                "registrant_id": "",
                "participant_user_id": "",
                "id": "",
                "leave_reason": "left the meeting. Reason : left the meeting with Unknown Failover Reason",
                "email": "",
                "participant_uuid": "73823734-9301-A7E5-36F4-684DEEF79FE5",
            },
            "id": "86084701483",
            "type": 2,
            "topic": "Test — topic",
            "start_time": "2026-07-29T23:55:56Z",
        },
    },
    "event_ts": 1785369686564,
    "event": "meeting.participant_left",
}
CREATED: Json = {
    "event": "webinar.registration_created",
    "event_ts": 1785369356750,
    "payload": {
        "account_id": "AAAAAABBBB",
        "object": {
            "uuid": "4444AAAiAAAAAiAiAiiAii==",
            "id": 97871060099,
            "topic": "My Webinar",
            "type": 9,
            "start_time": "2026-09-01T14:00:00Z",
            "occurrences": [{"occurrence_id": "1788271200000", "start_time": "2026-09-01T14:00:00Z"}],
            "registrant": {
                "id": "iFxeBPYun6SAiWUzBcEkX",
                "first_name": "Jill",
                "last_name": "Chill",
                "email": "Jill@mail.example",
                "country": "US",
                "phone": "",
                "org": "",
                "custom_questions": [{"title": "How did you hear?", "value": "Friend"}],
                "status": "approved",
                "join_url": "https://us02web.zoom.us/w/97871060099?tk=abc",
                "tracking_source": {"id": "5516482804110", "source_name": "newsletter", "tracking_url": "https://x"},
            },
        },
    },
}
RECORDED: Json = {
    "payload": {
        "account_id": "a",
        "object": {
            "uuid": "de+IDqR9f3hhT9D8/NA/J1==",
            "id": 86084701483,
            "topic": "Test",
            "type": 2,
            "start_time": "2026-07-29T23:55:56Z",
            "duration": 2,
            "share_url": "https://us02web.zoom.us/rec/share/x",
            "recording_files": [
                {"id": "76820abf", "file_type": "MP4", "play_url": "https://p/x", "download_url": "https://d/x"}
            ],
            "password": "000000",
            "recording_play_passcode": "synthetic-pass",
            "on_prem": False,
        },
    },
    "event_ts": 1785369807234,
    "event": "recording.completed",
    "download_token": "eyJ.synthetic.token",
}
REMOVED: Json = {
    "event": "app_deauthorized",
    "payload": {
        "account_id": "AAAAAABBBB",
        "user_id": "abcD3ojfdbjfg",
        "deauthorization_time": "2026-06-17T13:52:28.632Z",
        "client_id": "ABCDEFGHIJKLMNOPQRSTUV",
        "event_ts": "2026-06-17 13:52:28",
    },
}


def changed(body: Json, **fields: Any) -> Json:
    """A copy with the object's or its person's fields changed; ... takes one out."""
    made = copy.deepcopy(body)
    subject, person = told(made)
    for name, value in fields.items():
        place = next((part for part in (person, subject, made["payload"], made) if name in part), subject)
        if value is ...:
            place.pop(name)
        else:
            place[name] = value
    return made


def test_an_ended_meeting_as_captured() -> None:
    assert read(ENDED) == SessionTold(
        at=datetime(2026, 7, 30, 0, 3, 26, 781000, tzinfo=UTC),
        kind=Kind.MEETING,
        session_id="86084701483",
        uuid="de+IDqR9f3hhT9D8/NA/J1==",
        start=datetime(2026, 7, 29, 23, 55, 56, tzinfo=UTC),
        end=datetime(2026, 7, 30, 0, 3, 26, tzinfo=UTC),
        topic="Test — topic",
        type=2,
        time_zone="America/Santiago",
        host_email="host@example.test",
        duration_min=30,
    )


def test_an_end_without_its_time_is_when_zoom_told_of_it_and_never_before_the_start() -> None:
    at = datetime(2026, 7, 30, 0, 3, 26, 781000, tzinfo=UTC)
    assert read(changed(ENDED, end_time=...)).end == at
    early = read(changed(ENDED, end_time="2026-07-29T23:00:00Z"))
    assert early.end == early.start


def test_a_guest_who_left_as_captured() -> None:
    found = read(LEFT)
    assert found == ParticipantTold(
        at=datetime(2026, 7, 30, 0, 1, 26, 564000, tzinfo=UTC),
        kind=Kind.MEETING,
        session_id="86084701483",
        uuid="de+IDqR9f3hhT9D8/NA/J1==",
        start=datetime(2026, 7, 29, 23, 55, 56, tzinfo=UTC),
        key="73823734-9301-A7E5-36F4-684DEEF79FE5",
        joined=None,
        left=datetime(2026, 7, 30, 0, 1, 25, tzinfo=UTC),
        name="Guest",
        email="",
        registrant_id="",
        customer_key="38a5",
        user_id="",
    )
    assert read(changed(LEFT, participant_uuid=...)).key == "12344623"
    assert read(changed(LEFT, participant_uuid="", user_id=12344623)).key == "12344623"


def test_a_registration_as_documented() -> None:
    found = read(CREATED)
    one = found.registration
    assert (found.session_id, found.dates, found.detailed) == ("97871060099", ("1788271200000",), True)
    assert (one.registrant_id, one.email, one.status) == (
        "iFxeBPYun6SAiWUzBcEkX",
        "jill@mail.example",
        Status.APPROVED,
    )
    assert (one.first_name, one.last_name, one.country, one.source) == ("Jill", "Chill", "US", "newsletter")
    assert one.answers == (("How did you hear?", "Friend"),)
    assert one.registered_at == found.at == datetime(2026, 7, 29, 23, 55, 56, 750000, tzinfo=UTC)


def test_a_recording_as_captured() -> None:
    found = read(RECORDED)
    assert (found.recording.id, found.recording.duration_min) == ("86084701483", 2)
    assert found.recording.share_url == "https://us02web.zoom.us/rec/share/x"
    assert kind_of_type(found.recording.type) is Kind.MEETING
    assert [kind_of_type(each) for each in (5, 6, 9, 8, 99)] == [Kind.WEBINAR] * 3 + [Kind.MEETING] * 2


@pytest.mark.parametrize(
    "event_ts", ["2026-06-17 13:52:28", "2026-06-17T13:52:28Z", 1781704348000, 1781704348000.0, "1781704348000"]
)
def test_a_removed_app_whatever_the_type_of_its_time(event_ts: Any) -> None:
    found = read(changed(REMOVED, event_ts=event_ts))
    assert found == Deauthorized(
        datetime(2026, 6, 17, 13, 52, 28, tzinfo=UTC), "AAAAAABBBB", "abcD3ojfdbjfg", "ABCDEFGHIJKLMNOPQRSTUV"
    )


# --- what cannot be read says so ---


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"meeting.ended"',
        b"{}",
        b'{"event":null}',
        b'{"event":7}',
        b'{"event":""}',
        b'{"event":["meeting.ended"]}',
        b'{"event":"meeting.ended"',
        b"\xff\xfe{",
        b"[" * 100_000,
        b'{"event":' + b"9" * 5000 + b"}",
        b"event=meeting.ended",
    ],
)
def test_bytes_that_are_no_event(body: bytes) -> None:
    with pytest.raises(ContractError) as caught:
        open_envelope(body)
    assert caught.value.origin == "zoom.webhook"


@pytest.mark.parametrize(
    "body", ["", None, 7, [], "x", {}, {"object": None}, {"object": []}, {"object": 7}, {"object": "x"}]
)
@pytest.mark.parametrize("name", sorted(set(EVENTS) - {"app_deauthorized"}))
def test_an_event_without_what_it_is_about(name: str, body: Any) -> None:
    with pytest.raises(ContractError) as caught:
        read({"event": name, "event_ts": 1785369806781, "payload": body})
    assert caught.value.origin == f"zoom.webhook.{name}"


@pytest.mark.parametrize(
    ("body", "field", "values"),
    [
        (ENDED, "id", ["", None, [], {}, True, 1.5, "9" * 33]),
        (ENDED, "uuid", ["", None, 7, [], "u" * 65]),
        (ENDED, "start_time", ["", None, 7, "soon", "07/29/2026", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]),
        (ENDED, "type", [2**31]),
        (LEFT, "uuid", ["", None, "u" * 65]),
        (LEFT, "participant", ["", None, [], "x", {}, {"user_name": "Kim"}]),
        (CREATED, "registrant", ["", None, [], "x", {}, {"first_name": "Jill"}, {"id": "r" * 401}]),
        (CREATED, "occurrences", ["x", {}, 7, [7], [{"occurrence_id": "1" * 33}]]),
        (CREATED, "custom_questions", ["x", {}, [7]]),
        (CREATED, "tracking_source", ["x", [], 7]),
        (CREATED, "email", ["x" * 320 + "@mail.example"]),
        (RECORDED, "uuid", ["", None, 7]),
        (REMOVED, "account_id", ["", None, 7, [], ...]),
        (RECORDED, "duration", [2**31]),
        (RECORDED, "recording_files", ["x", {}, [7]]),
    ],
)
def test_an_event_with_something_else_in_its_place(body: Json, field: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ContractError):
            read(changed(body, **{field: value}))


@pytest.mark.parametrize(
    "event_ts",
    [
        None,
        "",
        0,
        -1,
        True,
        [],
        {},
        1785369806,
        1785369806781000,
        10**30,
        10**4000,
        float("nan"),
        float("inf"),
        "soon",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59",
        1.5,
    ],
)
def test_an_event_without_a_time_that_can_be_meant(event_ts: Any) -> None:
    """None, in seconds, in microseconds, in another century."""
    for body in (ENDED, LEFT, CREATED, RECORDED, REMOVED):
        envelope = open_envelope(json.dumps(changed(body, event_ts=event_ts)).encode())
        assert envelope.at is None
        with pytest.raises(ContractError, match="no time"):
            read_event(envelope)


def test_fields_of_the_wrong_type_are_not_given() -> None:
    """Nobody loses a session for a topic that is a number."""
    odd = read(changed(ENDED, topic=7, timezone=None, host_email=["x"], duration="half", type=None))
    assert (odd.topic, odd.time_zone, odd.host_email, odd.duration_min, odd.type) == ("", "", "", 0, 0)
    assert read(changed(ENDED, id=86084701483)) == read(ENDED)
    nobody = read(changed(LEFT, user_name=None, email=7, leave_time="later"))
    assert (nobody.name, nobody.email, nobody.left) == ("", "", None)


def test_what_no_database_stores_is_taken_out() -> None:
    found = read(json.dumps(changed(ENDED, topic="a\0b\ud800c")).encode())
    assert found.topic == "ab?c"


# --- when two say the same ---


def same(one: Json, other: Json) -> bool:
    return meaning(open_envelope(json.dumps(one).encode())) == meaning(open_envelope(json.dumps(other).encode()))


def test_spelling_and_order_of_keys_say_nothing(sent: dict[str, list[Event]]) -> None:
    for found in sent.values():
        body = found[0].body
        meant = {meaning(open_envelope(raw_body(body, style))) for style in ("canonical", "spaced", "escaped")}
        assert meant == {meaning(open_envelope(raw_body(dict(reversed(body.items())))))}


def test_another_address_passcode_or_token_of_a_recording_says_nothing(sent: dict[str, list[Event]]) -> None:
    for event in sent["recording.completed"]:
        assert same(event.body, twin(event).body)
        assert event.body != twin(event).body
        other = changed(event.body, password="x", recording_play_passcode="y", share_url="z", download_token="t")
        assert same(event.body, other)
        file = other["payload"]["object"]["recording_files"][0]
        file["play_url"] = file["download_url"] = "elsewhere"
        assert same(event.body, other)
        assert not same(event.body, changed(event.body, topic="another"))
        file["id"] = "another"
        assert not same(event.body, other)


def test_the_time_is_part_of_it() -> None:
    for body in (ENDED, LEFT, CREATED, RECORDED, REMOVED):
        assert not same(body, changed(body, event_ts=1785369806999))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path


def put(body: Json, path: tuple[Any, ...], value: Any) -> Json:
    made: Any = copy.deepcopy(body)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return dict(made)


def at(body: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        body = body[key]
    return body


JOINED = changed(LEFT) | {"event": "meeting.participant_joined"}
PERSONAL = [CREATED, LEFT, JOINED] + [
    CREATED | {"event": f"{kind}.registration_{word}"}
    for kind in Kind
    for word in ("created", "approved", "denied", "cancelled")
]
anything = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats(allow_nan=False))


@settings(deadline=None)
@given(st.data())
def test_two_bodies_that_differ_in_anything_about_a_person_are_never_one(data: st.DataObject) -> None:
    """Every field of people's events, addresses and links included, with any other value, or taken out."""
    body = data.draw(st.sampled_from(PERSONAL))
    path = data.draw(st.sampled_from(sorted(set(leaves(body)) - {("event",)}, key=str)))
    other = data.draw(anything)
    before = at(body, path)
    if not (type(other) is type(before) and other == before):
        assert not same(body, put(body, path, other))


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["id", "email", "user_name", "join_url"]), anything), max_size=4))
def test_bodies_of_any_number_of_people_are_one_only_when_they_are_equal(people: list[Json]) -> None:
    bodies = [put(JOINED, ("payload", "object", "participant"), person) for person in people]
    meant = {meaning(open_envelope(json.dumps(body).encode())) for body in bodies}
    assert len(meant) == len({json.dumps(person, sort_keys=True) for person in people})


@pytest.mark.parametrize("depth", [100, 300, 500, 700, 900, 950, 980, 990, 995])
@pytest.mark.parametrize("name", ["meeting.ended", "recording.completed", "x.y"])
@pytest.mark.parametrize("shape", [("[", "]"), ('{"a":', "}")])
def test_a_body_nested_however_deep_is_read_or_refused(name: str, depth: int, shape: tuple[str, str]) -> None:
    inside = shape[0] * depth + "1" + shape[1] * depth
    body = f'{{"event":"{name}","event_ts":1785369806781,"payload":{{"object":{inside}}}}}'.encode()
    outcomes: list[str] = []
    for step in (open_envelope, lambda raw: meaning(open_envelope(raw))):  # type: ignore[misc]
        try:
            step(body)  # type: ignore[operator]
            outcomes.append("read")
        except ContractError:
            outcomes.append("refused")
    assert set(outcomes) <= {"read", "refused"}
    if depth <= 100:
        assert outcomes == ["read", "read"]


def test_what_an_operator_ticks_is_what_is_read() -> None:
    assert set(events.SUBSCRIBED) == set(EVENTS)
    assert events.VALIDATION not in EVENTS
    readers: list[Callable[..., Any]] = list(EVENTS.values())
    assert all(callable(each) for each in readers)
