"""Polls and Q&A as Zoom has them, on our rosters; what may not be read costs nothing but itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tajo.core.facts import Interaction
from tajo.simulators.faults import Fault
from tajo.simulators.world import Stage, World, month
from tajo.store import facts, rosters
from tajo.store.tables import occurrences, roster

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
POLLS = re.compile("/past_(meetings|webinars)/.*/polls")
QA = re.compile("/past_(meetings|webinars)/.*/qa")

Did = dict[tuple[str, str], tuple[int, int]]  # (numeric id, e-mail) → polls answered, questions asked


def truly(world: World) -> Did:
    return {
        (str(each.session_id), person.email): (person.polls_answered, person.questions_asked)
        for each in world.truth
        for person in each.people
        if person.email and person.identifiable and (person.polls_answered or person.questions_asked)
    }


def as_known(connection: sa.Connection) -> Did:
    rows = connection.execute(
        sa.select(occurrences.c.session_id, roster.c.email, roster.c.polls_answered, roster.c.questions_asked)
        .join_from(roster, occurrences, roster.c.occurrence == occurrences.c.key)
        .where(sa.or_(roster.c.polls_answered > 0, roster.c.questions_asked > 0))
    )
    return {(row.session_id, row.email): (row.polls_answered, row.questions_asked) for row in rows}


def asked(b: Any, what: re.Pattern[str]) -> int:
    return sum(bool(what.search(call.path)) for call in b.zoom.calls)


@pytest.mark.parametrize("seed", [7, 8])
async def test_a_month_has_the_polls_and_questions_of_the_truth(bench: Any, seed: int) -> None:
    world = month(seed, now=NOW)
    assert sum(polls for polls, _ in truly(world).values()) == 17
    assert sum(questions for _, questions in truly(world).values()) == 3
    async with bench(world) as b:
        summary = await b.sync()
        assert b.database.read_now(as_known) == truly(world)
        assert not any("not counted" in each for each in summary["notes"])
        polled = [i for _, i in world.instances() if i.polls and i.end <= NOW]
        assert asked(b, POLLS) == len(polled), "the listing says which sessions had polls"


@pytest.fixture
def held(stage: Stage) -> World:
    """A webinar yesterday, restarted: of p0, p1, p2 who came, p0 answers in both halves, p1 asks, p2 hides."""
    plan = stage.webinar("Yesterday", start=NOW - timedelta(days=1))
    crowd = [stage.names.person(email=f"p{n}@mail.example", zoom_id="") for n in range(3)]
    for person in crowd:
        plan.register(person)
    first = plan.hold(minutes=20)
    second = plan.hold(start=first.end + timedelta(minutes=5), minutes=30)
    for instance in (first, second):
        for person in crowd:
            instance.come(person, 1, 18)
        instance.ask(crowd[0], "Good?", "Yes", minute=3)
    second.ask(crowd[0], "Good?", "No", minute=4)
    second.ask(crowd[1], "When?", "live answered", minute=6, poll=False)
    second.ask(crowd[2], "Where?", "", minute=7, poll=False, shown=False)
    return stage.world()


async def test_both_halves_count_and_who_has_no_address_is_nobody(bench: Any, held: World) -> None:
    """The same poll question twice in one half is one answer; the hidden question is kept, and given to nobody."""
    async with bench(held) as b:
        await b.sync()
        ((session_id, _), *_) = truly(held)
        assert b.database.read_now(as_known) == {
            (session_id, "p0@mail.example"): (2, 0),
            (session_id, "p1@mail.example"): (0, 1),
        }
        (told,) = b.database.read_now(rosters.held)
        kept = b.database.read_now(facts.load_respondents, list(told.instances))
        assert sum(each.times for each in kept if each.what is Interaction.QUESTION) == 2
        await b.sync()
        assert b.database.read_now(facts.load_respondents, list(told.instances)) == kept


async def test_a_missing_scope_is_a_note_and_is_not_asked_for_again(bench: Any, held: World) -> None:
    """Polls may not be read, Q&A may: no further call within an hour, the roster and the questions are there."""
    async with bench(held) as b:
        refusal = b'{"code":4711,"message":"Invalid access token, does not contain scopes:[meeting:read:x]."}'
        b.zoom.faults.order(Fault.respond(400, refusal), POLLS, times=2)  # two instances, at once
        summary = await b.sync()
        assert summary["problems"] == []
        assert [each for each in summary["notes"] if each.startswith("polls answered are not counted (webinars)")]
        again = await b.sync()
        assert again["notes"] == summary["notes"]
        assert asked(b, POLLS) == 2
        assert set(b.database.read_now(as_known).values()) == {(0, 1)}
        b.clock.forward(hours=1)
        await b.sync()
        assert set(b.database.read_now(as_known).values()) == {(2, 0), (0, 1)}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"code":200,"message":"No permission."}'),
        (403, b"{}"),
        (400, b'{"code":300}'),
        (200, b'{"questions":3}'),
    ],
)
async def test_whatever_zoom_says_of_polls_stops_no_session(bench: Any, held: World, status: int, body: bytes) -> None:
    async with bench(held) as b:
        b.zoom.faults.order(Fault.respond(status, body), QA, times=9)
        summary = await b.sync()
        assert summary["problems"] == []
        assert summary["outcomes"]["attended"] == 3
        assert any("questions asked are not counted" in each for each in summary["notes"])


async def test_what_was_read_stays_when_zoom_has_it_no_more(bench: Any, held: World) -> None:
    async with bench(held) as b:
        await b.sync()
        before = b.database.read_now(as_known)
        b.zoom.faults.order(Fault.respond(404, b'{"code":3001,"message":"gone"}'), POLLS, times=9)
        await b.sync()
        assert b.database.read_now(as_known) == before
