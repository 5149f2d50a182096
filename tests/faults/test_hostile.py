"""A hundred thousand hostile deliveries, signed and not: no 500, nothing lost, only errors of ours, no memory kept.

In process from the route to the tables. Each answer is known beforehand: whoever holds the secret gets a 204 however
odd the body is, everybody else a 401. The seed is fixed; a failure prints the delivery.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tajo.connectors.zoom.events import EVENTS
from tajo.simulators.world import month
from tajo.simulators.zoom.webhooks import app_deauthorized, events_of, raw_body, sign
from tajo.store import facts, inbox, letters
from tajo.store.database import Database
from tajo.store.inbox import DUPLICATE, HANDLED, IGNORED, QUARANTINED, WAITING, Delivery, Inbox
from tajo.web.app import build
from tajo.web.metrics import Metrics
from tajo.workflows import intake

SEED = 20261124
COUNT = 100_000
WARM = 60_000
AT_ONCE = 2_000
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SECRET = "s3cret-token"
VALIDATION = "endpoint.url_validation"
Header = tuple[bytes, bytes]
Json = dict[str, Any]


# --- what is sent ---


def real_bodies() -> list[Json]:
    """A few of every event, as the simulator sends them."""
    world = month(7, now=NOW)
    found: dict[str, list[Json]] = {}
    for event in [*events_of(world), app_deauthorized(world, at=NOW), app_deauthorized(world, at=NOW, ts="number")]:
        bodies = found.setdefault(event.name, [])
        if len(bodies) < 3:
            bodies.append(event.body)
    for body in found["app_deauthorized"]:
        body["payload"]["account_id"] = "another"
    found["meeting.registration_cancelled"] = [
        body | {"event": "meeting.registration_cancelled"} for body in found["meeting.registration_approved"]
    ]
    assert set(EVENTS) <= set(found)
    return [body for bodies in found.values() for body in bodies]


DEEP = 100_000
WRONG: list[Any] = [
    *(None, True, False, 0, -1, 1, 7, 1.5, -0.0, 2**31, 2**63, 2**64, 10**17, 10**18, 10**30, 10**4000, 1e300),
    *(
        float("nan"),
        float("inf"),
        float("-inf"),
        "",
        " ",
        "\0",
        "a\0b",
        "\ud800",
        "\udfff\ud800",
        "\ufeff",
        "\u202e",
        "x" * 5000,
    ),
    *(
        "한글",
        "👨‍👩‍👧",
        "'; DROP TABLE inbox; --",
        "{{7*7}}",
        "<img onerror>",
        "=HYPERLINK()",
        "\r\nBcc: x",
        "\x1b[31m",
        "[/red]",
    ),
    *(
        "NaN",
        "1e400",
        "-1",
        "9" * 5000,
        "2026-07-29T23:55:56Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59+00:00",
        "07/29/2026",
    ),
    *(
        "0000-00-00T00:00:00Z",
        "2026-07-29T23:55:56+99:99",
        "2026-W31-3",
        "20260729T235556Z",
        "0001-01-01T00:00:00+14:00",
    ),
    *(
        [],
        [[]],
        [None],
        ["x"],
        [{}],
        [[[[1]]]],
        {},
        {"": ""},
        {"id": {"id": {}}},
        {"object": []},
        [{"occurrence_id": 1}],
    ),
    *([{"title": 1, "value": [1, "a"]}], [{"title": ["x"], "value": {"a": 1}}], {"email": "a@b"}, "a@b@c", "@", "a@"),
]
# Spellings that no json.dumps would write, to stand in the place of a value.
SPELLED = [
    *(
        b"NaN",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        b"1E999999",
        b"0.1e-999999",
        b"9" * 4300,
        b"9" * 4301,
        b"-" + b"9" * 5000,
    ),
    *(
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\u0000"',
        b'"\\uD83D\\uDE00"',
        b'"\xff\xfe"',
        b'"\xed\xa0\x80"',
        b'"\xc0\x80"',
    ),
    *(
        b'"\x00"',
        b'"a\nb"',
        b"'x'",
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"0x10",
        b"undefined",
        b"tru",
        b"",
        b"{",
        b"]",
        b'"',
        b"\\",
    ),
    *(
        b"[" * 500 + b"]" * 500,
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b"[" * 950 + b"]" * 950,
        b'{"a":' * 990 + b"1" + b"}" * 990,
    ),
    *(b'{"id":"1","id":"2","id":3}', b'{"email":"a@b","email":null}', b"/* */1", b"1//", b"1,2", b"\xef\xbb\xbf1"),
]
WHOLE = [
    *(
        b"",
        b" ",
        b"null",
        b"0",
        b'""',
        b"[]",
        b"{}",
        b"{{",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf{}",
        b"[" * DEEP,
    ),
    *(
        b'{"event":' * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'"' + b"\\" * 1001,
        b"9" * 5000,
    ),
    *(b"event=meeting.ended&x=1", b"<xml/>", b"%PDF-1.7", b"\x1f\x8b\x08\x00", b'{"event":"' + b"e" * 100_000 + b'"}'),
    *(
        b'{"event":"meeting.ended","event":"x.y"}',
        b'{"event":"\\u0000"}',
        b'{"event":"\\ud800","payload":{}}',
        b"{" + b'"a":1,' * 9999,
    ),
]
TOKENS: list[Any] = [
    *(
        "abc",
        "qgg8vlvZRS6UYooatFL8Aw",
        "-_" * 64,
        "x" * 129,
        "",
        "a b",
        "a:b",
        "v0:1795512600:{}",
        "\0",
        "é",
        "\ud800",
        "a\n",
    ),
    *(None, 7, True, 1.5, [], ["abc"], {}, {"plainToken": "abc"}),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body, objects and lists included."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def put(body: Json, path: tuple[Any, ...], value: Any) -> Json:
    made: Any = json.loads(json.dumps(body))  # a copy, ten times faster than copy.deepcopy
    place = made
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return dict(made)


@dataclass(frozen=True)
class Hostile:
    """One request, and which answers are right."""

    body: bytes
    headers: list[Header]
    right: frozenset[int]


class Attacker:
    """Makes hostile requests out of real ones; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.real = real_bodies()
        self.places = [list(places(body)) for body in self.real]
        self.stamp = str(int(NOW.timestamp()))

    def bodies(self) -> bytes:
        chance = self.rng.random()
        if chance < 0.45:
            return self._dumped(self._mutated())
        if chance < 0.60:
            return self._respelled()
        if chance < 0.80:
            return self._damaged()
        if chance < 0.85:
            return self.rng.randbytes(self.rng.randrange(60))
        if chance < 0.99:
            return self._challenge()
        return self.rng.choice(WHOLE)

    def _one(self) -> tuple[Json, list[tuple[Any, ...]]]:
        number = self.rng.randrange(len(self.real))
        return self.real[number], self.places[number]

    def _mutated(self) -> Json:
        """Something else in one place or two, or nothing."""
        body, where = self._one()
        path = self.rng.choice(where)
        body = put(body, path, self._value())
        if self.rng.random() < 0.3:
            other = self.rng.choice(where)
            if other[: len(path)] != path and path[: len(other)] != other:
                body = put(
                    body, other, ... if self.rng.random() < 0.2 and isinstance(other[-1], str) else self._value()
                )
        return body

    def _value(self) -> Any:
        """Often a fresh one: else most would be duplicates."""
        chance = self.rng.random()
        if chance < 0.3:
            return self.rng.choice(
                [self.rng.getrandbits(self.rng.randrange(1, 80)), f"{self.rng.random()}", self.rng.uniform(-1e20, 1e20)]
            )
        return self.rng.choice(WRONG)

    def _dumped(self, body: Json) -> bytes:
        text = json.dumps(body, ensure_ascii=self.rng.random() < 0.7)
        encoding = (
            "utf-8"
            if self.rng.random() < 0.9
            else self.rng.choice(["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
        )
        return text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")

    def _respelled(self) -> bytes:
        body, where = self._one()
        marked = json.dumps(put(body, self.rng.choice(where), "@@")).encode()
        return marked.replace(b'"@@"', self.rng.choice(SPELLED), 1)

    def _damaged(self) -> bytes:
        """Cut off, a byte changed, a piece doubled."""
        raw = bytearray(raw_body(self._one()[0]))
        place = self.rng.randrange(len(raw))
        what = self.rng.randrange(3)
        if what == 0:
            return bytes(raw[:place])
        if what == 1:
            raw[place] = self.rng.randrange(256)
            return bytes(raw)
        return bytes(raw[:place] + raw[place // 2 : place] + raw[place:])

    def _challenge(self) -> bytes:
        token = self.rng.choice(TOKENS)
        payload = self.rng.choice([{"plainToken": token}] * 8 + [token, {}, [token]])
        body: Json = {"payload": payload, "event_ts": 1654503849680, "event": VALIDATION}
        if self.rng.random() < 0.1:
            body["padding"] = "x" * self.rng.randrange(3000)
        return json.dumps(body).encode()

    def headers(self, body: bytes) -> tuple[list[Header], bool | None]:
        """The headers, and whether they prove the sender: True, False, or None where they do not try."""
        timestamp, signature = self.stamp.encode(), sign(body, secret=SECRET, timestamp=self.stamp).encode()
        junk = [(b"x-" + self.rng.randbytes(4).hex().encode(), self.rng.randbytes(9))] * self.rng.choice(
            [0, 0, 0, 1, 50]
        )
        chance = self.rng.random()
        if chance < 0.5:
            return [*self._signed(timestamp, signature), *junk], True
        if chance < 0.6:
            return junk, None
        odd_time = self.rng.choice(ODD_TIMES)
        odd_signature = self.rng.choice(
            [*ODD_SIGNATURES, signature[:-1], signature.upper(), signature + b"0", signature[3:]]
        )
        return self.rng.choice(
            [
                ([*self._signed(odd_time, signature), *junk], False),
                ([*self._signed(timestamp, odd_signature), *junk], False),
                (self._signed(odd_time, odd_signature), False),
                ([(b"x-zm-signature", signature)], False),
                ([(b"x-zm-request-timestamp", timestamp)], False),
                # There twice: the last one counts.
                ([*self._signed(timestamp, signature), (b"X-ZM-SIGNATURE", odd_signature)], False),
                ([(b"x-zm-signature", odd_signature), *self._signed(timestamp, signature)], True),
                ([*self._signed(timestamp, signature), (b"x-zm-request-timestamp", odd_time)], False),
            ]
        )

    def _signed(self, timestamp: bytes, signature: bytes) -> list[Header]:
        named = [(b"x-zm-request-timestamp", timestamp), (b"x-zm-signature", signature)]
        named += [
            (b"content-type", self.rng.choice([b"application/json", b"", b"\xff\x00", b"text/plain; charset=utf-16"]))
        ]
        named += [(b"x-zm-request-id", self.rng.choice([b"r", b"\x00\xff", b"x" * 9000, "김".encode()]))]
        named += [(b"content-encoding", b"gzip")] * (self.rng.random() < 0.05)
        return named

    def request(self) -> Hostile:
        body = self.bodies()
        headers, proven = self.headers(body)
        return Hostile(body, headers, right(body, proven))


ODD_TIMES = [
    *(
        b"",
        b"0",
        b"-1",
        b"nan",
        b"inf",
        b"1795512600000",
        b"1795512600.0",
        b" 1795512600",
        b"+1795512600",
        b"\xb2" * 10,
        b"\0",
    ),
    *(
        b"9999999999",
        b"0000000000",
        b"1795512299",
        b"1795512901",
        b"1e9",
        b"0x6b054f98",
        b"9" * 5000,
        b"\xff" * 10,
        b"1795512600\n",
    ),
]
ODD_SIGNATURES = [
    *(
        b"",
        b"v0=",
        b"v0",
        b"v1=" + b"0" * 64,
        b"v0=" + b"0" * 64,
        b"v0=" + b"g" * 64,
        b"v0=" + b"\xff" * 64,
        b"\0",
        b"v0=" + b"0" * 9999,
    ),
    *(b"v0=" + b"0" * 63 + b"\n", b"=" * 67, "v0=é".encode(), b"v0:1795512600:{}"),
]


def right(body: bytes, proven: bool | None) -> frozenset[int]:
    """By the contract, from what the attacker knows: a good challenge is 200, a bad one 400 or 401."""
    if proven is False:
        return frozenset({401})
    asked = challenge_of(body)
    if asked is None:
        return frozenset({204 if proven else 401})
    if isinstance(asked, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,128}", asked):
        return frozenset({200} if proven or len(body) <= 1024 else {200, 401})
    return frozenset({400, 401})


def challenge_of(body: bytes) -> Any:
    """What is asked to be signed; None where nothing is, ... where it is no token."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("event") != VALIDATION or VALIDATION.encode() not in body:
        return None
    payload = told.get("payload")
    token = payload.get("plainToken") if isinstance(payload, dict) else None
    return ... if token is None else token


# --- through it all ---


@dataclass
class Service:
    """The route, the inbox and the tables; what the answers were, what became of the deliveries."""

    app: Any
    main: Database
    box: Inbox
    answers: Counter[int]
    states: Counter[str]
    followed: int = 0

    async def take(self, hostile: Hostile) -> None:
        scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": "/webhooks/zoom", "query_string": b""}
        scope |= {"raw_path": b"/webhooks/zoom", "headers": hostile.headers, "scheme": "http", "server": ("t", 80)}
        status = 0

        async def receive() -> Json:
            return {"type": "http.request", "body": hostile.body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        await self.app(scope, receive, send)
        self.answers[status] += 1
        # 503 is right at any time: the disk of this machine may be slow.
        assert status in hostile.right or status == 503, (status, hostile.right, hostile.body[:500], hostile.headers)

    def hand_on(self) -> None:
        """As the worker does, until nothing waits."""
        while True:
            opened, known = self.box.database.read_now(intake.take)
            if not opened:
                return
            intake.drop_duplicates(opened, known)
            self.main.write_now(self._fold, opened)
            self.box.database.write_now(inbox.mark, [each.row(NOW) for each in opened])
            for each in opened:
                self.states[each.state] += 1
                assert each.state in (HANDLED, DUPLICATE, IGNORED, QUARANTINED), (each.reason, each.delivery.body)

    def _fold(self, connection: Any, opened: Any) -> None:
        # Removals are of another account: else nothing would be left of what came before the first.
        how = {"settle_after": timedelta(minutes=1), "enqueue": self._enqueue, "now": NOW}
        intake.fold(connection, opened, account_id=OURS, **how)

    def _enqueue(self, connection: Any, wanted: Any) -> None:
        self.followed += len(wanted)

    async def attack(
        self, attacker: Attacker, count: int, *, each_time: Callable[[int], None] = lambda done: None
    ) -> None:
        for done in range(0, count, AT_ONCE):
            wave = [attacker.request() for _ in range(min(AT_ONCE, count - done))]
            await asyncio.gather(*(self.take(hostile) for hostile in wave))
            self.hand_on()
            each_time(done + len(wave))


@contextmanager
def service(main: Database, box_database: Database) -> Iterator[Service]:
    box = Inbox(box_database)
    app, _ = build(main, box, secrets=lambda: [SECRET], clock=lambda: NOW, metrics=Metrics())
    yield Service(app, main, box, Counter(), Counter())
    box.close()


@pytest.fixture
def sqlite_inbox(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'tajo-inbox.db'}", schema=inbox.SCHEMA, every_commit=True)
    opened.migrate()
    yield opened
    opened.close()


def resident_mb() -> float:
    """What this process holds in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def readable(main: Database) -> int:
    """Everything that was folded can be read again; how many sessions there are."""

    def read(connection: Any) -> int:
        sessions = connection.execute(facts.sessions.select()).all()
        for row in sessions:
            kind = facts.Kind(row.kind)
            assert facts.load_session(connection, kind, row.id)
            facts.load_registrations(connection, kind, row.id)
            facts.load_instances(connection, kind, row.id)
        return len(sessions)

    return main.read_now(read)


@pytest.mark.anyio
@pytest.mark.timeout(600)
async def test_a_hundred_thousand_hostile_deliveries(
    sqlite_database: Database, sqlite_inbox: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 × 5xx but for the contract's 503, every signed one kept, every kept one dealt with, no memory kept.

    Until 60,000 caches fill; from then on not 16 MB more: 400 bytes a delivery would show.
    """
    memory: dict[int, float] = {}

    def watch(done: int) -> None:
        if done in (WARM, COUNT):
            memory[done] = resident_mb()

    with service(sqlite_database, sqlite_inbox) as under:
        await under.attack(Attacker(SEED), COUNT, each_time=watch)
        stored = sum(sqlite_inbox.read_now(inbox.counts)[0].values())
        validations = stored - sum(under.states.values())
        with capsys.disabled():
            print(f"\n{COUNT} hostile deliveries: {dict(under.answers)}; kept {stored}, {under.box.duplicates} again")
            print(f"of these {dict(under.states)}, {validations} validations; {under.followed} follow-ups; {memory} MB")
        assert sum(under.answers.values()) == COUNT
        assert set(under.answers) <= {200, 204, 400, 401, 503}
        assert under.answers[503] < COUNT / 100
        assert min(under.answers[status] for status in (200, 204, 400, 401)) > 1000
        assert sqlite_inbox.read_now(inbox.counts)[0].get(WAITING, 0) == 0
        assert min(under.states[state] for state in (HANDLED, QUARANTINED, IGNORED)) > 1000
        assert readable(sqlite_database) > 10
        assert sqlite_database.read_now(letters.open_letters) == []
        assert memory[COUNT] - memory[WARM] < 16


@pytest.mark.anyio
async def test_some_thousand_of_them_on_postgres(postgres_database: Database) -> None:
    """Which is stricter: lengths, ranges of numbers, texts."""
    beside = Database(postgres_database.url.render_as_string(hide_password=False), schema=inbox.SCHEMA)
    beside.migrate()
    with service(postgres_database, beside) as under:
        await under.attack(Attacker(SEED + 1), 4_000)
        assert set(under.answers) <= {200, 204, 400, 401, 503}
        assert under.states[HANDLED] > 100
        assert readable(postgres_database) > 5
    beside.close()


# --- shapes that shrink ---

leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(), max_size=20))
anything = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
REAL = real_bodies()
OURS = REAL[0]["payload"]["account_id"]
PLACES = [list(places(body)) for body in REAL]


@st.composite
def shapes(draw: st.DrawFn) -> bytes:
    """A real event with anything at any place."""
    number = draw(st.integers(0, len(REAL) - 1))
    body = put(REAL[number], draw(st.sampled_from(PLACES[number])), draw(anything))
    return json.dumps(body, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


def delivered(body: bytes) -> Delivery:
    return Delivery(1, NOW, body, WAITING, "", "", "", "", "", None, None)


UNHURRIED = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=500, **UNHURRIED)  # type: ignore[arg-type]
@given(body=st.one_of(shapes(), st.binary(max_size=300)))
def test_opening_and_folding_anything_is_an_error_of_ours_or_none(body: bytes, sqlite_database: Database) -> None:
    found = intake.open_delivery(delivered(body))
    assert found.state in (HANDLED, IGNORED, QUARANTINED)
    assert bool(found.reason) == (found.state != HANDLED) or found.reason == intake.NO_EMAIL

    def fold(connection: Any) -> None:
        intake.fold(connection, [found], settle_after=timedelta(0), enqueue=lambda *_: None, now=NOW)

    sqlite_database.read_now(fold)
    assert found.state in (HANDLED, IGNORED, QUARANTINED), found.reason


@pytest.mark.parametrize("body", REAL, ids=lambda body: body["event"])
def test_every_wrong_value_at_every_place(body: Json) -> None:
    """Systematically, to the point of reading: an event, None, or ContractError."""
    for path in places(body):
        for value in [..., *WRONG]:
            if value is ... and not isinstance(path[-1], str):
                continue
            found = intake.open_delivery(delivered(json.dumps(put(body, path, value)).encode()))
            assert found.state in (HANDLED, IGNORED, QUARANTINED)


@pytest.mark.parametrize("depth", [10, 100, 400, 900, 990, 2_000, DEEP])
def test_depth_is_no_crash(depth: int) -> None:
    for name in ("meeting.ended", "recording.completed"):
        for begin, end in ((b"[", b"]"), (b'{"a":', b"}")):
            raw = b'{"event":"%s","payload":%s1%s}' % (name.encode(), begin * depth, end * depth)
            assert intake.open_delivery(delivered(raw)).state == QUARANTINED


def test_errors_tell_nothing_of_what_was_sent() -> None:
    """They are kept, listed and logged: a body's texts are not in them."""
    for body in REAL:
        for path in places(body):
            found = intake.open_delivery(delivered(json.dumps(put(body, path, "canary-7f3a")).encode()))
            assert "canary" not in found.reason


def test_the_expectations_are_not_the_code_s() -> None:
    """`right` by hand."""
    assert right(b"{}", True) == {204}
    assert right(b"{}", None) == right(b"{}", False) == {401}
    good = json.dumps({"event": VALIDATION, "payload": {"plainToken": "abc"}}).encode()
    bad = json.dumps({"event": VALIDATION, "payload": {"plainToken": "a:c"}}).encode()
    none = json.dumps({"event": VALIDATION, "payload": {"plainToken": None}}).encode()
    assert right(good, True) == right(good, None) == {200}
    assert right(good, False) == {401}
    assert right(bad, True) == right(bad, None) == right(none, True) == {400, 401}
