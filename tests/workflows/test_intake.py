"""From the inbox into the tables: a function of the set of events, on both databases; and what follows, once."""

from __future__ import annotations

import copy
import itertools
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tajo import logs
from tajo.core.errors import TransientError
from tajo.core.facts import Kind, Status
from tajo.simulators.world import Stage, live_webinar
from tajo.simulators.zoom.webhooks import Event, app_deauthorized, events_of, raw_body, twin
from tajo.store import facts, inbox, letters, sightings, signins, tables
from tajo.store import recordings as recorded
from tajo.store.database import Database
from tajo.store.inbox import DUPLICATE, FAILED, HANDLED, IGNORED, QUARANTINED, WAITING, Delivery
from tajo.store.keys import Vault
from tajo.store.signins import Pair
from tajo.workflows import intake
from tajo.workflows.engine import FollowUp
from tajo.workflows.worker import Worker

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SETTLE = timedelta(minutes=1)
Json = dict[str, Any]


# --- a service without web and engine ---


@dataclass
class Line:
    """Deliveries go into the inbox, the worker hands them on; `followed` is what the engine was asked to start."""

    main: Database
    inbox: Database
    worker: Worker
    clock: Any
    followed: list[FollowUp] = field(default_factory=list)

    def deliver(self, *bodies: Json | bytes) -> list[int]:
        """Keep these as the webhook's route does; their ids."""
        raw = [body if isinstance(body, bytes) else raw_body(body) for body in bodies]

        def put(connection: sa.Connection) -> None:
            for body in raw:
                row = {"received_at": self.clock(), "digest": sha256(body).hexdigest(), "body": body, "headers": {}}
                connection.execute(sa.insert(inbox.inbox).values(**row, state=WAITING))

        before = set(self.inbox.read_now(inbox.ids_of))
        self.inbox.write_now(put)
        return [id_ for id_ in self.inbox.read_now(inbox.ids_of) if id_ not in before]

    async def drain(self) -> list[FollowUp]:
        """Hand all on; what followed."""
        before = len(self.followed)
        while await self.worker.drain_once():
            pass
        return self.followed[before:]

    def replay(self, *ids: int) -> None:
        self.inbox.write_now(inbox.again, ids, self.clock())

    def states(self) -> list[tuple[str, str]]:
        return [(each.state, each.reason) for each in reversed(self.inbox.read_now(inbox.listed))]

    def enqueue(self, connection: sa.Connection, wanted: Sequence[FollowUp]) -> None:
        self.followed += wanted


@pytest.fixture
async def line(
    database: Database, inbox_database: Database, simulators: Callable[..., Any], clock: Any
) -> AsyncIterator[Line]:
    sims = simulators(Stage(1, NOW).world())
    async with sims.services(database) as edges:
        services = replace(edges, config=sims.config(zoom={"account_id": None}))  # deliveries of any account
        made = Line(database, inbox_database, None, clock)  # type: ignore[arg-type]
        made.worker = Worker(services, made, inbox_database, name="test")  # type: ignore[arg-type]
        yield made


FACTS = (tables.sessions, tables.instances, tables.registrations, tables.sightings, tables.recordings)


def state(connection: sa.Connection) -> dict[str, list[str]]:
    """All that is known, and the open letters."""
    known = {table.name: sorted(repr(tuple(row)) for row in connection.execute(sa.select(table))) for table in FACTS}
    open_ones = [(each.subject, each.origin, each.reason, each.arose_at) for each in letters.open_letters(connection)]
    return known | {"letters": sorted(map(repr, open_ones))}


# --- bodies ---


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def session(word: str, *, at: datetime, start: datetime = START, end: datetime | None = None, **more: Any) -> Json:
    subject = {"id": "97", "uuid": "u1==", "start_time": iso(start), "topic": "봄", "type": 5, "timezone": "Asia/Seoul"}
    subject |= {"host_email": "host@mail.example", "duration": 60} | more
    subject |= {"end_time": iso(end)} if end else {}
    return {"event": f"webinar.{word}", "event_ts": ms(at), "payload": {"account_id": "a", "object": subject}}


def person(word: str, *, at: datetime, key: str = "k1", uuid: str = "u1==", **more: Any) -> Json:
    who = {
        "participant_uuid": key,
        "user_id": "1",
        "user_name": "Kim",
        "email": "kim@mail.example",
        "registrant_id": "r1",
    }
    who |= {"join_time" if word == "joined" else "leave_time": iso(at)} | more
    subject = {"id": "97", "uuid": uuid, "participant": who}
    return {
        "payload": {"account_id": "a", "object": subject},
        "event_ts": ms(at),
        "event": f"webinar.participant_{word}",
    }


def signup(word: str, *, at: datetime, rid: str = "r1", dates: Sequence[str] = (), **more: Any) -> Json:
    who = {"id": rid, "first_name": "민수", "last_name": "김", "email": f"{rid}@mail.example"} | more
    subject: Json = {"id": 97, "topic": "봄", "registrant": who}
    subject |= {"occurrences": [{"occurrence_id": date} for date in dates]} if dates else {}
    return {
        "event": f"webinar.registration_{word}",
        "event_ts": ms(at),
        "payload": {"account_id": "a", "object": subject},
    }


def recording(word: str, *, at: datetime, share: str = "https://zoom.example/s", uuid: str = "u1==") -> Json:
    subject = {"id": 97, "uuid": uuid, "topic": "봄", "type": 5, "duration": 60, "share_url": share, "password": "p"}
    return {"event": f"recording.{word}", "event_ts": ms(at), "payload": {"account_id": "a", "object": subject}}


def opened(bodies: Sequence[Json | bytes]) -> list[intake.Opened]:
    """Deliveries as they come out of the inbox, opened."""
    return [
        intake.open_delivery(
            Delivery(
                1 + number,
                NOW,
                body if isinstance(body, bytes) else raw_body(body),
                WAITING,
                *("", "", "", "", ""),
                None,
                None,
            )
        )
        for number, body in enumerate(bodies)
    ]


def fold(connection: sa.Connection, bodies: Sequence[Json | bytes]) -> list[FollowUp]:
    """Fold without looking for duplicates; what follows."""
    followed: list[FollowUp] = []
    intake.fold(
        connection,
        opened(bodies),
        settle_after=SETTLE,
        enqueue=lambda _, wanted: followed.extend(wanted),
        now=NOW,
    )
    return followed


# --- whose they are ---


@pytest.mark.anyio
async def test_a_delivery_of_another_account_is_kept_and_not_folded(
    database: Database, inbox_database: Database, simulators: Callable[..., Any], clock: Any
) -> None:
    """Its app's secret signs for every account that has installed the app."""
    sims = simulators(Stage(1, NOW).world())
    async with sims.services(database, sims.config(zoom={"account_id": "a"})) as services:
        line = Line(database, inbox_database, None, clock)  # type: ignore[arg-type]
        line.worker = Worker(services, line, inbox_database, name="test")  # type: ignore[arg-type]
        await of_another_account(line)


async def of_another_account(line: Line) -> None:
    foreign, silent = session("ended", at=NOW, end=NOW, id="98", uuid="u2=="), session("started", at=NOW, id="99")
    foreign["payload"]["account_id"] = "b"
    del silent["payload"]["account_id"]
    ids = line.deliver(session("ended", at=NOW, end=NOW), foreign, silent)
    assert {each.session for each in await line.drain()} == {"webinar:97", "webinar:99"}
    assert line.states() == [(HANDLED, ""), (IGNORED, "of another account (b)"), (HANDLED, "")]
    assert line.main.read_now(facts.load_session, Kind.WEBINAR, "98") is None
    assert line.main.read_now(facts.load_instances, Kind.WEBINAR, "98") == []
    kept = line.inbox.read_now(inbox.one, ids[1])
    assert kept is not None
    assert kept[0].body == raw_body(foreign)


@pytest.mark.parametrize(("told", "known", "state"), [("b", "b", HANDLED), ("b", "", HANDLED), ("b", "c", IGNORED)])
def test_a_signed_in_users_account_is_ones_own(
    database: Database, tmp_path: Path, told: str, known: str, state: str
) -> None:
    """Beside the configured one. While nobody knows whose the sign-in is, everything is taken."""
    pair = Pair("access", "refresh", NOW, NOW + timedelta(hours=1), frozenset())

    def sign_in(connection: sa.Connection) -> None:
        signins.put(connection, Vault({}, tmp_path), pair, version="v", now=NOW)
        signins.identify(connection, account_id=known, user_id="u", email="")

    database.write_now(sign_in)
    body = session("started", at=NOW)
    body["payload"]["account_id"] = told
    found = opened([body])
    about = {"settle_after": SETTLE, "enqueue": lambda *_: None, "now": NOW, "account_id": "a"}
    database.write_now(lambda c: intake.fold(c, found, **about))
    assert [each.state for each in found] == [state]


# --- opening ---


@pytest.mark.parametrize("address", ["", "not-a-mail"])
def test_a_registration_without_a_usable_address_says_so(address: str) -> None:
    """An approval or a cancellation does not: it has only to say who is meant."""
    found = opened([signup(word, at=NOW, email=address) for word in ("created", "approved", "cancelled")])
    assert [(each.state, each.reason) for each in found] == [(HANDLED, intake.NO_EMAIL), (HANDLED, ""), (HANDLED, "")]
    assert all(each.event is not None for each in found)
    assert [each.reason for each in opened([signup("created", at=NOW)])] == [""]


@pytest.mark.anyio
async def test_what_cannot_be_read_is_a_warning(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    (id_, _) = line.deliver(b"\xff\xfe", session("started", at=NOW))
    with logs.started(level="warning"):
        await line.drain()
    (told,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (told["level"], told["event"], told["id"]) == ("warning", "webhook.quarantined", id_)
    assert told["why"] == "the body is not JSON"


def test_what_becomes_of_a_delivery_shows_when_it_is_opened() -> None:
    bodies: list[Json | bytes] = [
        session("started", at=START),
        {"event": "endpoint.url_validation", "event_ts": ms(NOW), "payload": {"plainToken": "abc"}},
        {"event": "webinar.chat_message_sent", "event_ts": ms(NOW), "payload": {"object": {"id": 97}}},
        b"\xff\xfe",
        {"event": "webinar.started", "event_ts": ms(NOW), "payload": {"object": {"id": "97"}}},
        b"[" * 100_000,
    ]
    found = opened(bodies)
    assert [each.state for each in found] == [HANDLED, HANDLED, IGNORED, QUARANTINED, QUARANTINED, QUARANTINED]
    assert [each.event is not None for each in found] == [True, False, False, False, False, False]
    assert all(each.reason for each in found[2:])
    assert not found[0].reason
    assert found[4].row(NOW)["event"] == "webinar.started"


def test_what_is_recorded_of_it_fits_its_columns() -> None:
    body = {"event": "e" * 500, "payload": {"object": {"uuid": "u" * 500, "registrant": {"id": "r" * 500}}}}
    row = opened([body])[0].row(NOW)
    for name, column in inbox.inbox.c.items():
        length = getattr(column.type, "length", None)
        if length is not None and isinstance(row.get(name), str):
            assert len(row[name]) <= length


def test_reasons_tell_nothing_of_people() -> None:
    """They are listed, logged and shown."""
    body = signup("created", at=NOW)
    body["payload"]["object"]["registrant"] = ["kim@mail.example"]
    for each in opened([body, b'kim@mail.example {"event"']):
        assert each.state == QUARANTINED
        assert "kim" not in each.reason


# --- duplicates ---


@pytest.mark.anyio
async def test_the_second_that_tells_the_same_is_a_duplicate(line: Line) -> None:
    """In one batch and in the next; the reason names the first."""
    body = session("ended", at=NOW, end=NOW)
    reordered = dict(reversed(body.items()))
    first, _ = line.deliver(body, json.dumps(body, indent=1).encode())
    await line.drain()
    line.deliver(reordered)
    assert await line.drain() == []
    says = f"tells the same as {first}"
    assert line.states() == [(HANDLED, ""), (DUPLICATE, says), (DUPLICATE, says)]


@pytest.mark.anyio
async def test_a_recording_told_of_twice_with_other_addresses_is_one(line: Line) -> None:
    body = live_webinar(3, now=NOW).after
    (event,) = (each for each in events_of(body) if each.name == "recording.completed")
    line.deliver(event.body, twin(event).body)
    await line.drain()
    assert [name for name, _ in line.states()] == [HANDLED, DUPLICATE]


@pytest.mark.anyio
async def test_two_people_are_never_each_others_duplicates(line: Line) -> None:
    line.deliver(signup("created", at=NOW), signup("created", at=NOW, rid="r2"), person("joined", at=NOW))
    line.deliver(person("joined", at=NOW, key="k2"), person("joined", at=NOW, email="lee@mail.example"))
    await line.drain()
    assert [name for name, _ in line.states()] == [HANDLED] * 5


@pytest.mark.anyio
async def test_what_could_not_be_folded_makes_the_next_no_duplicate(line: Line) -> None:
    """The first failed, so what it tells is not known yet."""
    first, second = line.deliver(session("started", at=NOW), json.dumps(session("started", at=NOW), indent=1).encode())
    line.inbox.write_now(
        inbox.mark, [{"id_": first, "state": FAILED, "meaning": opened([session("started", at=NOW)])[0].meaning}]
    )
    assert [each.id for each in await line.drain()] == ["started:u1=="]
    assert [name for name, _ in line.states()] == [FAILED, HANDLED]
    assert second


# --- folding ---


@pytest.mark.anyio
async def test_a_session_as_the_simulator_sends_it(line: Line) -> None:
    """Everything is folded: who registered, who was there, when it began and ended, what was recorded."""
    live = live_webinar(7, now=NOW, registrants=10, attendees=6, cancelled=2)
    plan = live.after.sessions[live.truth.session_id]
    line.deliver(*(raw_body(event.body) for event in events_of(live.after, plan)))
    await line.drain()
    assert {name for name, _ in line.states()} == {HANDLED}
    kind, number = Kind.WEBINAR, str(plan.id)

    known = line.main.read_now(facts.load_registrations, kind, number)
    assert {each.registrant_id for each in known} == {each.id for each in plan.registrants}
    cancelled = {each.id for each in plan.registrants if each.cancelled_at is not None}
    assert {each.registrant_id for each in known if each.status is Status.CANCELLED} == cancelled
    assert len(cancelled) == 2
    (instance,) = plan.instances
    assert line.main.read_now(facts.load_instances, kind, number) == [
        facts.Instance(instance.uuid, instance.start, instance.end)
    ]
    seen = line.main.read_now(sightings.load, [instance.uuid])
    assert sorted((each.joined, each.left, each.name) for each in seen if each.joined and each.left) == sorted(
        (row.join, row.leave, row.name) for row in instance.rows
    )
    of_session = line.main.read_now(facts.load_session, kind, number)
    assert of_session is not None
    assert (of_session.topic, of_session.type, of_session.time_zone) == (plan.topic, plan.type, plan.timezone)
    made = line.main.read_now(recorded.load, instance.uuid)
    assert made is not None
    assert made.transcript


@pytest.mark.anyio
async def test_what_follows_has_ids_that_tell_doubled_starts(line: Line) -> None:
    ids = line.deliver(
        signup("created", at=NOW),
        signup("created", at=NOW, rid="r2"),
        session("started", at=NOW),
        person("joined", at=NOW),
        session("ended", at=NOW, end=NOW),
        recording("completed", at=NOW),
    )
    about = ("webinar", "97")
    follow = sorted(await line.drain(), key=lambda each: each.id)
    kept = line.main.read_now(recorded.load, "u1==")
    assert kept is not None
    link = kept.link
    assert follow == [
        FollowUp("recorded", f"recorded:u1==:{link}", "webinar:97", (*about, "u1==")),
        FollowUp("registered", f"registered:webinar:97:{ids[1]}", "webinar:97", about),
        FollowUp("settle", "settle:u1==", "webinar:97", (*about, 1), SETTLE),
        FollowUp("started", "started:u1==", "webinar:97", (*about, "u1==")),
    ]
    line.deliver(session("ended", at=NOW + timedelta(seconds=1), end=NOW))
    assert [each.id for each in await line.drain()] == ["settle:u1=="]


@pytest.mark.anyio
async def test_a_burst_of_registrations_is_one_workflow_a_session(line: Line) -> None:
    """120 people of one webinar and one of another."""
    ids = line.deliver(*(signup("created", at=NOW, rid=f"r{n}") for n in range(120)))
    other = signup("created", at=NOW)
    other["payload"]["object"]["id"] = 98
    ids += line.deliver(other)
    found = sorted(each.id for each in await line.drain())
    assert found == [f"registered:webinar:97:{ids[119]}", f"registered:webinar:98:{ids[120]}"]


@pytest.mark.anyio
async def test_hundreds_who_join_start_nothing(line: Line) -> None:
    line.deliver(*(person("joined", at=NOW, key=f"k{n}", email=f"p{n}@mail.example") for n in range(300)))
    assert await line.drain() == []
    assert len(line.main.read_now(sightings.load, ["u1=="])) == 300


@pytest.mark.anyio
async def test_who_joins_shows_that_there_is_an_instance(line: Line) -> None:
    """Its own webhooks may be lost: then a restart of it would settle alone, and take who left before for absent.

    The first start that is told counts, in any order; an end stays.
    """
    late, early, end = (START + timedelta(minutes=each) for each in (9, 2, 60))
    for body in (person("left", at=late), person("joined", at=early, key="k2")):
        line.deliver(body)
        await line.drain()
    assert line.main.read_now(facts.load_instances, Kind.WEBINAR, "97") == [facts.Instance("u1==", early, None)]
    line.deliver(session("ended", at=end, start=START, end=end))
    assert len(await line.drain()) == 1
    line.deliver(person("joined", at=late, key="k3"))
    await line.drain()
    assert line.main.read_now(facts.load_instances, Kind.WEBINAR, "97") == [facts.Instance("u1==", START, end)]


@pytest.mark.anyio
async def test_in_batch_mode_the_tables_are_filled_and_nothing_is_started(
    database: Database, inbox_database: Database, simulators: Callable[..., Any], clock: Any
) -> None:
    sims = simulators(Stage(1, NOW).world())
    async with sims.services(database, sims.config(zoom={"sync_mode": "batch", "account_id": "a"})) as services:
        line = Line(database, inbox_database, None, clock)  # type: ignore[arg-type]
        line.worker = Worker(services, line, inbox_database, name="test")  # type: ignore[arg-type]
        line.deliver(session("ended", at=NOW, end=NOW))
        assert await line.drain() == []
    assert database.read_now(facts.load_instances, Kind.WEBINAR, "97")


@pytest.mark.anyio
async def test_the_report_counts_more_than_a_late_webhook(line: Line) -> None:
    """The report said 08:00 to 09:00; a webhook that comes afterwards and says otherwise moves nothing."""
    end = START + timedelta(hours=1)

    def read(connection: sa.Connection) -> None:
        facts.save_session(connection, facts.Session(Kind.WEBINAR, "97", topic="As read"), NOW)
        facts.save_instances(connection, Kind.WEBINAR, "97", [facts.Instance("u1==", START, end)])
        facts.note_reading(connection, "u1==", digest="1:x", complete=True, problem="", now=NOW)

    line.main.write_now(read)
    before = line.main.read_now(state)
    early, late = START - timedelta(minutes=5), end + timedelta(minutes=5)
    line.deliver(session("started", at=early, start=early), session("ended", at=late, start=early, end=late))
    assert len(await line.drain()) == 2
    assert line.main.read_now(state) == before


@pytest.mark.anyio
async def test_an_instance_that_was_read_while_live_gets_its_end(line: Line) -> None:
    def read(connection: sa.Connection) -> None:
        facts.save_instances(connection, Kind.WEBINAR, "97", [facts.Instance("u1==", START, None)])
        facts.note_reading(connection, "u1==", digest="1:x", complete=True, problem="", now=NOW)

    line.main.write_now(read)
    line.deliver(session("ended", at=NOW, end=NOW))
    await line.drain()
    (instance,) = line.main.read_now(facts.load_instances, Kind.WEBINAR, "97")
    assert instance.end == NOW


@pytest.mark.anyio
async def test_a_removed_app_is_one_dead_letter_of_its_last_removal(line: Line) -> None:
    """Two removals, the later one first, each folded twice."""
    world = Stage(1, NOW).world()
    early, late = (app_deauthorized(world, at=NOW + timedelta(minutes=n), user_id="u").body for n in (0, 5))
    for body in (late, early, late, early):
        line.main.write_now(fold, [body])
    (letter,) = line.main.read_now(letters.open_letters)
    assert (letter.subject, letter.arose_at) == ("zoom", NOW + timedelta(minutes=5))
    assert "tajo connectors connect zoom" in letter.remedy


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_removal_takes_what_was_before_it_and_leaves_what_came_after(
    order: tuple[int, ...], sqlite_database: Database
) -> None:
    """Whichever comes first in the batch."""
    removal = app_deauthorized(Stage(1, NOW).world(), at=NOW - timedelta(hours=1), user_id="u").body
    bodies = [signup("created", at=NOW - timedelta(hours=2), rid="old"), removal, signup("created", at=NOW, rid="new")]
    sqlite_database.write_now(fold, [bodies[number] for number in order])
    known = sqlite_database.read_now(facts.load_registrations, Kind.WEBINAR, "97")
    assert [each.registrant_id for each in known] == ["new"]


# --- one that cannot be folded ---


def refuse(connection: sa.Connection, email: str) -> None:
    """A database that does not take this one person: as a column too short, a constraint, a bug of ours."""
    if connection.dialect.name == "sqlite":
        how = f"WHEN new.email = '{email}' BEGIN SELECT RAISE(ABORT, 'no'); END"
        connection.execute(sa.text(f"CREATE TRIGGER refuse BEFORE INSERT ON registrations {how}"))
    else:
        connection.execute(sa.text(f"ALTER TABLE registrations ADD CONSTRAINT refuse CHECK (email <> '{email}')"))


def allow(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(sa.text("DROP TRIGGER IF EXISTS refuse"))
    else:
        connection.execute(sa.text("ALTER TABLE registrations DROP CONSTRAINT IF EXISTS refuse"))


@pytest.mark.anyio
async def test_an_event_that_cannot_be_folded_fails_alone(line: Line) -> None:
    """It leaves nothing half done and a dead letter that says what to do; those before and after it are folded."""
    line.main.write_now(refuse, "r2@mail.example")
    try:
        ids = line.deliver(*(signup("created", at=NOW, rid=f"r{n}", dates=("d1", "d2")) for n in (1, 2, 3)))
        followed = await line.drain()
        assert [name for name, _ in line.states()] == [HANDLED, FAILED, HANDLED]
        assert [each.id for each in followed] == [f"registered:webinar:97:{ids[2]}"]
        known = line.main.read_now(facts.load_registrations, Kind.WEBINAR, "97")
        assert {each.registrant_id for each in known} == {"r1", "r3"}
        (letter,) = line.main.read_now(letters.open_letters)
        assert letter.subject == f"event {ids[1]}"
        assert f"tajo events show {ids[1]}" in letter.remedy
        assert "r2@" not in letter.reason + line.states()[1][1]

        line.main.write_now(allow)
        line.clock.forward(minutes=1)
        line.replay(ids[1])
        await line.drain()
        assert [name for name, _ in line.states()] == [HANDLED] * 3
        assert line.main.read_now(letters.open_letters) == []
    finally:
        line.main.write_now(allow)


@pytest.mark.anyio
async def test_many_that_cannot_be_folded_among_many_that_can(line: Line) -> None:
    """Every seventh of a hundred, in one batch: those fail and nobody else does."""
    line.main.write_now(refuse, "bad@mail.example")
    try:
        bodies = [signup("created", at=NOW, rid=f"r{n}") for n in range(100)]
        for number in range(0, 100, 7):
            bodies[number]["payload"]["object"]["registrant"]["email"] = "bad@mail.example"
        ids = line.deliver(*bodies)
        (follow,) = await line.drain()
        assert [name for name, _ in line.states()] == [FAILED if n % 7 == 0 else HANDLED for n in range(100)]
        known = line.main.read_now(facts.load_registrations, Kind.WEBINAR, "97")
        assert {each.registrant_id for each in known} == {f"r{n}" for n in range(100) if n % 7}
        assert follow.id == f"registered:webinar:97:{ids[99]}"
        assert len(line.main.read_now(letters.open_letters)) == 15
    finally:
        line.main.write_now(allow)


@pytest.mark.parametrize("make", [signup, person])
def test_a_thousand_people_of_one_session_are_a_handful_of_statements(
    make: Callable[..., Json], sqlite_database: Database
) -> None:
    """A batch of 500 asks the tables as often as a batch of one, however many people are known already."""
    word = "created" if make is signup else "joined"
    counted: list[int] = []
    statements = 0

    def count(*_: Any) -> None:
        nonlocal statements
        statements += 1

    sa.event.listen(sqlite_database.engine, "before_cursor_execute", count)
    for first, many in ((0, 1), (1, 500), (501, 500)):
        who = [{"rid": f"r{n}"} if make is signup else {"key": f"k{n}"} for n in range(first, first + many)]
        statements = 0
        sqlite_database.write_now(fold, [make(word, at=NOW, **each) for each in who])
        counted.append(statements)
    assert max(counted) <= min(counted) + 5


@pytest.mark.anyio
async def test_a_database_that_goes_away_fails_no_event(line: Line) -> None:
    """What is wrong then is not the event: all of them wait, and are folded when it is back."""
    line.deliver(session("started", at=NOW), signup("created", at=NOW))
    missing, back = ("registrations", "gone"), ("gone", "registrations")
    rename = "ALTER TABLE {} RENAME TO {}"

    def away(connection: sa.Connection, wanted: Sequence[FollowUp]) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("the server closed the connection"))

    enqueue, line.enqueue = line.enqueue, away  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        await line.worker.drain_once()
    line.enqueue = enqueue  # type: ignore[method-assign]
    if line.main.sqlite:
        line.main.write_now(lambda c: c.execute(sa.text(rename.format(*missing))))
        with pytest.raises(TransientError):
            await line.worker.drain_once()
        line.main.write_now(lambda c: c.execute(sa.text(rename.format(*back))))
    assert [name for name, _ in line.states()] == [WAITING] * 2
    assert line.main.read_now(letters.open_letters) == []
    assert len(await line.drain()) == 2
    assert [name for name, _ in line.states()] == [HANDLED] * 2


@pytest.mark.anyio
async def test_a_crash_between_the_two_files_changes_nothing(line: Line) -> None:
    """Folded, and not marked yet: it is folded again, with the same ids."""
    live = live_webinar(7, now=NOW, registrants=6, attendees=4, cancelled=1)
    bodies = [event.body for event in events_of(live.after, live.after.sessions[live.truth.session_id])]
    ids = line.deliver(*bodies)
    first = await line.drain()
    before = line.main.read_now(state)
    line.inbox.write_now(inbox.mark, [{"id_": id_, "state": WAITING, "meaning": ""} for id_ in ids])
    assert {each.id for each in await line.drain()} == {each.id for each in first}
    assert line.main.read_now(state) == before


# --- replaying ---


@pytest.mark.anyio
async def test_a_replayed_end_settles_again_under_a_name_of_its_own(line: Line) -> None:
    """The engine knows settle:u1== already and would do nothing."""
    (id_,) = line.deliver(session("ended", at=NOW, end=NOW))
    (first,) = await line.drain()
    line.clock.forward(hours=1)
    line.replay(id_)
    (second,) = await line.drain()
    assert second.id == "settle:u1==:20261124T103000000000"
    assert (second.name, second.session, second.arguments, second.delay) == (
        first.name,
        first.session,
        first.arguments,
        first.delay,
    )
    line.clock.forward(hours=1)
    line.replay(id_)
    (third,) = await line.drain()
    assert third.id not in (first.id, second.id)
    assert line.states() == [(HANDLED, "")]


@pytest.mark.anyio
async def test_what_was_a_duplicate_is_folded_when_somebody_wants_it(line: Line) -> None:
    """Both in one replay are one more start; it is no duplicate any more, and the next delivery is one."""
    body = session("ended", at=NOW, end=NOW)
    ids = line.deliver(body, json.dumps(body, indent=1).encode())
    await line.drain()
    line.clock.forward(hours=1)
    line.replay(ids[1])
    assert [each.id for each in await line.drain()] == ["settle:u1==:20261124T103000000000"]
    assert line.states() == [(HANDLED, ""), (HANDLED, "")]
    line.clock.forward(hours=1)
    line.replay(*ids)
    assert [each.id for each in await line.drain()] == ["settle:u1==:20261124T113000000000"]
    line.deliver(json.dumps(body, indent=2).encode())
    assert await line.drain() == []
    assert [name for name, _ in line.states()] == [HANDLED, HANDLED, DUPLICATE]


@pytest.mark.anyio
async def test_replaying_really_folds_again(line: Line) -> None:
    """What was lost from the tables is there again, of a handled one and of its duplicate."""
    body = signup("created", at=NOW)
    for again in line.deliver(body, json.dumps(body, indent=1).encode()):
        await line.drain()
        line.main.write_now(lambda c: c.execute(sa.delete(tables.registrations)))
        line.clock.forward(minutes=1)
        line.replay(again)
        (follow,) = await line.drain()
        assert follow.id == f"registered:webinar:97:{again}:{line.clock():%Y%m%dT%H%M%S}000000"
        assert len(line.main.read_now(facts.load_registrations, Kind.WEBINAR, "97")) == 1


@pytest.mark.anyio
async def test_replaying_everything_twice_changes_nothing(line: Line) -> None:
    live = live_webinar(9, now=NOW, registrants=8, attendees=5, cancelled=2)
    bodies = [event.body for event in events_of(live.after, live.after.sessions[live.truth.session_id])]
    ids = line.deliver(*bodies, b"unreadable", {"event": "x.y"})
    await line.drain()
    before, states = line.main.read_now(state), line.states()
    for _ in range(2):
        line.clock.forward(minutes=5)
        line.replay(*random.Random(4).sample(ids, len(ids)))
        await line.drain()
        assert line.main.read_now(state) == before
        assert line.states() == states


# --- a function of the set of events ---


TIMES = [START + timedelta(minutes=n) for n in (-60, -30, 0, 0, 1, 45, 60, 61, 62)]
PEOPLE = ("r1", "r2")
times = st.sampled_from(TIMES)


@st.composite
def session_events(draw: st.DrawFn) -> Json:
    """Any event of one webinar: few people, devices and moments, so that they meet."""
    at = draw(times)
    family = draw(st.sampled_from(["session", "person", "person", "signup", "signup", "recording"]))
    if family == "session":
        more = {
            "topic": draw(st.sampled_from(["봄", "Spring", ""])),
            "timezone": draw(st.sampled_from(["Asia/Seoul", "Europe/Paris", "UTC", ""])),
            "uuid": draw(st.sampled_from(["u1==", "u2=="])),
            "start": draw(times),
        }
        return (
            session("ended", at=at, end=draw(times), **more)
            if draw(st.booleans())
            else session("started", at=at, **more)
        )
    if family == "person":
        more = {
            "email": draw(st.sampled_from(["", "kim@mail.example"])),
            "user_name": draw(st.sampled_from(["Kim", "K"])),
        }
        key, uuid = draw(st.sampled_from(["k1", "k2"])), draw(st.sampled_from(["u1==", "u2=="]))
        return person(draw(st.sampled_from(["joined", "left"])), at=at, key=key, uuid=uuid, **more)
    if family == "signup":
        word = draw(st.sampled_from(["created", "approved", "denied", "cancelled"]))
        rid = draw(st.sampled_from(PEOPLE))
        status = draw(st.sampled_from(["approved", "pending"])) if word == "created" else word
        link = f"https://zoom.example/{rid}/{draw(st.integers(1, 2))}"
        more = {"join_url": link} if status == "approved" else {}
        if word == "created":
            more |= {"status": status, "org": draw(st.sampled_from(["", "O"]))}
        else:
            more |= {"first_name": draw(st.sampled_from(["민수", "Minsu"]))}
        dates = draw(st.sampled_from([(), ("d1",), ("d1", "d2")]))
        return signup(word, at=at, rid=rid, dates=dates, **more)
    share = draw(st.sampled_from(["", "https://zoom.example/1", "https://zoom.example/2"]))
    word = draw(st.sampled_from(["completed", "transcript_completed", "started"]))
    return recording(word, at=at, share=share, uuid=draw(st.sampled_from(["u1==", "u2=="])))


def in_batches(connection: sa.Connection, batches: Sequence[Sequence[Json]]) -> tuple[dict[str, list[str]], set[str]]:
    """The end state, and the names of what followed, registrations without the delivery that named them."""
    ids: set[str] = set()
    for batch in batches:
        for each in fold(connection, batch):
            ids.add(each.id.rpartition(":")[0] if each.name == "registered" else each.id)
    return state(connection), ids


def cut(events: Sequence[Json], places: Sequence[int]) -> list[Sequence[Json]]:
    ends = [*sorted(places), len(events)]
    return [events[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


def in_any_order(database: Database, data: st.DataObject) -> None:
    events = data.draw(st.lists(session_events(), min_size=1, max_size=10))
    doubled = data.draw(st.lists(st.sampled_from(events), max_size=5))
    order = data.draw(st.permutations([*events, *doubled]))
    places = data.draw(st.lists(st.integers(0, len(order)), max_size=3))
    # A read is not committed: each example begins with an empty database.
    expected = database.read_now(in_batches, [events])
    assert database.read_now(in_batches, cut(order, places)) == expected


UNHURRIED = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=1000, **UNHURRIED)  # type: ignore[arg-type]
@given(data=st.data())
def test_any_order_with_any_doubles_gives_one_end_state(data: st.DataObject, sqlite_database: Database) -> None:
    """1,000 sets of events of a session, each in another order, with doubles, in up to four batches."""
    in_any_order(sqlite_database, data)


@settings(max_examples=50, **UNHURRIED)  # type: ignore[arg-type]
@given(data=st.data())
def test_any_order_gives_one_end_state_on_postgres_too(data: st.DataObject, postgres_database: Database) -> None:
    in_any_order(postgres_database, data)


@pytest.mark.parametrize("seed", range(5))
def test_a_whole_session_in_any_order(seed: int, sqlite_database: Database) -> None:
    """As the simulator sends it, shuffled, every third one twice, in batches of seven."""
    live = live_webinar(seed, now=NOW, registrants=12, attendees=8, cancelled=2)
    events: list[Event] = events_of(live.after, live.after.sessions[live.truth.session_id])
    bodies = [copy.deepcopy(event.body) for event in events]
    expected = sqlite_database.read_now(in_batches, [bodies])
    shuffled = bodies + bodies[::3]
    random.Random(seed).shuffle(shuffled)
    batches = [shuffled[begin : begin + 7] for begin in range(0, len(shuffled), 7)]
    assert sqlite_database.read_now(in_batches, batches) == expected
