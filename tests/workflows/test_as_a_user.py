"""A sync with a user's sign-in: the user's own sessions, by "me", without reports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import sqlalchemy as sa

from tajo import app
from tajo.core.errors import CredentialError
from tajo.simulators.world import Stage
from tajo.store import runs
from tajo.store.database import Database
from tajo.store.tables import roster
from tajo.workflows import connecting, delivering
from tajo.workflows.checking import check
from tajo.workflows.engine import Inline
from tajo.workflows.services import Services, utc_now
from tajo.workflows.sync import synchronise

pytestmark = pytest.mark.anyio

REDIRECT = "https://tajo.example.com/oauth/zoom/callback"


@dataclass
class Signed:
    """What a test works with: services that a user's sign-in opens, and both vendors."""

    services: Services
    sims: Any
    people: list[Any]
    numbers: dict[str, int]

    async def sync(self, **request: str) -> Any:
        now = self.services.clock()
        asked = {"since": (now - timedelta(days=20)).date().isoformat(), "until": now.date().isoformat(), **request}
        await self.services.database.write(runs.start, f"run{len(self.sims.zoom.calls)}", asked, now)
        last = await self.services.database.read(runs.last)
        assert last is not None
        return await synchronise(self.services, Inline(), last.id, deliver=delivering.deliver_run)

    def outcomes(self) -> dict[str, tuple[str, int]]:
        def read(connection: sa.Connection) -> dict[str, tuple[str, int]]:
            rows = connection.execute(sa.select(roster))
            return {row.email: (row.outcome, round(row.present.total_seconds() / 60)) for row in rows}

        return self.services.database.read_now(read)


@pytest.fixture
def signed(simulators: Callable[..., Any], sqlite_database: Database) -> Callable[..., Any]:
    """Opens services after a sign-in; `level` is what the app gives, "user" or "admin"."""

    @asynccontextmanager
    async def open_it(level: str = "user") -> AsyncIterator[Signed]:
        world, people, numbers = small(utc_now())
        sims = simulators(world, at=utc_now, plan="business", zoom={"oauth_app": level})
        config = sims.config(zoom={"account_id": None, "plan": "business"})
        mine = app.sign_ins(config, sqlite_database, zoom_app=sims.zoom.app)
        begun = await mine.begin(REDIRECT)
        asked = dict(parse_qsl(urlsplit(begun.url).query))
        await mine.finish({"code": sims.zoom.tokens.authorize(asked), "state": asked["state"]})
        both = {"zoom_app": sims.zoom.app, "brevo_app": sims.brevo.app}
        async with app.services(config, sqlite_database, **both) as services:
            yield Signed(services, sims, people, numbers)

    return open_it


def small(now: datetime) -> tuple[Any, list[Any], dict[str, int]]:
    """The first user, who signs in, held a meeting and a webinar; a colleague held another meeting."""
    stage = Stage(8, now)
    people = [stage.names.person() for _ in range(4)]
    meeting = stage.meeting("Mine", start=now - timedelta(days=2))
    held = meeting.hold()
    held.come(people[0], 0, 30)
    held.come(people[1], 0, 20)
    webinar = stage.webinar("Mine, too", start=now - timedelta(days=1))
    for person in people[:3]:
        webinar.register(person)
    broadcast = webinar.hold()
    broadcast.come(people[0], 0, 50)
    broadcast.come(people[2], 0, 40)
    theirs = stage.meeting("Theirs", start=now - timedelta(days=3), host=stage.user())
    other = theirs.hold()
    other.come(people[3], 0, 30)
    other.come(people[0], 0, 30)
    coming = stage.webinar("Coming", start=now + timedelta(days=2))
    coming.register(people[3])
    numbers = {"meeting": meeting.session.id, "webinar": webinar.session.id, "theirs": theirs.session.id}
    return stage.world(), people, numbers


async def test_the_users_own_sessions_are_synced(signed: Any) -> None:
    async with signed() as here:
        summary = await here.sync()
        assert "problem" not in summary
        addresses = [person.email for person in here.people]
        came = [here.sims.brevo.contacts[address].list_ids for address in addresses]
        assert came[0] >= {15, 16, 17}  # the meeting's and the webinar's
        assert came[3] == {17}  # registered for what is to come; the colleague's meeting is not seen
        asked = {call.path for call in here.sims.zoom.calls}
        assert "/v2/users/me/meetings" in asked
        assert not [path for path in asked if path.startswith("/v2/report/") or path == "/v2/users"]
        refused = [call for call in here.sims.zoom.calls if call.status >= 400]
        assert not [call for call in refused if call.status in (401, 403)]
        assert any("only sessions that this user hosts" in note for note in summary["notes"])


async def test_minutes_and_absentees_are_right(signed: Any) -> None:
    async with signed() as here:
        await here.sync()
        found = here.outcomes()
        first, second, third, _ = (person.email for person in here.people)
        assert found[third] == ("attended", 40)
        assert found[first][0] == "attended"
        assert found[second] in {("no_show", 0), ("attended", 20)}  # of the webinar and of the meeting


@pytest.mark.parametrize("kind", ["meeting", "webinar"])
async def test_one_session_by_its_number(kind: str, signed: Any) -> None:
    async with signed() as here:
        summary = await here.sync(**{kind: str(here.numbers[kind])})
        assert "problem" not in summary
        assert here.outcomes()[here.people[0].email][0] == "attended"


async def test_somebody_elses_session_is_told_and_stops_nothing(signed: Any) -> None:
    """403: the colleague has not shared access."""
    async with signed() as here:
        summary = await here.sync(meeting=str(here.numbers["theirs"]))
        text = str(summary)
        assert "not shared" in text or "shared access" in text


async def test_connecting_asks_for_a_users_scopes(signed: Any) -> None:
    async with signed() as here:
        assert (await connecting.connect(here.services))["connected_at"]
        findings = [finding async for finding in check(here.services, here.services.tokens)]
        assert not [finding for finding in findings if finding.level == "failed"]
        assert "signed in as a user" in " ".join(finding.text for finding in findings)


async def test_a_missing_scope_is_named_in_the_users_form(signed: Any) -> None:
    async with signed() as here:
        here.sims.zoom.scopes -= {"meeting:read:list_past_participants:admin"}
        here.sims.zoom.expire_tokens()
        await here.services.zoom.only_me()
        token = await here.services.tokens.token()
        here.services.tokens.invalidate(token)
        with pytest.raises(CredentialError) as told:
            await connecting.connect(here.services)
        assert "meeting:read:list_past_participants" in told.value.message
        assert ":admin" not in told.value.message


async def test_an_app_that_an_administrator_manages_reads_the_account(signed: Any) -> None:
    async with signed("admin") as here:
        summary = await here.sync()
        assert "problem" not in summary
        assert here.sims.brevo.contacts[here.people[3].email].list_ids >= {15, 17}  # the colleague's meeting, too
        assert "/v2/report/history_meetings" in {call.path for call in here.sims.zoom.calls}
