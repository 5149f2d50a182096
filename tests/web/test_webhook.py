"""The answer decides what Zoom does: 2xx is done, 5xx is sent again, 4xx is lost. So genuine ones never get a 4xx."""

from __future__ import annotations

import asyncio
import gzip
import hmac
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tajo import logs
from tajo.simulators.world import live_webinar
from tajo.simulators.zoom.webhooks import WebhookSender, WebhookSwitches, post_to, sign
from tajo.store.database import Database
from tajo.store.inbox import HANDLED, WAITING, Inbox
from tajo.web.delivered import BODY_DEADLINE
from tajo.web.webhook import ZoomWebhook
from tajo.workflows import intake

SECRET = "s3cret-token"
EVENT = (
    '{"event":"meeting.started","event_ts":1795512600000,'
    '"payload":{"object":{"id":"97","uuid":"u==","start_time":"2026-11-24T09:30:00Z","topic":"봄"}}}'
).encode()


def challenge(token: Any, **more: Any) -> bytes:
    return json.dumps(
        {"payload": {"plainToken": token}, "event_ts": 1654503849680, "event": "endpoint.url_validation"} | more
    ).encode()


# --- genuine ones ---


@pytest.mark.anyio
@pytest.mark.parametrize(
    "body",
    [EVENT, b'{"event":"meeting.teleported","event_ts":1}', b"{", b"", b"\xff\xfe\x00", b"[" * 100_000, b"null"],
)
async def test_a_signed_delivery_is_kept_byte_by_byte_and_acknowledged(front: Any, body: bytes) -> None:
    """Known, unknown or unreadable: 204 without a body, and it is in the database by then."""
    answer = await front.deliver(body)
    assert (answer.status, answer.is_empty) == (204, True)
    assert "content-length" not in answer.headers
    ((delivery, _),) = front.kept()
    assert (delivery.body, delivery.state, delivery.received_at) == (body, WAITING, front.clock())


@pytest.mark.anyio
async def test_only_headers_that_are_harmless_are_kept(front: Any) -> None:
    """No signature, no credentials; what is kept is no longer than 200 characters."""
    await front.deliver(EVENT, **{"x-zm-trackingid": "t" * 5000, "cookie": "c", "x-forwarded-for": "203.0.113.1"})
    ((_, headers),) = front.kept()
    assert headers == {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Zoom Marketplace/1.0a",
        "x-zm-request-id": "6009d653_d487_445d_8406_42b654974899",
        "x-zm-trackingid": "t" * 200,
        "x-zm-request-timestamp": str(int(front.clock().timestamp())),
    }


@pytest.mark.anyio
async def test_a_retry_is_signed_anew_and_is_one_delivery(front: Any) -> None:
    """The same bytes five minutes later: 204, one row, the first one's time."""
    first = front.clock()
    assert (await front.deliver(EVENT)).status == 204
    front.clock.forward(minutes=5)
    assert (await front.deliver(EVENT)).status == 204
    ((delivery, _),) = front.kept()
    assert delivery.received_at == first
    assert await front.figure("tajo_webhooks_received_total") == 2
    assert await front.figure("tajo_webhooks_duplicates") == 1


@pytest.mark.anyio
async def test_a_body_in_pieces_is_the_same(front: Any) -> None:
    pieces = [EVENT[:1], b"", EVENT[1:50], EVENT[50:]]
    assert (await front.ask(pieces, front.signed(EVENT))).status == 204
    assert front.kept()[0][0].body == EVENT


@pytest.mark.anyio
async def test_two_secrets_are_good_while_one_replaces_the_other(front: Any) -> None:
    front.secrets[:] = ["new-secret", SECRET]
    assert (await front.deliver(EVENT)).status == 204
    assert (await front.deliver(b"2", secret="new-secret")).status == 204
    front.secrets[:] = ["new-secret"]
    assert (await front.deliver(b"3")).status == 401
    assert (await front.deliver(b"4", secret="new-secret")).status == 204
    assert len(front.kept()) == 3


@pytest.mark.anyio
@pytest.mark.parametrize("seconds", [-300, 300])
async def test_five_minutes_either_way_are_fresh_and_a_second_more_is_not(front: Any, seconds: int) -> None:
    more = 1 if seconds > 0 else -1
    at = front.clock() + timedelta(seconds=seconds)
    assert (await front.deliver(EVENT, at=at)).status == 204
    assert (await front.deliver(b"2", at=at + timedelta(seconds=more))).status == 401


@pytest.mark.anyio
async def test_a_signed_body_with_an_encoding_is_genuine_and_never_unpacked(front: Any) -> None:
    """A proxy may have unpacked it and left the header; else it is unreadable. Neither is lost."""
    packed = gzip.compress(EVENT)
    for body in (EVENT, packed):
        assert (await front.deliver(body, **{"content-encoding": "gzip"})).status == 204
    assert [delivery.body for delivery, _ in front.kept()] == [EVENT, packed]
    assert (await front.ask(packed, [(b"content-encoding", b"gzip")])).status == 401


@pytest.mark.anyio
async def test_a_whole_webinar_from_the_simulator(front: Any) -> None:
    """Every delivery of it is acknowledged once, doubled ones too, and every body is kept."""
    world = live_webinar(5, now=front.clock()).after
    switches = WebhookSwitches(shuffled=True, duplicate_rate=0.3, twin_recordings=True, concurrency=16)
    sender = WebhookSender(
        world,
        url="http://tajo.example/webhooks/zoom",
        secret=SECRET,
        clock=front.clock,
        post=post_to(front.app),
        switches=switches,
    )
    assert await sender.validate()
    front.clock.now = world.now
    sent = await sender.send_all()
    assert {(each.status, each.outcome) for each in sent} == {(204, "delivered")}
    assert len(sent) > 100
    bodies = {each.body for each in sent}
    assert {delivery.body for delivery, _ in front.kept() if delivery.state == WAITING} == bodies
    assert len(bodies) < len(sent)


# --- forgeries ---


@pytest.mark.anyio
async def test_the_log_tells_why_and_the_sender_is_told_nothing(front: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A clock that is wrong looks otherwise than a secret that is: only what is rightly signed is stale."""
    old = front.clock() - timedelta(hours=1)
    tries = {
        "no signature": [[], without(front.signed(EVENT), b"x-zm-signature")],
        "wrong signature": [front.signed(EVENT, secret="guessed"), front.signed(EVENT, secret="guessed", at=old)],
        "stale timestamp": [front.signed(EVENT, at=old)],
    }
    front.secrets[:] = ["new-secret", SECRET]
    for why, headers in tries.items():
        for each in headers:
            with logs.started(level="info"):
                answer = await front.ask(EVENT, each)
            assert (answer.status, answer.is_empty, answer.headers) == (401, True, {"content-length": "0"})
            (told,) = map(json.loads, capsys.readouterr().err.splitlines())
            assert (told["event"], told["status"], told["why"]) == ("webhook.refused", 401, why)
    assert await front.figure('tajo_webhooks_refused_total{status="401",why="forged"}') == 5


def without(headers: list[tuple[bytes, bytes]], *names: bytes) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name not in names]


def forged(front: Any) -> dict[str, list[tuple[bytes, bytes]]]:
    good = dict(front.signed(EVENT))
    time, signature = good[b"x-zm-request-timestamp"], good[b"x-zm-signature"]

    def other(**changes: bytes) -> list[tuple[bytes, bytes]]:
        return list(
            {**good, **{f"x-zm-{name.replace('_', '-')}".encode(): value for name, value in changes.items()}}.items()
        )

    def signed_at(time: str) -> list[tuple[bytes, bytes]]:
        return other(
            request_timestamp=time.encode("latin-1"), signature=sign(EVENT, secret=SECRET, timestamp=time).encode()
        )

    return {
        "nothing": [],
        "no signature": without(front.signed(EVENT), b"x-zm-signature"),
        "no time": without(front.signed(EVENT), b"x-zm-request-timestamp"),
        "another secret": front.signed(EVENT, secret="guessed"),
        "another body": front.signed(EVENT + b" "),
        "capitals": other(signature=signature.upper()),
        "no version": other(signature=signature[3:]),
        "too short": other(signature=signature[:-1]),
        "too long": other(signature=signature + b"0"),
        "not ascii": other(signature=b"v0=\xff\xfe" + signature[5:]),
        "empty": other(signature=b"", request_timestamp=b""),
        "huge": other(signature=b"v0=" + b"f" * 60_000),
        "another time": other(request_timestamp=str(int(time) + 1).encode()),
        "no number": signed_at("now"),
        "nan": signed_at("nan"),
        "milliseconds": signed_at(time.decode() + "000"),
        "decimals": signed_at(time.decode() + ".0"),
        "blank": signed_at(" " + time.decode()),
        "minus": signed_at("-" + time.decode()),
        "digits of elsewhere": signed_at("\xb2" * 10),
        "year 2286": signed_at("9999999999"),
        "1970": signed_at("0000000000"),
    }


@pytest.mark.anyio
async def test_a_forgery_is_refused_without_a_word_and_nothing_is_kept(front: Any) -> None:
    """All look the same to the forger: 401, empty; one counter tells."""
    tries = forged(front)
    for name, headers in tries.items():
        answer = await front.ask(EVENT, headers)
        assert (answer.status, answer.is_empty, answer.headers) == (401, True, {"content-length": "0"}), name
    assert front.kept() == []
    assert await front.figure('tajo_webhooks_refused_total{status="401",why="forged"}') == len(tries)


@pytest.mark.anyio
async def test_whatever_goes_wrong_while_verifying_is_a_forgery(front: Any) -> None:
    """A secret that cannot be made into bytes is the operator's mistake, and no reason for Zoom to try again."""
    front.secrets[:] = ["\ud800"]
    assert (await front.deliver(EVENT)).status == 401


@pytest.mark.anyio
async def test_of_a_header_that_is_there_twice_the_last_counts(front: Any) -> None:
    good, bad = (b"x-zm-signature", dict(front.signed(EVENT))[b"x-zm-signature"]), (b"X-Zm-Signature", b"v0=")
    rest = without(front.signed(EVENT), b"x-zm-signature")
    assert (await front.ask(EVENT, [*rest, good, bad])).status == 401
    assert (await front.ask(EVENT, [*rest, bad, good])).status == 204


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(signature=st.binary(max_size=100), timestamp=st.binary(max_size=30), body=st.binary(max_size=100))
@pytest.mark.anyio
async def test_no_header_is_an_error(front: Any, signature: bytes, timestamp: bytes, body: bytes) -> None:
    answer = await front.ask(body, [(b"x-zm-signature", signature), (b"x-zm-request-timestamp", timestamp)])
    assert answer.status == 401


# --- the validation ---


@pytest.mark.anyio
@pytest.mark.parametrize("signed", [True, False])
async def test_a_challenge_is_answered(front: Any, signed: bool) -> None:
    """Zoom signs it, by its documentation; without a signature it is answered as well, for its token can do no harm."""
    token = "qgg8vlvZRS6UYooatFL8Aw"
    body = challenge(token)
    answer = await front.ask(body, front.signed(body) if signed else [])
    expected = hmac.new(SECRET.encode(), token.encode(), sha256).hexdigest()
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == {"plainToken": token, "encryptedToken": expected}
    ((delivery, _),) = front.kept()
    assert (delivery.state, delivery.event, delivery.body) == (HANDLED, "endpoint.url_validation", body)
    stamp = await front.figure("tajo_webhook_last_validation_timestamp_seconds")
    assert stamp == front.clock().timestamp()


@pytest.mark.anyio
async def test_a_challenge_is_answered_with_the_secret_that_signed_it(front: Any) -> None:
    front.secrets[:] = ["new-secret", SECRET]
    body = challenge("abc")
    for secret in front.secrets:
        answer = await front.ask(body, front.signed(body, secret=secret))
        assert json.loads(answer.body)["encryptedToken"] == hmac.new(secret.encode(), b"abc", sha256).hexdigest()


@pytest.mark.anyio
async def test_the_signing_oracle_is_closed(front: Any) -> None:
    """A token that is the text of a signature would come back as the signature of a forged webhook."""
    time = str(int(front.clock().timestamp()))
    forged = '{"event":"meeting.ended"}'
    for token in (f"v0:{time}:{forged}", f"v0:{time}:x"):
        answer = await front.ask(challenge(token))
        assert (answer.status, answer.is_empty) == (400, True)
    assert front.kept() == []


@pytest.mark.anyio
@pytest.mark.parametrize("token", ["", "a b", "a:b", "é", "a\n", "x" * 129, None, 7, True, ["abc"], {"a": 1}])
@pytest.mark.parametrize("signed", [True, False])
async def test_any_other_challenge_is_refused(front: Any, token: Any, signed: bool) -> None:
    body = challenge(token)
    answer = await front.ask(body, front.signed(body) if signed else [])
    assert (answer.status, answer.is_empty) == (400, True)
    assert front.kept() == []


@pytest.mark.anyio
@pytest.mark.parametrize("payload", [None, [], "abc", {}, {"plaintoken": "abc"}])
@pytest.mark.parametrize("signed", [True, False])
async def test_a_challenge_without_a_token_is_refused(front: Any, payload: Any, signed: bool) -> None:
    body = challenge("", payload=payload)
    assert (await front.ask(body, front.signed(body) if signed else [])).status == 400
    without_payload = b'{"event":"endpoint.url_validation"}'
    assert (await front.ask(without_payload, front.signed(without_payload) if signed else [])).status == 400


@pytest.mark.anyio
async def test_a_challenge_with_a_wrong_signature_is_a_forgery(front: Any) -> None:
    """Also with only half of one."""
    body = challenge("abc")
    for headers in (
        front.signed(body, secret="guessed"),
        front.signed(body + b" "),
        without(front.signed(body), b"x-zm-signature"),
        without(front.signed(body), b"x-zm-request-timestamp"),
        front.signed(body, at=front.clock() - timedelta(minutes=6)),
    ):
        assert (await front.ask(body, headers)).status == 401
    assert front.kept() == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    "body",
    [
        b'{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}',
        b'[{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}]',
        b'{"event":["endpoint.url_validation"],"payload":{"plainToken":"abc"}}',
        b'{"event":"endpoint.url_validation2","payload":{"plainToken":"abc"}}',
        b'{"event":"x","payload":{"event":"endpoint.url_validation","plainToken":"abc"}}',
        b'"endpoint.url_validation"',
        b"[" * 900 + b'"endpoint.url_validation"',
    ],
)
async def test_what_only_looks_like_a_challenge_is_none(front: Any, body: bytes) -> None:
    """Unsigned it is a forgery, signed it is a delivery."""
    assert (await front.ask(body)).status == 401
    assert (await front.deliver(body)).status == 204


@pytest.mark.anyio
async def test_nobody_fills_the_disk_with_challenges(front: Any) -> None:
    """Without a signature: an answer each, a row a minute; and none that is larger than a challenge is."""
    for number in range(20):
        assert (await front.ask(challenge(f"token{number}"))).status == 200
    assert len(front.kept()) == 1
    front.clock.forward(minutes=1)
    assert (await front.ask(challenge("later"))).status == 200
    assert len(front.kept()) == 2
    assert (await front.ask(challenge("abc", padding="x" * 2000))).status == 401
    assert len(front.kept()) == 2


@pytest.mark.anyio
async def test_each_challenge_that_zoom_signed_is_a_row(front: Any) -> None:
    body = challenge("abc")
    for _ in range(3):
        front.clock.forward(hours=72)
        assert (await front.deliver(body)).status == 200
    assert len(front.kept()) == 3


@pytest.mark.anyio
async def test_a_kept_challenge_is_nothing_to_fold(front: Any) -> None:
    await front.ask(challenge("abc"))
    assert front.inbox.database.read_now(intake.take) == ([], {})


# --- what cannot be kept now has to come again ---


@contextmanager
def locked(database: Database) -> Iterator[None]:
    if database.sqlite:
        with closing(sqlite3.connect(database.url.database or "", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    with database.engine.connect() as connection:
        connection.execute(sa.text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
        yield
        connection.rollback()


def must_come_again(answer: Any) -> None:
    assert (answer.status, answer.is_empty) == (503, True)
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["connection"] == "close"


@pytest.mark.anyio
@pytest.mark.parametrize("body", [EVENT, challenge("abc")])
async def test_a_locked_database(front: Any, body: bytes) -> None:
    with front.over(Inbox(front.inbox.database, patience=timedelta(seconds=0.1))), locked(front.inbox.database):
        must_come_again(await front.deliver(body))
    assert (await front.deliver(body)).status in (200, 204)


@pytest.mark.anyio
async def test_a_forgery_is_told_so_also_while_the_database_is_locked(front: Any) -> None:
    with locked(front.inbox.database):
        assert (await front.ask(EVENT)).status == 401


@pytest.mark.anyio
async def test_a_service_that_stops(front: Any) -> None:
    """Also to forgers: nothing is looked at any more."""
    front.web.close()
    must_come_again(await front.deliver(EVENT))
    must_come_again(await front.ask(EVENT))
    must_come_again(await front.deliver(challenge("abc")))
    assert front.kept() == []


@pytest.mark.anyio
async def test_an_inbox_that_is_closed(front: Any) -> None:
    await asyncio.to_thread(front.inbox.close)
    must_come_again(await front.deliver(EVENT))


@pytest.mark.anyio
@pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
async def test_without_a_secret_everything_is_to_come_again(front: Any, secrets: list[str]) -> None:
    """Above all nothing is verified with an empty key, which everybody has."""
    front.secrets[:] = secrets
    must_come_again(await front.deliver(EVENT, secret=""))
    must_come_again(await front.ask(challenge("abc")))
    assert front.kept() == []


@pytest.mark.anyio
async def test_an_empty_previous_secret_signs_nothing(front: Any) -> None:
    front.secrets[:] = [SECRET, ""]
    assert (await front.deliver(EVENT, secret="")).status == 401


@pytest.mark.anyio
async def test_a_full_queue(front: Any) -> None:
    """A hundred at once while the disk stands still, room for three: whoever hears 204 is kept, the others hear 503."""
    with front.over(Inbox(front.inbox.database, most_queued=3)):
        with locked(front.inbox.database):
            asked = [asyncio.create_task(front.deliver(b"%d" % number)) for number in range(100)]
            await asyncio.sleep(0.05)
        statuses = [(await each).status for each in asked]
    assert set(statuses) <= {204, 503}
    assert statuses.count(503) >= 90
    kept = {delivery.body for delivery, _ in front.kept()}
    assert {b"%d" % number for number, status in enumerate(statuses) if status == 204} <= kept


@pytest.mark.anyio
async def test_a_body_that_does_not_arrive(front: Any) -> None:
    """The deadline is eight seconds; here a fraction of one."""
    assert timedelta(seconds=8) == BODY_DEADLINE
    soon = timedelta(seconds=0.05)
    front.app = ZoomWebhook(front.inbox, lambda: front.secrets, front.clock, front.web.metrics, body_deadline=soon)
    pieces = iter([EVENT[:10], EVENT[10:20]])

    async def slowly() -> dict[str, Any]:
        if piece := next(pieces, b""):
            return {"type": "http.request", "body": piece, "more_body": True}
        await asyncio.sleep(30)
        raise AssertionError

    must_come_again(await front.ask(headers=front.signed(EVENT), receive=slowly))
    assert front.kept() == []


@pytest.mark.anyio
async def test_a_client_that_hangs_up(front: Any) -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    assert (await front.ask(headers=front.signed(EVENT), receive=gone)).status == 503
    assert front.kept() == []


# --- too large, not for us ---


@pytest.mark.anyio
async def test_a_mebibyte_is_kept_and_a_byte_more_is_refused(front: Any) -> None:
    largest = b"x" * 1024 * 1024
    assert (await front.deliver(largest)).status == 204
    answer = await front.deliver(largest + b"x")
    assert (answer.status, answer.is_empty, answer.headers["connection"]) == (413, True, "close")
    assert len(front.kept()) == 1


@pytest.mark.anyio
async def test_too_large_a_body_is_not_read_on(front: Any) -> None:
    """By its announcement nothing of it, else no more than what shows that it is too large: 17 pieces of 64 KiB."""
    piece = b"x" * 65536
    answer = await front.ask([piece] * 1000, [(b"content-length", b"65536000")])
    assert (answer.status, front.read) == (413, 0)
    answer = await front.ask([piece] * 1000)
    assert (answer.status, front.read) == (413, 17)


@pytest.mark.anyio
@pytest.mark.parametrize("length", [b"", b"-1", b"x", b"1e9", "²".encode("latin-1"), b"0", b"0" * 5000 + b"1"])
async def test_an_odd_length_is_not_trusted(front: Any, length: bytes) -> None:
    assert (await front.ask(EVENT, [*front.signed(EVENT), (b"content-length", length)])).status == 204


@pytest.mark.anyio
@pytest.mark.parametrize("length", [b"1048577", b"9" * 5000, b"00000000001048577"])
async def test_a_huge_length_is_believed(front: Any, length: bytes) -> None:
    answer = await front.ask([b"x" * 65536] * 1000, [(b"content-length", length)])
    assert (answer.status, front.read <= 17) == (413, True)


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"])
async def test_other_methods(front: Any, method: str) -> None:
    answer = await front.ask(EVENT, front.signed(EVENT), method=method)
    assert (answer.status, answer.headers["allow"], front.read) == (405, "POST", 0)
    assert front.kept() == []


@pytest.mark.anyio
async def test_nothing_personal_is_in_the_figures(front: Any) -> None:
    """Labels are statuses and reasons of ours."""
    body = b'{"event":"meeting.started","kim@mail.example":1}'
    await front.deliver(body)
    await front.ask(body, [(b"x-zm-signature", b"kim@mail.example")])
    text = (await front.ask(method="GET", path="/metrics")).body
    assert b"kim" not in text
    assert SECRET.encode() not in text
