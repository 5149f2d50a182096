"""What Zoom really sent: three deliveries, names and addresses replaced, signed anew with the fixtures' own secret.

They lie beside the repository; where they do not, the tests are skipped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo.connectors.zoom.api.participants import read_row
from tajo.connectors.zoom.api.recordings import read_recording
from tajo.connectors.zoom.api.sessions import read_past
from tajo.connectors.zoom.normalise import email, found_in_report
from tajo.connectors.zoom.webhook import is_genuine
from tajo.core.facts import Kind

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "zoom-webhooks"
NAMES = ("meeting-ended", "meeting-participant_joined", "recording-completed")
UUID = "de+IDqR9f3hhT9D8/NA/J1=="
START = datetime(2026, 7, 29, 23, 55, 56, tzinfo=UTC)


@dataclass(frozen=True)
class Delivery:
    body: bytes
    headers: dict[str, str]
    secret: str
    event: str
    byte_length: int

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def object(self) -> dict[str, Any]:
        found: dict[str, Any] = self.payload["payload"]["object"]
        return found

    @property
    def signed_at(self) -> datetime:
        return datetime.fromtimestamp(int(self.headers["x-zm-request-timestamp"]), UTC)

    def genuine(self, **changes: Any) -> bool:
        given = {
            "signature": self.headers["x-zm-signature"],
            "timestamp": self.headers["x-zm-request-timestamp"],
            "secret": self.secret,
            "now": self.signed_at,
            **changes,
        }
        body = given.pop("body", self.body)
        return is_genuine(body, **given)


def delivery(name: str) -> Delivery:
    file = FOLDER / f"{name}.json"
    if not file.is_file():
        pytest.skip(f"THE REAL DELIVERIES ARE NOT THERE: no file {file}")
    told = json.loads(file.read_text(encoding="utf-8"))
    return Delivery(
        told["rawBody"].encode(), told["headers"], told["_fixtureSecret"], told["event"], told["rawBodyByteLength"]
    )


@pytest.fixture(params=NAMES)
def each(request: pytest.FixtureRequest) -> Delivery:
    return delivery(request.param)


def test_a_real_delivery_is_genuine(each: Delivery) -> None:
    assert each.genuine()
    assert each.genuine(now=each.signed_at + timedelta(minutes=2))
    assert each.genuine(now=each.signed_at - timedelta(seconds=2))  # their clock was 398 ms ahead once


def test_it_is_signed_over_the_bytes_as_sent(each: Delivery) -> None:
    """Letters outside of ASCII stand in it unescaped: JSON read and written again is something else."""
    assert len(each.body) == each.byte_length == int(each.headers["content-length"])
    assert not each.genuine(body=json.dumps(each.payload).encode())
    assert not each.genuine(body=each.body + b"\n")
    assert not each.genuine(body=each.body.replace(b"85", b"86", 1))


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another"},
        {"secret": ""},
        {"signature": ""},
        {"signature": "v0="},
        {"timestamp": ""},
        {"timestamp": "1785368935"},
        {"timestamp": "soon"},
        {"now": datetime(2026, 11, 24, tzinfo=UTC)},
    ],
    ids=repr,
)
def test_anything_else_is_not(changes: dict[str, Any], each: Delivery) -> None:
    assert not each.genuine(**changes)


def test_the_event_in_the_body_is_the_event(each: Delivery) -> None:
    """`event_ts` is milliseconds, and minutes away from the time of the request."""
    assert each.payload["event"] == each.event
    sent = datetime.fromtimestamp(each.payload["event_ts"] / 1000, UTC)
    assert abs(sent - START) < timedelta(minutes=20)


def test_a_meeting_that_ended() -> None:
    """The object is an instance: scheduled 30 minutes, over after seven and a half. Its host's address has another name
    than in reports.
    """
    told = delivery("meeting-ended").object
    ended = read_past(told)
    assert ended.uuid == UUID
    assert ended.id == "86084701483"
    assert ended.topic == "PRUEBA SPIKE — no unirse"
    assert ended.start_time == START
    assert ended.end_time == START + timedelta(minutes=7, seconds=30)
    found = found_in_report(ended)
    assert found is not None
    assert (found.kind, found.session_id) == (Kind.MEETING, "86084701483")
    assert found.instance.end == ended.end_time
    assert email(told["host_email"]) == "host-1213@example-synthetic.test"


def test_a_participant_who_joined() -> None:
    """In webhooks the name is `user_name` and the address `email`; the keys that tell who it is are the report's."""
    told = delivery("meeting-participant_joined").object
    participant = told["participant"]
    row = read_row({**participant, "name": participant["user_name"], "user_email": participant["email"]})
    assert row.name == "Anfitrion Spike"
    assert email(row.email) == "host-1213@example-synthetic.test"
    assert row.join_time == START
    assert row.leave_time is None
    assert row.duration_s == 0
    assert row.participant_user_id == told["host_id"] == "UsermSB-FIHyajLpZE6nd3"
    assert row.customer_key == "47d97a107c8f4c348519b4c77ed439d9"
    assert row.join_id == "62143101"
    assert row.registrant_id == ""
    assert not row.waiting


def test_the_same_instance_has_the_same_uuid_everywhere() -> None:
    """A slash in its middle is no reason to encode it twice, and its numeric id is text here, a number there."""
    objects = [delivery(name).object for name in NAMES]
    assert {each["uuid"] for each in objects} == {UUID}
    assert {str(each["id"]) for each in objects} == {"86084701483"}


def test_a_recording_that_is_complete() -> None:
    """The recorder was started twice: two sets of three files under one uuid."""
    recording = read_recording(delivery("recording-completed").object)
    assert recording.uuid == UUID
    assert recording.id == "86084701483"
    assert recording.host_email == "host-1213@example-synthetic.test"
    assert recording.start_time == START
    assert recording.duration_min == 2
    assert recording.is_complete
    assert recording.share_url == "https://example-synthetic.test/redacted"
    assert len(recording.files) == 6
    assert sorted(file.type for file in recording.files) == ["M4A", "M4A", "MP4", "MP4", "TIMELINE", "TIMELINE"]
    assert {file.start for file in recording.files} == {START, START + timedelta(minutes=2, seconds=15)}
    assert all(file.size_bytes > 0 for file in recording.files)
    shown = repr(recording)
    assert recording.passcode == "" or recording.passcode not in shown
