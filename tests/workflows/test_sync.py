"""The whole sync, compared with what the simulated world knows to be true."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tajo.connectors.zoom.api.errors import NotReady, ScopeMissing
from tajo.core.errors import ConfigError, CredentialError, RejectedError, TajoError, TransientError, UsageError
from tajo.core.facts import Kind
from tajo.core.problems import error_of, problem_of
from tajo.simulators.faults import Fault
from tajo.simulators.world import Stage, World, month
from tajo.store import budgets, runs
from tajo.store.database import Database
from tajo.store.tables import occurrences, roster
from tajo.workflows import finding
from tajo.workflows.engine import Engine
from tajo.workflows.sync import dry_run, exit_code, sync_workflow

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


# --- what is true ---

Key = tuple[str, str, str]  # kind, numeric id, start to the minute


def key(kind: str, number: object, start: datetime) -> Key:
    return (str(kind), str(number), f"{start:%Y-%m-%dT%H:%M}")


def true_people(world: World) -> dict[Key, dict[str, tuple[str, int, int]]]:
    """Per occurrence everybody whom Zoom shows: e-mail → outcome, seconds present, number of joins.

    Of a session with a single participant Zoom shows nobody.
    """
    found = {}
    for each in world.truth:
        alone = sum(person.join_count > 0 for person in each.people) < 2
        found[key(each.kind, each.session_id, each.start)] = {
            person.email: (person.outcome, person.present_s, person.join_count)
            for person in each.people
            if person.email and person.identifiable and not (alone and person.join_count)
        }
    return found


def known_people(connection: sa.Connection) -> dict[Key, tuple[str, dict[str, tuple[str, int, int]]]]:
    """The same as our rosters have it, with each one's readiness."""
    found: dict[Key, tuple[str, dict[str, tuple[str, int, int]]]] = {}
    by_key: dict[str, dict[str, tuple[str, int, int]]] = {}
    for row in connection.execute(sa.select(occurrences)):
        people = by_key.setdefault(row.key, {})
        found[key(row.kind, row.session_id, row.start)] = (row.readiness, people)
    for row in connection.execute(sa.select(roster)):
        by_key[row.occurrence][row.email] = (row.outcome, round(row.present.total_seconds()), row.joins)
    return found


def differences(world: World, database: Database, *, settling: bool = False) -> list[str]:
    """Where our rosters are not the truth; those still settling are passed over if `settling`."""
    truth, known = true_people(world), database.read_now(known_people)
    found = [f"{where}: {'missing' if where in truth else 'nobody held this'}" for where in truth.keys() ^ known.keys()]
    for where in truth.keys() & known.keys():
        readiness, people = known[where]
        if settling and readiness == "settling":
            continue
        found += [
            f"{where} {email}: {truth[where].get(email)} is {people.get(email)}"
            for email in truth[where].keys() | people.keys()
            if truth[where].get(email) != people.get(email)
        ]
    return found


def true_contacts(world: World) -> dict[str, tuple[str, int, set[int]]]:
    """Whom Brevo is to have: e-mail → outcome and seconds of the latest session, and lists.

    Staff is left out where it is staff; who is only pending, denied or has cancelled is nobody's contact.
    """
    approved = {
        registrant.id
        for session in world.sessions.values()
        for registrant in session.registrants
        if registrant.status == "approved" and registrant.cancelled_at is None
    }
    lines: dict[str, list[tuple[bool, datetime, str, int, set[int]]]] = {}
    for each in world.truth:
        for person in each.people:
            stands = person.outcome in (("attended", "no_show") if each.ended else ("registered",))
            if not person.email or not person.identifiable or person.staff or not stands:
                continue
            lists = {17} if each.kind == "webinar" and approved & set(person.registrant_ids) else set()
            if person.outcome == "attended":
                lists |= {16 if each.kind == "webinar" else 15}
            line = (each.ended, each.start, person.outcome, person.present_s, lists)
            lines.setdefault(person.email, []).append(line)
    contacts = {}
    for email, mine in lines.items():
        ended = [line for line in mine if line[0]]
        carried = max(ended, key=lambda line: line[1]) if ended else min(mine, key=lambda line: line[1])
        contacts[email] = (carried[2], carried[3], set().union(*(line[4] for line in mine)))
    return contacts


def known_contacts(brevo: Any) -> dict[str, tuple[Any, Any, set[int]]]:
    ours = {15, 16, 17}
    return {
        email: (
            contact.attributes.get("ATTENDANCE_STATUS"),
            contact.attributes.get("MEETING_DURATION"),
            contact.list_ids & ours,
        )
        for email, contact in brevo.contacts.items()
    }


# --- from end to end ---


async def end_to_end(b: Any, world: World) -> None:
    """Three syncs, ten minutes between the first two: all but what settles, everything, and nothing more to write."""
    async with Engine(b.database, "sync", b.services) as engine:

        async def sync() -> Any:
            number = await b.start()
            b.services.schema = None
            return await engine.result(f"sync:{number}:1", sync_workflow, number)

        first = await sync()
        assert exit_code(first) == 0, first
        assert first["settling"] == 1
        assert differences(world, b.database, settling=True) == []

        fresh = next(s for s in world.sessions.values() if s.topic == "오늘의 웨비나")
        leaver = next(p.email for p in world.truth_of(fresh.id)[0].people if p.outcome == "attended" and not p.staff)
        b.brevo.unsubscribe(leaver)
        before = set(b.brevo.contacts[leaver].list_ids)
        b.clock.forward(minutes=10)
        second = await sync()
        assert (second["settling"], second["created"], second["changed"] > 0) == (0, 0, True)
        assert differences(world, b.database) == []
        expected = true_contacts(world)
        *truth, lists = expected[leaver]
        expected[leaver] = (*truth, lists & before)  # who unsubscribed joins no list any more
        assert known_contacts(b.brevo) == expected
        assert b.brevo.contacts[leaver].attributes["ATTENDANCE_STATUS"] == "attended"
        assert second["held_back"] == {"suppressed: blocklisted in Brevo": 1}

        b.brevo.calls.clear()
        third = await sync()
        assert (third["created"], third["changed"], third["unchanged"]) == (0, 0, len(b.brevo.contacts))
        assert b.contact_writes() == 0

    assert b.brevo.contacts[leaver].email_blacklisted
    assert b.brevo.complaints() == []
    assert b.zoom.calls.count(status=429) == b.brevo.calls.count(status=429) == 0
    flags = json.dumps(b.brevo.bodies)
    assert not [name for name in ("emailBlacklist", "smsBlacklist", "smtpBlacklist", "ext_id") if name in flags]


@pytest.mark.parametrize("seed", [7, 8, 9])
async def test_what_is_synced_is_what_happened(bench: Any, seed: int) -> None:
    """A month of an account with every awkward case there is; its 26 sessions, some 350 people."""
    world = month(seed, now=NOW)
    async with bench(world) as b:
        await end_to_end(b, world)


async def test_what_is_synced_is_what_happened_on_postgres(bench: Any, postgres_database: Database) -> None:
    world = month(10, now=NOW)
    async with bench(world, database=postgres_database) as b:
        await end_to_end(b, world)


# --- how a run ends ---


@pytest.fixture
def small() -> World:
    """Two webinars of yesterday with two people each, one of whom came to both."""
    stage = Stage(11, NOW)
    crowd = [stage.names.person(email=f"p{n}@mail.example", zoom_id="") for n in range(3)]
    for number in range(2):
        plan = stage.webinar(f"Webinar {number}", start=NOW - timedelta(days=1, hours=5 * number))
        held = plan.hold()
        for person in crowd[number : number + 2]:
            plan.register(person)
            held.come(person, 5, 50)
    return stage.world()


def unfinished(b: Any) -> list[str]:
    return [run.id for run in b.database.read_now(runs.unfinished)]


async def again(b: Any, number: str) -> Any:
    """The next attempt of a paused run."""
    run = b.database.write_now(runs.again, b.database.read_now(runs.load, number))
    return await b.carry_out(run.id)


async def test_a_run_that_is_done_tells_what_it_did(bench: Any, small: World) -> None:
    async with bench(small) as b:
        summary = await b.sync()
        assert exit_code(summary) == 0
        told = {name: summary[name] for name in ("sessions", "rows", "created", "excluded", "settling", "problems")}
        assert told == {"sessions": 2, "rows": 6, "created": 3, "excluded": 2, "settling": 0, "problems": []}
        assert summary["outcomes"]["attended"] == 4
        assert [each["outcomes"] for each in summary["occurrences"]] == [{"attended": 2}] * 2
        assert json.loads(json.dumps(summary)) == summary  # recorded steps are JSON
        assert unfinished(b) == []
        kept = b.database.read_now(runs.load, summary["run"]).summary
        assert kept == {
            name: value for name, value in summary.items() if name not in ("writes", "occurrences", "review")
        }
        assert b.database.read_now(runs.people, summary["run"]) == []


async def test_a_wrong_configuration_is_told_before_zoom_is_asked_for_anything(bench: Any, small: World) -> None:
    """And leaves no run behind that would be taken up again."""
    async with bench(small, settings={"zoom": {"lists": {"webinar_attendees": 99}}}) as b:
        summary = await b.sync()
        assert (exit_code(summary), summary["problem"]["kind"]) == (3, "ConfigError")
        assert "no list 99" in summary["problem"]["message"]
        assert (len(b.zoom.calls), unfinished(b)) == (0, [])


async def test_lost_access_pauses_the_run_and_loses_nothing(bench: Any, small: World) -> None:
    async with bench(small) as b:
        b.zoom.deactivate()
        number = await b.start()
        summary = await b.carry_out(number)
        assert (exit_code(summary), unfinished(b)) == (4, [number])
        b.zoom.activate()
        assert exit_code(await again(b, number)) == 0
        assert set(b.brevo.contacts) == {f"p{n}@mail.example" for n in range(3)}
        assert unfinished(b) == []


async def test_lost_access_to_brevo_pauses_the_run_too(bench: Any, small: World) -> None:
    async with bench(small) as b:
        b.brevo.expire_key()
        number = await b.start()
        assert exit_code(await b.carry_out(number)) == 4
        b.brevo.restore()
        assert exit_code(await again(b, number)) == 0


async def test_a_silent_vendor_pauses_the_run(bench: Any, small: World) -> None:
    async with bench(small) as b:
        b.zoom.faults.order(Fault.reset_before(), times=None)
        number = await b.start()
        summary = await b.carry_out(number)
        assert (exit_code(summary), unfinished(b)) == (5, [number])
        b.zoom.faults.clear()
        assert exit_code(await again(b, number)) == 0


async def test_a_used_up_limit_says_until_when(bench: Any, small: World) -> None:
    async with bench(small) as b:
        until = NOW + timedelta(hours=3)
        b.database.write_now(budgets.push, "zoom:test:heavy", until)
        summary = await b.sync()
        assert exit_code(summary) == 5
        assert summary["problem"]["retry_at"] == until.isoformat()


async def test_a_number_that_is_nobodys_ends_the_run(bench: Any, small: World) -> None:
    async with bench(small) as b:
        summary = await b.sync(webinar="99999999999")
        assert (exit_code(summary), unfinished(b)) == (1, [])
        assert "99999999999" in summary["problem"]["message"]


async def test_one_session_is_synced_alone(bench: Any, small: World) -> None:
    async with bench(small) as b:
        session = min(small.sessions.values(), key=lambda each: each.topic)
        summary = await b.sync(webinar=str(session.id))
        assert (summary["sessions"], summary["created"]) == (1, 2)
        assert set(b.brevo.contacts) == {"p0@mail.example", "p1@mail.example"}


async def test_people_whom_brevo_refuses_end_the_run_with_6(bench: Any) -> None:
    stage = Stage(11, NOW)
    plan = stage.webinar("Yesterday", start=NOW - timedelta(days=1))
    for email in ("kim@localhost", "lee@mail.example"):
        person = stage.names.person(email=email)
        plan.register(person)
    plan.hold()
    async with bench(stage.world()) as b:
        summary = await b.sync()
        assert (exit_code(summary), summary["refused"], summary["created"]) == (6, 1, 1)
        assert (summary["dead_letters"], summary["letters_arisen"]) == (1, 1)
        assert unfinished(b) == []


async def test_a_session_that_could_not_be_read_for_now_is_read_by_the_next_attempt(bench: Any, small: World) -> None:
    """The others are delivered meanwhile; the run stays open, and is done when that one was read."""
    async with bench(small) as b:
        number = await b.start()
        await finding.discover(b.services, number)
        session = max(small.sessions.values(), key=lambda each: each.topic)
        later = {"kind": "webinar", "id": str(session.id), "topic": "", "problem": "out of order", "retry": True}
        b.database.write_now(runs.session_read, number, Kind.WEBINAR, str(session.id), later, NOW)
        assert exit_code(await b.carry_out(number)) == 0
        assert set(b.brevo.contacts) == {f"p{n}@mail.example" for n in range(3)}


async def test_looking_at_what_would_be_written_writes_nothing(bench: Any, small: World) -> None:
    async with bench(small) as b:
        summary = await dry_run(b.services, await b.start())
        assert (summary["created"], len(summary["writes"])) == (3, 3)
        assert {call.method for call in b.brevo.calls} == {"GET"}


async def test_a_problem_is_recorded_like_any_result(bench: Any, small: World) -> None:
    """The durable workflow's result says it, and following the same workflow again does not try again."""
    async with bench(small) as b, Engine(b.database, "sync", b.services) as engine:
        b.zoom.deactivate()
        number = await b.start()
        first = await engine.result(f"sync:{number}:1", sync_workflow, number)
        assert exit_code(first) == 4
        b.zoom.activate()
        assert await engine.result(f"sync:{number}:1", sync_workflow, number) == first
        b.database.write_now(runs.again, b.database.read_now(runs.load, number))
        assert exit_code(await engine.result(f"sync:{number}:2", sync_workflow, number)) == 0


# --- errors as data ---

ERRORS = [
    UsageError("u", origin="sync", hint="h"),
    ConfigError("c", origin="tajo.yml:7", hint="h"),
    CredentialError("a", origin="zoom.token"),
    TransientError("t", origin="zoom", retry_at=NOW),
    RejectedError("r", origin="brevo", status=400, code="x"),
    TajoError("plain", origin="database"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_being_data(error: TajoError) -> None:
    """Message, place, remedy and exit code; what to do next is in the class."""
    problem = json.loads(json.dumps(problem_of(error)))
    back = error_of(problem)
    assert (back.message, back.origin, back.hint, back.exit_code) == (
        error.message,
        error.origin,
        error.hint,
        error.exit_code,
    )
    assert type(back) is type(error)
    assert back.line() == error.line()


def test_when_to_try_again_survives_too() -> None:
    back = error_of(problem_of(ERRORS[3]))
    assert isinstance(back, TransientError)
    assert back.retry_at == NOW


@pytest.mark.parametrize("kind", [ScopeMissing("s", origin="zoom.x"), NotReady("n", origin="zoom.y")])
def test_a_vendors_own_error_comes_back_as_the_class_that_says_what_to_do(kind: TajoError) -> None:
    back = error_of(problem_of(kind))
    assert (back.exit_code, isinstance(kind, type(back))) == (kind.exit_code, True)


@pytest.mark.parametrize(
    ("summary", "code"),
    [
        ({"unavailable": 0, "refused": 0, "letters_arisen": 0}, 0),
        ({"unavailable": 1, "refused": 1, "letters_arisen": 1}, 5),
        ({"unavailable": 0, "refused": 1, "letters_arisen": 0}, 6),
        ({"unavailable": 0, "refused": 0, "letters_arisen": 2}, 6),
        ({"problem": {"exit": 3}}, 3),
    ],
)
def test_how_the_command_ends(summary: dict[str, Any], code: int) -> None:
    assert exit_code(summary) == code
