"""Reading sessions from a simulated Zoom into a real database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tajo.core.errors import CredentialError
from tajo.core.facts import Kind, Role
from tajo.core.outcome import Outcome, Readiness
from tajo.simulators.faults import Fault
from tajo.simulators.world import Registrant, Stage, World, month, webinar
from tajo.store import facts, letters, rosters, runs
from tajo.store.database import Database
from tajo.store.tables import metadata
from tajo.workflows import finding, reading
from tajo.workflows.finding import UnknownSessionError

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EXPIRED = b'{"code":300,"message":"The next page token is invalid or expired."}'
OUT_OF_ORDER = Fault.respond(503, b"")
REPORT = re.compile("^GET /report/(meetings|webinars)/.*participants")


def people(stage: Stage, count: int) -> list[Any]:
    return [stage.names.person(email=f"p{n}@mail.example", zoom_id="") for n in range(count)]


@pytest.fixture
def held(stage: Stage) -> World:
    """One webinar yesterday: of p0 … p5, four came; and who came is on one page."""
    plan = stage.webinar("Yesterday", start=NOW - DAY)
    crowd = people(stage, 6)
    for person in crowd:
        plan.register(person)
    instance = plan.hold()
    for person in crowd[:4]:
        instance.come(person, 5, 50)
    return stage.world()


def only(world: World) -> tuple[Any, list[str]]:
    """The world's only session, and its key."""
    (session,) = world.sessions.values()
    return session, [session.kind, str(session.id)]


async def discovered(b: Any, **request: str) -> str:
    """A run that has found its sessions."""
    number: str = await b.start(**request)
    await finding.discover(b.services, number)
    return number


def outcomes(b: Any, world: World) -> dict[str, Outcome]:
    """Who did what in the world's only session, as the roster has it."""
    lines: dict[str, Outcome] = {}
    for email, entries in b.database.read_now(rosters.entries_of, [f"p{n}@mail.example" for n in range(20)]).items():
        (entry,) = entries
        lines[email.partition("@")[0]] = entry.outcome
    return lines


# --- discovering ---


async def test_the_sessions_of_a_run_are_noted_down_with_their_instances(bench: Any) -> None:
    async with bench(month(now=NOW)) as b:
        number = await b.start()
        found = await finding.discover(b.services, number)
        noted = b.database.read_now(runs.sessions, number)
        assert [[kind.value, id_] for kind, id_ in noted] == sorted(found["sessions"])
        assert (found["notes"], found["unreadable"]) == ([], 0)
        for session in b.zoom.world.sessions.values():
            ended = [i for i in session.instances if i.end <= NOW]
            known = b.database.read_now(facts.load_instances, Kind(session.kind), str(session.id))
            assert {(i.uuid, i.start, i.end) for i in known} == {(i.uuid, i.start, i.end) for i in ended}


async def test_discovering_again_finds_the_same_and_forgets_no_reading(bench: Any, held: World) -> None:
    async with bench(held) as b:
        number = await discovered(b)
        _, key = only(held)
        first = await reading.read_session(b.services, number, key)
        assert await finding.discover(b.services, number) == await finding.discover(b.services, number)
        b.zoom.calls.clear()
        assert await reading.read_session(b.services, number, key) == first
        assert len(b.zoom.calls) == 0


@pytest.mark.parametrize(("off", "left"), [("participants", "webinar"), ("webinars", "meeting")])
async def test_a_family_that_is_switched_off_is_not_read(bench: Any, off: str, left: str) -> None:
    settings = {"zoom": {"sync": {off: False}}}
    async with bench(month(now=NOW), settings=settings) as b:
        number = await discovered(b)
        assert {kind.value for kind, _ in b.database.read_now(runs.sessions, number)} == {left}
        assert finding.kinds(b.services) == {Kind(left)}


async def test_one_session_is_found_by_what_was_asked_for(bench: Any) -> None:
    async with bench(month(now=NOW)) as b:
        session = next(s for s in b.zoom.world.of_kind("webinar") if len(s.instances) > 1)
        for asked in (str(session.id), session.instances[0].uuid):
            number = await discovered(b, webinar=asked)
            assert b.database.read_now(runs.sessions, number) == [(Kind.WEBINAR, str(session.id))]


# --- reading ---


async def test_a_session_is_read_as_a_whole(bench: Any, held: World) -> None:
    async with bench(held) as b:
        number, (session, key) = await discovered(b), only(held)
        result = await reading.read_session(b.services, number, key)
        assert result == {
            "kind": "webinar",
            "id": str(session.id),
            "topic": "Yesterday",
            "problem": "",
            "rows": 5,
            "unreadable": 0,
            "cancelled": 0,
            "fresh": 0,
            "erased": [],
        }
        came = {f"p{n}": Outcome.ATTENDED for n in range(4)}
        assert outcomes(b, held) == came | {"p4": Outcome.NO_SHOW, "p5": Outcome.NO_SHOW}
        everybody = {f"p{n}@mail.example" for n in range(6)} | {session.host.email}
        assert set(b.database.read_now(runs.people, number)) == everybody


async def test_the_deadline_decides_when_one_read_is_enough(bench: Any, stage: Stage) -> None:
    """Ended 90 minutes ago: settling, and final after a second read that shows the same."""
    plan = stage.webinar("Just now", start=NOW - 150 * MINUTE)
    crowd = people(stage, 3)
    for person in crowd:
        plan.register(person)
    instance = plan.hold(minutes=60)
    for person in crowd[:2]:
        instance.come(person, 1, 50)
    async with bench(stage.world()) as b:
        _, key = only(b.zoom.world)
        for ready, of_p0, of_p2 in (
            (Readiness.SETTLING, Outcome.REGISTERED, Outcome.REGISTERED),
            (Readiness.FINAL, Outcome.ATTENDED, Outcome.NO_SHOW),
        ):
            await reading.read_session(b.services, await discovered(b), key)
            (told,) = b.database.read_now(rosters.held)
            assert told.readiness is ready
            assert outcomes(b, b.zoom.world) == {"p0": of_p0, "p1": of_p0, "p2": of_p2}
            b.clock.forward(minutes=5)


async def test_a_report_that_still_settles_is_not_believed(bench: Any, stage: Stage) -> None:
    """For two hours half of the rows with durations of 0, then all; read each half hour: nobody is a no-show early."""
    plan = stage.webinar("Slow report", start=NOW - 61 * MINUTE)
    crowd = people(stage, 5)
    for person in crowd:
        plan.register(person)
    instance = plan.hold(minutes=60)
    for person in crowd[:4]:
        instance.come(person, 1, 59)
    async with bench(stage.world(), zoom={"report_settling": 110 * MINUTE}) as b:
        _, key = only(b.zoom.world)
        seen = []
        for _ in range(6):
            await reading.read_session(b.services, await discovered(b), key)
            (told,) = b.database.read_now(rosters.held)
            seen.append(told.readiness)
            if told.readiness is Readiness.SETTLING:
                assert set(outcomes(b, b.zoom.world).values()) == {Outcome.REGISTERED}
            b.clock.forward(minutes=30)
        assert seen[0] is Readiness.SETTLING
        assert seen[-1] is Readiness.FINAL
        assert outcomes(b, b.zoom.world)["p4"] is Outcome.NO_SHOW


async def test_a_report_that_never_comes_is_told_after_the_deadline(bench: Any, held: World) -> None:
    """The roster is overdue, nobody is called a no-show, and the reason is told."""
    async with bench(held, zoom={"report_delay": 30 * DAY}) as b:
        session, key = only(held)
        number = await b.start()
        (instance,) = session.instances
        found = {"uuids": [instance.uuid], "topic": "Yesterday", "host_email": "", "no_registration": False}
        b.database.write_now(runs.add_session, number, Kind.WEBINAR, key[1], found)
        known = facts.Instance(instance.uuid, instance.start, instance.end)
        b.database.write_now(facts.save_instances, Kind.WEBINAR, key[1], [known])
        result = await reading.read_session(b.services, number, key)
        assert instance.uuid in result["problem"]
        (told,) = b.database.read_now(rosters.held)
        assert told.readiness is Readiness.OVERDUE
        assert set(outcomes(b, held).values()) == {Outcome.UNKNOWN}


async def test_a_report_that_is_suddenly_empty_is_not_believed(bench: Any, held: World) -> None:
    async with bench(held) as b:
        _, key = only(held)
        await reading.read_session(b.services, await discovered(b), key)
        before = outcomes(b, held)
        b.zoom.faults.order(Fault.respond(200, b'{"next_page_token":"","participants":[]}'), REPORT)
        result = await reading.read_session(b.services, await discovered(b), key)
        assert "empty" in result["problem"]
        assert outcomes(b, held) == before


async def test_rows_that_zoom_corrects_replace_those_read_before(bench: Any, held: World) -> None:
    async with bench(held) as b:
        session, key = only(held)
        await reading.read_session(b.services, await discovered(b), key)
        (instance,) = session.instances
        fewer = replace(instance, rows=tuple(row for row in instance.rows if row.email != "p0@mail.example"))
        b.zoom.world = held.with_session(replace(session, instances=(fewer,)))
        await reading.read_session(b.services, await discovered(b), key)
        assert outcomes(b, held)["p0"] is Outcome.NO_SHOW
        assert len(b.database.read_now(facts.load_stays, [instance.uuid])) == 4


async def test_a_listing_that_begins_anew_is_not_counted_twice(bench: Any) -> None:
    """The token for the third page of seven is too old, and the list moves between pages."""
    world = webinar(2, now=NOW, registrants=200, attendees=150, rows=2_000)
    async with bench(world, zoom={"page_drift": True}) as b:
        session, key = only(world)
        b.zoom.faults.order(Fault.respond(400, EXPIRED), re.compile("participants.*next_page_token=.+"), after=1)
        result = await reading.read_session(b.services, await discovered(b), key)
        assert result["rows"] == 2_000
        (instance,) = session.instances
        assert len(b.database.read_now(facts.load_stays, [instance.uuid])) == 2_000
        assert b.database.read_now(facts.load_stays, [f"{instance.uuid}#reading"]) == []
        (told,) = b.database.read_now(rosters.held)
        assert told.outcomes == {Outcome.ATTENDED: 150, Outcome.NO_SHOW: 50}


# --- who vanished, and what is gone ---


def coming(stage: Stage, count: int = 4) -> World:
    plan = stage.webinar("Tomorrow", start=NOW + DAY)
    for person in people(stage, count):
        plan.register(person)
    return stage.world()


def without(world: World, email: str) -> World:
    session, _ = only(world)
    left: tuple[Registrant, ...] = tuple(r for r in session.registrants if r.email != email)
    return world.with_session(replace(session, registrants=left))


async def test_who_vanishes_from_a_coming_session_has_cancelled(bench: Any, stage: Stage) -> None:
    world = coming(stage)
    async with bench(world) as b:
        _, key = only(world)
        await reading.read_session(b.services, await discovered(b), key)
        b.zoom.world = without(world, "p1@mail.example")
        number = await discovered(b)
        assert (await reading.read_session(b.services, number, key))["cancelled"] == 1
        assert outcomes(b, world)["p1"] is Outcome.CANCELLED
        assert "p1@mail.example" in b.database.read_now(runs.people, number)
        b.zoom.world = world  # and registers again
        await reading.read_session(b.services, await discovered(b), key)
        assert outcomes(b, world)["p1"] is Outcome.REGISTERED


async def test_who_vanishes_after_the_end_stays_what_they_were(bench: Any, held: World) -> None:
    async with bench(held) as b:
        _, key = only(held)
        await reading.read_session(b.services, await discovered(b), key)
        b.zoom.world = without(held, "p5@mail.example")
        assert (await reading.read_session(b.services, await discovered(b), key))["cancelled"] == 0
        assert outcomes(b, held)["p5"] is Outcome.NO_SHOW


async def test_who_vanishes_from_one_date_of_a_series_stays_on_the_others(bench: Any, stage: Stage) -> None:
    plan = stage.webinar("Weekly", start=NOW + DAY, type=9, registration_type=2)
    dates = [plan.occurs(NOW + days * DAY) for days in (1, 8)]
    (person,) = people(stage, 1)
    for date in dates:
        plan.register(person, dates=[date])
    world = stage.world()
    async with bench(world) as b:
        session, key = only(world)
        await reading.read_session(b.services, await discovered(b), key)
        first = next(o.id for o in session.occurrences)
        left = tuple(r for r in session.registrants if first not in r.occurrence_ids)
        b.zoom.world = world.with_session(replace(session, registrants=left))
        await reading.read_session(b.services, await discovered(b), key)
        told = b.database.read_now(rosters.entries_of, [person.email])[person.email]
        assert [entry.outcome for entry in told] == [Outcome.CANCELLED, Outcome.REGISTERED]


async def test_a_deleted_session_keeps_what_was_held(bench: Any, held: World) -> None:
    """Its details are gone, its report is not; what was read before (registrants, zone) stays known."""
    async with bench(held) as b:
        session, key = only(held)
        await reading.read_session(b.services, await discovered(b), key)
        before = outcomes(b, held)
        b.zoom.world = held.with_session(replace(session, deleted=True))
        result = await reading.read_session(b.services, await discovered(b), key)
        assert (result["problem"], result["rows"], result["topic"]) == ("", 5, "Yesterday")
        assert outcomes(b, held) == before
        known = b.database.read_now(facts.load_session, Kind.WEBINAR, key[1])
        assert (known.time_zone, known.registration_required) == (session.timezone, True)


@pytest.fixture
def deleted(held: World) -> World:
    """Yesterday's webinar was deleted before anybody read it."""
    session, _ = only(held)
    return held.with_session(replace(session, deleted=True))


async def test_of_a_session_deleted_before_the_first_read_the_listing_tells(bench: Any, deleted: World) -> None:
    """Topic and host; everybody whose row shows an address."""
    async with bench(deleted) as b:
        session, key = only(deleted)
        await reading.read_session(b.services, await discovered(b), key)
        known = b.database.read_now(facts.load_session, Kind.WEBINAR, key[1])
        assert (known.topic, known.host_email) == ("Yesterday", session.host.email)
        assert outcomes(b, deleted) == {f"p{n}": Outcome.ATTENDED for n in range(4)}


async def test_the_host_of_a_session_whose_details_are_gone_is_still_the_host(bench: Any, deleted: World) -> None:
    """And is left out like any host: the listing names them."""
    async with bench(deleted) as b:
        session, key = only(deleted)
        await reading.read_session(b.services, await discovered(b), key)
        (line,) = b.database.read_now(rosters.lines_of, session.host.email)
        assert (line.role, line.entry.excluded) == (Role.HOST, "host")


async def test_a_session_whose_details_are_gone_has_its_hosts_zone(bench: Any, deleted: World) -> None:
    """Dates are written in the session's zone: its details', else its host's, else UTC."""
    async with bench(deleted) as b:
        session, key = only(deleted)
        await reading.read_session(b.services, await discovered(b), key)
        known = b.database.read_now(facts.load_session, Kind.WEBINAR, key[1])
        assert known.time_zone == session.host.timezone == "Asia/Seoul"


async def test_a_listed_session_that_is_gone_meanwhile_is_told(bench: Any, stage: Stage) -> None:
    world = coming(stage)
    async with bench(world) as b:
        session, key = only(world)
        number = await discovered(b)
        b.zoom.world = world.with_session(replace(session, deleted=True))
        assert "does not know it any more" in (await reading.read_session(b.services, number, key))["problem"]


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_number_that_was_asked_for_and_is_nobodys_is_an_error(bench: Any, held: World, kind: Kind) -> None:
    async with bench(held) as b:
        asked: dict[str, str] = {kind.value: "89999999999"}
        number = await discovered(b, **asked)
        with pytest.raises(UnknownSessionError, match="89999999999"):
            await reading.read_session(b.services, number, [kind.value, "89999999999"])


# --- trouble ---


async def test_a_session_that_zoom_refuses_is_a_dead_letter_until_it_can_be_read(bench: Any, held: World) -> None:
    async with bench(held) as b:
        _, key = only(held)
        b.zoom.faults.order(Fault.respond(400, b'{"code":1010,"message":"User not found"}'), REPORT)
        result = await reading.read_session(b.services, await discovered(b), key)
        assert result["problem"]
        assert "retry" not in result
        (letter,) = b.database.read_now(letters.open_letters)
        assert letter.subject == " ".join(key)
        await reading.read_session(b.services, await discovered(b), key)
        assert b.database.read_now(letters.open_letters) == []


async def test_an_answer_of_another_shape_is_a_dead_letter(bench: Any, held: World) -> None:
    async with bench(held) as b:
        _, key = only(held)
        b.zoom.faults.order(Fault.respond(200, b'{"participants":"none"}'), REPORT)
        assert "participants" in (await reading.read_session(b.services, await discovered(b), key))["problem"]
        assert len(b.database.read_now(letters.open_letters)) == 1


async def test_missing_access_stops_the_run(bench: Any, held: World) -> None:
    async with bench(held) as b:
        number, (_, key) = await discovered(b), only(held)
        b.zoom.deactivate()
        with pytest.raises(CredentialError):
            await reading.read_session(b.services, number, key)
        assert b.database.read_now(runs.session, number, Kind.WEBINAR, key[1])[1] is None


async def test_while_zoom_is_silent_nothing_else_is_tried(bench: Any, held: World) -> None:
    """The first session is tried for a minute, the next one not at all; a later run, with Zoom back, reads it."""
    async with bench(held) as b:
        number, (_, key) = await discovered(b), only(held)
        b.zoom.faults.order(Fault.reset_before(), times=None)
        first = await reading.read_session(b.services, number, key)
        tried = len(b.zoom.calls)
        second = await reading.read_session(b.services, number, key)
        assert (first["retry"], second["retry"], len(b.zoom.calls)) == (True, True, tried)
        b.zoom.faults.clear()
        b.services.given_up_on_zoom = False
        assert (await reading.read_session(b.services, number, key))["problem"] == ""


async def test_a_session_that_is_out_of_order_while_others_are_not_is_left_for_later(bench: Any, held: World) -> None:
    """Its report answers 503 for a minute; something else of Zoom answers meanwhile."""
    async with bench(held) as b:
        number, (_, key) = await discovered(b), only(held)
        b.zoom.faults.order(OUT_OF_ORDER, REPORT, times=None)
        sleep = b.services.zoom._sleep

        async def and_hear_of_others(seconds: float) -> None:
            await sleep(seconds)
            b.services.answered["zoom"] = b.clock()

        b.services.zoom._sleep = and_hear_of_others
        result = await reading.read_session(b.services, number, key)
        assert result["retry"] is True
        assert result["problem"]
        assert b.database.read_now(letters.open_letters) == []


async def test_a_session_that_was_left_for_later_is_read_by_the_next_attempt(bench: Any, held: World) -> None:
    async with bench(held) as b:
        number, (_, key) = await discovered(b), only(held)
        later = {"kind": key[0], "id": key[1], "topic": "Yesterday", "problem": "out of order", "retry": True}
        b.database.write_now(runs.session_read, number, Kind.WEBINAR, key[1], later, NOW)
        result = await reading.read_session(b.services, number, key)
        assert (result["problem"], result["rows"]) == ("", 5)


# --- a kill between any two writes ---


def snapshot(b: Any) -> dict[str, list[Any]]:
    """All facts, rosters and the run's rows; not the clock's and the budgets'."""
    left_out = {"budgets", "budget_counts", "runs"}
    moments = {"read_at", "told_at", "detailed_at", "listed_at", "linked_at", "agree"}
    found = {}
    for table in metadata.sorted_tables:
        if table.name not in left_out:
            columns = [column for column in table.columns if column.name not in moments]
            rows = b.database.read_now(lambda c, what=columns: c.execute(sa.select(*what)).all())
            found[table.name] = sorted(map(repr, rows))
    return found


@pytest.fixture
def fresh(tmp_path: Path, migrated: Callable[..., Any]) -> Iterator[Callable[[], Database]]:
    """Gives one migrated database after another."""
    opened: list[Database] = []

    def make() -> Database:
        path = tmp_path / f"fresh{len(opened)}.db"
        path.write_bytes(migrated().read_bytes())
        opened.append(Database(f"sqlite:///{path}"))
        return opened[-1]

    yield make
    for database in opened:
        database.close()


async def test_a_kill_between_any_two_writes_loses_nothing(
    bench: Any, held: World, fresh: Callable[[], Database]
) -> None:
    """p0 vanishes from the report and p6 is new; read after a kill before each write as without one.

    Nothing but the roster that is replaced still knows p0, whose contact has to change.
    """
    session, key = only(held)
    (instance,) = session.instances
    newcomer = replace(session.registrants[0], id="r6", email="p6@mail.example")
    changed = replace(
        session,
        instances=(replace(instance, rows=tuple(row for row in instance.rows if row.email != "p0@mail.example")),),
        registrants=(*(r for r in session.registrants if r.email != "p0@mail.example"), newcomer),
    )

    async def read_twice(b: Any, kill_before: int | None) -> bool:
        """Whether the kill came."""
        await reading.read_session(b.services, await discovered(b), key)
        b.database.write_now(lambda c: c.execute(sa.delete(metadata.tables["registrations"])))
        b.zoom.world = held.with_session(changed)
        number = await discovered(b)
        died = kill_before is not None and await b.as_if_killed_before(
            kill_before, lambda: reading.read_session(b.services, number, key)
        )
        await reading.read_session(b.services, number, key)
        return died

    async with bench(held, database=fresh()) as b:
        await read_twice(b, None)
        wanted = snapshot(b)
    assert "p0@mail.example" in str(wanted["run_people"])
    for write in range(40):
        async with bench(held, database=fresh()) as b:
            died = await read_twice(b, write)
            found = snapshot(b)
        different = {name: (rows, wanted[name]) for name, rows in found.items() if rows != wanted[name]}
        assert not different, f"killed before write {write}"
        if not died:
            break
    assert 5 < write < 39
