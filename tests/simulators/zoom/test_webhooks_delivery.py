from __future__ import annotations

import asyncio
import hmac
import itertools
import json
import re
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from tajo.simulators.serve import serve
from tajo.simulators.world import World
from tajo.simulators.zoom.webhooks import (
    Delivery,
    Event,
    Reply,
    WebhookSender,
    WebhookSwitches,
    events_of,
    post_over_http,
    post_to,
)

SECRET = "the secret token"
URL = "https://receiver.example/webhooks/zoom"


class Receiver:
    """Checks every request by the documentation and answers as told: a status, an exception, or late."""

    def __init__(self, *script: int | Exception | float) -> None:
        self.script = list(script)  # used up from the front; after that all is well
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.crc: Callable[[str], dict[str, Any]] | None = None
        self.at_once = self.most_at_once = 0
        self.takes_s = 0.0

    async def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        assert url == URL
        self.bodies.append(body)
        self.headers.append(headers)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._answer(body)
        finally:
            self.at_once -= 1

    async def _answer(self, body: bytes) -> Reply:
        await asyncio.sleep(self.takes_s)
        step = self.script.pop(0) if self.script else 204
        if isinstance(step, Exception):
            raise step
        if isinstance(step, float):
            await asyncio.sleep(step)
            step = 204
        payload = json.loads(body)["payload"]
        if step == 204 and "plainToken" in payload:
            return Reply(200, json.dumps((self.crc or answered)(payload["plainToken"])).encode())
        return Reply(step)

    def are_signed(self) -> bool:
        for body, headers in zip(self.bodies, self.headers, strict=True):
            signed = b"v0:" + headers["x-zm-request-timestamp"].encode() + b":" + body
            if headers["x-zm-signature"] != "v0=" + hmac.new(SECRET.encode(), signed, sha256).hexdigest():
                return False
        return True

    @property
    def names(self) -> list[str]:
        return [json.loads(body)["event"] for body in self.bodies]


def answered(token: str) -> dict[str, Any]:
    encrypted = hmac.new(SECRET.encode(), token.encode(), sha256).hexdigest()
    return {"plainToken": token, "encryptedToken": encrypted}


Make = Callable[..., WebhookSender]


@pytest.fixture
def sender(world: World, clock: Any) -> Make:
    def make(post: Any, **switches: Any) -> WebhookSender:
        return WebhookSender(
            world, url=URL, secret=SECRET, clock=clock, post=post, seed=5, switches=WebhookSwitches(**switches)
        )

    return make


@pytest.fixture
def events(world: World) -> list[Event]:
    """Some dozens, of a webinar with recordings."""
    session = next(s for s in world.sessions.values() if "봄 웨비나" in s.topic)
    return events_of(world, session, registrations=False)


def run(what: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await what

    return asyncio.run(wait())


def offsets(deliveries: list[Delivery]) -> list[float]:
    """Minutes since the first attempt."""
    return [(d.at - deliveries[0].at).total_seconds() / 60 for d in deliveries]


# --- the request ---


def test_every_request_is_signed_over_its_very_bytes_with_the_time_in_seconds(
    sender: Make, clock: Any, events: list[Event]
) -> None:
    for style in ("canonical", "spaced", "escaped"):
        receiver = Receiver()
        run(sender(receiver, json=style).send_all(events))
        assert receiver.are_signed()
        assert {h["x-zm-request-timestamp"] for h in receiver.headers} == {str(int(clock().timestamp()))}
        assert [json.loads(body) for body in receiver.bodies] == [event.body for event in events]


def test_the_headers_are_those_that_zoom_sends(sender: Make, events: list[Event]) -> None:
    receiver = Receiver()
    run(sender(receiver, authorization="Bearer own").send_all(events))
    head = receiver.headers[0]
    assert head["content-type"] == "application/json; charset=utf-8"
    assert head["user-agent"] == "Zoom Marketplace/1.0a"
    assert head["clientid"] == "simulated-client-id"
    assert head["authorization"] == "Bearer own"
    assert re.fullmatch(r"[0-9a-f]{8}(_[0-9a-f]{4}){3}_[0-9a-f]{12}", head["x-zm-request-id"])
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-02", head["traceparent"])
    forms = {re.sub("[0-9a-f]{8,}.*", "", h["x-zm-trackingid"]) for h in receiver.headers}
    assert forms == {"v=2.0;clid=us02;rid=WEB_", "EventService_"}
    assert len({h["x-zm-request-id"] for h in receiver.headers}) == len(events)


def test_the_clock_in_the_header_may_be_off(sender: Make, clock: Any, events: list[Event]) -> None:
    receiver = Receiver()
    run(sender(receiver, timestamp_skew_s=-1.5).send(events[0]))
    assert int(receiver.headers[0]["x-zm-request-timestamp"]) == int(clock().timestamp()) - 2
    assert receiver.are_signed()


# --- retries ---


@pytest.mark.parametrize("status", [200, 201, 204])
def test_what_is_accepted_is_sent_once(sender: Make, clock: Any, events: list[Event], status: int) -> None:
    one = sender(Receiver(status))
    delivery = run(one.send(events[0]))
    assert (delivery.outcome, delivery.status, delivery.attempt) == ("delivered", status, 0)
    assert one.next_due is None


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 413, 429])
def test_redirects_and_refusals_lose_the_event(sender: Make, events: list[Event], status: int) -> None:
    one = sender(Receiver(status))
    delivery = run(one.send(events[0]))
    assert (delivery.outcome, delivery.reason) == ("dropped", f"HTTP {status}")
    assert one.next_due is None


def test_server_errors_are_retried_after_5_25_and_85_minutes_then_given_up(
    sender: Make, clock: Any, events: list[Event]
) -> None:
    receiver = Receiver(500, 502, 503, 599, 599)
    one = sender(receiver)
    run(one.send(events[0]))
    run(one.finish(lambda due: setattr(clock, "now", due)))
    assert offsets(one.deliveries) == [0, 5, 25, 85]
    assert [d.attempt for d in one.deliveries] == [0, 1, 2, 3]
    assert [d.outcome for d in one.deliveries] == [*["to_be_retried"] * 3, "dropped"]
    assert len(receiver.bodies) == 4


def test_a_retry_has_the_same_bytes_and_request_id_and_a_fresh_signature(
    sender: Make, clock: Any, events: list[Event]
) -> None:
    receiver = Receiver(503, 503)
    one = sender(receiver)
    run(one.send(events[0]))
    run(one.finish(lambda due: setattr(clock, "now", due)))
    assert [d.outcome for d in one.deliveries] == ["to_be_retried", "to_be_retried", "delivered"]
    assert len(set(receiver.bodies)) == 1
    assert len({h["x-zm-request-id"] for h in receiver.headers}) == 1
    stamps = [int(h["x-zm-request-timestamp"]) for h in receiver.headers]
    assert [stamp - stamps[0] for stamp in stamps] == [0, 300, 1500]
    assert len({h["x-zm-signature"] for h in receiver.headers}) == 3
    assert receiver.are_signed()


def test_only_time_brings_a_retry(sender: Make, clock: Any, events: list[Event]) -> None:
    one = sender(Receiver(500))
    run(one.send(events[0]))
    clock.forward(minutes=4, seconds=59)
    assert run(one.tick()) == []
    clock.forward(seconds=1)
    assert [d.outcome for d in run(one.tick())] == ["delivered"]


def test_a_refusal_of_a_retry_loses_the_event_after_all(sender: Make, clock: Any, events: list[Event]) -> None:
    one = sender(Receiver(500, 401))
    run(one.send(events[0]))
    run(one.finish(lambda due: setattr(clock, "now", due)))
    assert [d.outcome for d in one.deliveries] == ["to_be_retried", "dropped"]


@pytest.mark.parametrize(
    ("failure", "code"),
    [(ConnectionRefusedError(), -2), (ConnectionResetError(), -3), (5.0, -1)],
    ids=["refused", "reset", "late"],
)
def test_failures_of_the_transport_are_retried(
    sender: Make, clock: Any, events: list[Event], failure: Any, code: int
) -> None:
    one = sender(Receiver(failure), timeout_s=0.02)
    delivery = run(one.send(events[0]))
    assert (delivery.outcome, delivery.status, delivery.code) == ("to_be_retried", 0, code)
    assert one.next_due == clock() + timedelta(minutes=5)


def test_three_seconds_are_the_time_for_an_answer() -> None:
    assert WebhookSwitches().timeout_s == 3.0


def test_a_late_success_reached_the_receiver_and_comes_again(sender: Make, clock: Any, events: list[Event]) -> None:
    receiver = Receiver(0.2)
    one = sender(receiver, timeout_s=0.02)
    run(one.send(events[0]))
    run(one.finish(lambda due: setattr(clock, "now", due)))
    assert len(receiver.bodies) == 2
    assert receiver.bodies[0] == receiver.bodies[1]


# --- many events ---


def test_by_default_everything_comes_once_and_in_order(sender: Make, events: list[Event]) -> None:
    receiver = Receiver()
    run(sender(receiver).send_all(events))
    assert receiver.names == [event.name for event in events]


def test_without_a_choice_all_that_happened_until_now_is_sent(sender: Make, clock: Any, world: World) -> None:
    clock.now = world.now - timedelta(days=20)
    receiver = Receiver()
    run(sender(receiver).send_all())
    sent = [json.loads(body)["event_ts"] for body in receiver.bodies]
    assert 0 < max(sent) < clock().timestamp() * 1000
    assert len(sent) == len(events_of(world, until=clock()))


def test_events_come_shuffled_the_same_way_for_a_seed(sender: Make, events: list[Event]) -> None:
    first, second = Receiver(), Receiver()
    run(sender(first, shuffled=True).send_all(events))
    run(sender(second, shuffled=True).send_all(events))
    assert first.bodies == second.bodies
    assert first.names != [event.name for event in events]
    assert Counter(first.names) == Counter(event.name for event in events)


def test_doubles_are_the_same_bytes_under_the_same_request_id(sender: Make, events: list[Event]) -> None:
    receiver = Receiver()
    run(sender(receiver, duplicate_rate=0.5, shuffled=True).send_all(events))
    times = Counter(zip(receiver.bodies, (h["x-zm-request-id"] for h in receiver.headers), strict=True))
    doubles = sum(count == 2 for count in times.values())
    assert len(times) == len(events)
    assert len(events) * 0.3 < doubles < len(events) * 0.7


def test_a_recording_may_be_told_of_twice_with_other_addresses(sender: Make, events: list[Event]) -> None:
    receiver = Receiver()
    run(sender(receiver, twin_recordings=True).send_all(events))
    completed = [json.loads(body) for body in receiver.bodies if b'"recording.completed"' in body]
    assert len(completed) == 2
    assert completed[0]["download_token"] != completed[1]["download_token"]
    assert len({h["x-zm-request-id"] for h in receiver.headers}) == len(events) + 1


def test_some_events_never_come(sender: Make, events: list[Event]) -> None:
    receiver = Receiver()
    one = sender(receiver, drop_rate=0.3, lost_events=frozenset({"webinar.ended"}))
    run(one.send_all(events))
    assert "webinar.ended" not in receiver.names
    assert len(one.lost) + len(receiver.bodies) == len(events)
    assert len(events) * 0.15 < len(one.lost) < len(events) * 0.45


def test_some_events_come_hours_later(sender: Make, clock: Any, events: list[Event]) -> None:
    receiver = Receiver()
    one = sender(receiver, late_rate=0.4, late_by=timedelta(hours=7))
    run(one.send_all(events))
    soon = len(receiver.bodies)
    assert 0 < soon < len(events)
    assert one.next_due == clock() + timedelta(hours=7)
    run(one.finish(lambda due: setattr(clock, "now", due)))
    assert Counter(receiver.names) == Counter(event.name for event in events)
    assert receiver.are_signed()


def test_several_deliveries_can_be_under_way_at_once(sender: Make, events: list[Event]) -> None:
    receiver = Receiver()
    receiver.takes_s = 0.002
    run(sender(receiver, concurrency=8).send_all(events))
    assert receiver.most_at_once == 8
    assert Counter(receiver.names) == Counter(event.name for event in events)


def test_the_record_can_be_asked(sender: Make, events: list[Event]) -> None:
    one = sender(Receiver(500, 404))
    run(one.send_all(events))
    assert len(one.selected(outcome="to_be_retried")) == len(one.selected(outcome="dropped")) == 1
    assert len(one.selected(event="webinar.started", attempt=0)) == 1
    assert len(one.deliveries) == len(events)


# --- in fast time ---


def test_a_webinar_plays_in_its_own_rhythm(sender: Make, clock: Any, events: list[Event]) -> None:
    """A minute of the world is a second; the recording, 40 minutes after the end, is not waited for that long."""
    waits: list[float] = []
    stamps: list[datetime] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    receiver = Receiver()
    clock.now = events[0].at - timedelta(hours=1)
    run(
        sender(receiver).play(
            events, speed=60, move=lambda at: (stamps.append(at), setattr(clock, "now", at)), sleep=sleep
        )
    )
    assert receiver.names == [event.name for event in events]
    assert stamps == [event.at for event in events]
    gaps = [(b.at - a.at).total_seconds() / 60 for a, b in itertools.pairwise(events)]
    assert waits == pytest.approx([0, *(min(gap, 5) for gap in gaps)])
    assert [int(h["x-zm-request-timestamp"]) for h in receiver.headers] == [int(e.at.timestamp()) for e in events]
    assert receiver.are_signed()


def test_a_slow_receiver_does_not_hold_up_the_play(sender: Make, events: list[Event]) -> None:
    receiver = Receiver()
    receiver.takes_s = 0.05
    run(sender(receiver).play(events, speed=1e9))
    assert receiver.most_at_once > 10


def test_registrations_may_be_left_out_of_the_play_or_begin_later(sender: Make, world: World, clock: Any) -> None:
    session = next(s for s in world.sessions.values() if "Kundentag" in s.topic)
    receiver = Receiver()
    run(sender(receiver).play(session.instances[0], speed=1e9, registrations=False))
    assert not any("registration" in name for name in receiver.names)
    receiver = Receiver()
    since = session.instances[-1].start
    run(sender(receiver).play(session, speed=1e9, since=since))
    assert receiver.names[0] == "webinar.started"


def test_retries_that_are_due_go_out_during_the_play(sender: Make, clock: Any, events: list[Event]) -> None:
    clock.now = events[0].at
    one = sender(Receiver(500))
    run(one.play(events, speed=1e9, move=lambda at: setattr(clock, "now", at)))
    retried = one.selected(attempt=1)
    assert [delivery.event for delivery in retried] == [events[0].name]
    assert timedelta(minutes=5) <= retried[0].at - one.deliveries[0].at < timedelta(minutes=50)


# --- validation ---


def test_a_validation_is_a_signed_event_that_wants_its_token_encrypted(sender: Make, clock: Any) -> None:
    receiver = Receiver()
    one = sender(receiver)
    assert run(one.validate())
    assert receiver.are_signed()
    body = json.loads(receiver.bodies[0])
    assert list(body) == ["payload", "event_ts", "event"]
    assert body["event"] == "endpoint.url_validation"
    assert body["event_ts"] == int(clock().timestamp() * 1000)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", body["payload"]["plainToken"])


def test_a_validation_may_come_unsigned_and_with_any_token(sender: Make) -> None:
    receiver = Receiver()
    one = sender(receiver, validation_signed=False)
    assert run(one.validate("v0:1732440600:{}"))
    assert not {"x-zm-signature", "x-zm-request-timestamp"} & receiver.headers[0].keys()
    assert json.loads(receiver.bodies[0])["payload"] == {"plainToken": "v0:1732440600:{}"}


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda token: answered(token) | {"encryptedToken": "0" * 64}, id="encrypted with another secret"),
        pytest.param(lambda token: answered(token) | {"plainToken": "x"}, id="another token"),
        pytest.param(lambda token: [token], id="no object"),
    ],
)
def test_a_wrong_answer_fails_the_validation(sender: Make, wrong: Any) -> None:
    receiver = Receiver()
    receiver.crc = wrong
    assert not run(sender(receiver).validate())


@pytest.mark.parametrize("answer", [204, 201, 401, 500, 0.5], ids=["204 without body", "201", "401", "500", "late"])
def test_only_a_200_in_time_passes(sender: Make, world: World, clock: Any, answer: Any) -> None:
    async def post(url: str, body: bytes, headers: dict[str, str]) -> Reply:
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer_body = json.dumps(answered(json.loads(body)["payload"]["plainToken"])).encode()
            return Reply(200, answer_body)
        return Reply(answer)

    assert not run(sender(post, timeout_s=0.02).validate())


def test_an_address_is_validated_every_72_hours(sender: Make, clock: Any) -> None:
    receiver = Receiver()
    one = sender(receiver)
    run(one.tick())
    assert receiver.names == []
    run(one.validate())
    for hours in (71, 1, 71, 1):
        clock.forward(hours=hours)
        run(one.tick())
    assert receiver.names == ["endpoint.url_validation"] * 3


def test_two_and_four_failures_are_mailed_and_six_disable(sender: Make, clock: Any, events: list[Event]) -> None:
    receiver = Receiver()
    one = sender(receiver)
    run(one.validate())
    receiver.crc = lambda token: {}
    for failures in range(1, 7):
        clock.forward(hours=72)
        run(one.tick())
        assert len(one.mails) == (0 if failures < 2 else 1 if failures < 4 else 2)
        assert one.disabled is (failures == 6)
    assert [mail.failures for mail in one.mails] == [2, 4]
    before = len(receiver.bodies)
    assert run(one.send(events[0])).reason == "subscription disabled"
    clock.forward(days=30)
    run(one.tick())
    assert len(receiver.bodies) == before
    assert not run(one.validate())
    assert one.disabled
    receiver.crc = None
    assert run(one.validate())
    assert run(one.send(events[0])).outcome == "delivered"


def test_one_success_forgets_the_failures(sender: Make, clock: Any) -> None:
    receiver = Receiver(204, 500, 500, 500, 500, 500, 204, 500)
    one = sender(receiver)
    run(one.validate())
    clock.forward(hours=72 * 7)
    run(one.tick())
    assert len(receiver.bodies) == 8
    assert not one.disabled
    assert one.validation.failures == 1


# --- the ways to the receiver ---


class App:
    """An ASGI application that answers 503 once, then 204."""

    def __init__(self) -> None:
        self.heads: list[dict[bytes, bytes]] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.heads.append(dict(scope["headers"]))
        self.bodies.append((await receive())["body"])
        if len(self.bodies) == 2:
            raise ConnectionResetError
        status = 503 if len(self.bodies) == 1 else 204
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def test_an_application_in_this_process_receives_the_bytes(world: World, clock: Any, events: list[Event]) -> None:
    app = App()
    one = WebhookSender(world, url=URL, secret=SECRET, clock=clock, post=post_to(app))
    run(one.send(events[0]))
    run(one.finish(lambda due: setattr(clock, "now", due)))
    assert [d.status for d in one.deliveries] == [503, 500, 204]
    assert len(set(app.bodies)) == 1
    assert app.heads[0][b"content-type"] == b"application/json; charset=utf-8"
    assert app.heads[0][b"x-zm-signature"].startswith(b"v0=")


def test_a_real_socket_receives_them_too_and_a_closed_one_is_refused(
    world: World, clock: Any, events: list[Event]
) -> None:
    app = App()
    app.bodies = [b"", b""]
    with serve(app) as address:
        one = WebhookSender(world, url=f"{address}/hook", secret=SECRET, clock=clock, post=post_over_http())
        assert run(one.send(events[0])).outcome == "delivered"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        one.url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        assert run(one.send(events[0])).code == -2
