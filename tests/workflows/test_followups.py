"""Follow-up mails: kept, judged when they are due, and sent at most once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tajo.core.outcome import Outcome, Readiness
from tajo.simulators.faults import Fault
from tajo.store import letters, mails, notes, recordings, rosters
from tajo.store.database import Database
from tajo.store.recordings import Recorded
from tajo.core.facts import Kind
from tajo.core.errors import ConfigError, CredentialError, TransientError
from tajo.workflows import followups, mailing

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
THANKS = {
    "name": "thanks",
    "when": "webinar.attended",
    "if": {"attended_percent": ">= 50"},
    "send": {"template": 12, "params": {"minutes": "duration_minutes"}},
}
MISSED = {"name": "missed", "when": "webinar.no_show", "wait": "2h", "send": {"template": 12}}
REPLAY = {"name": "replay", "when": "recording.ready", "to": ["no_show"], "send": {"template": 12}}


@pytest.fixture
def mailer(bench: Callable[..., Any], roster: Callable[..., None]) -> Callable[..., Any]:
    """Opens a bench with a template, rules that were there before the webinar, and these people on its roster."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def open_it(*people: Any, rules: Any = (THANKS, MISSED), database: Database | None = None, **more: Any) -> Any:
        settings = {"follow_ups": list(rules)} | more
        async with bench(settings=settings, database=database) as it:
            it.brevo.add_template(12, is_active=True)
            long_ago = (it.clock() - timedelta(days=30)).isoformat()
            it.database.write_now(notes.put, "connector.zoom.connected_at", long_ago)
            for each in rules:
                it.database.write_now(notes.put, f"follow_up.{each['name']}.loaded_at", long_ago)
            roster(it.database, *people)
            yield it

    return open_it


async def plan(it: Any, **more: Any) -> Any:
    return await followups.plan(it.services, it.database.read_now(rosters.held), **more)


def mailed(it: Any) -> list[str]:
    return sorted(to for mail in it.brevo.sent_mails for to in mail.to)


def states(it: Any, rule: str = "thanks") -> dict[str, int]:
    found = it.database.read_now(mails.overview, rule)
    return found[0]["mails"] if found else {}


async def send(it: Any, rule: str = "thanks") -> Any:
    (subject,) = {line["subject"] for line in it.database.read_now(mails.overview, rule)}
    return await followups.send_due(it.services, rule, subject)


async def test_attendees_get_the_mail_once_with_their_parameters(
    mailer: Callable[..., Any], person: Callable[..., Any], database: Database
) -> None:
    people = [person("a@example.com"), person("b@example.com", minutes=10), person("c@example.com", Outcome.NO_SHOW)]
    async with mailer(*people, database=database) as it:
        assert await plan(it) == {"kept": 2, "too_old": 0}
        assert (await send(it)).sent == 1
        (mail,) = it.brevo.sent_mails
        assert (mail.to, mail.template_id, mail.params) == (["a@example.com"], 12, {"minutes": 40})
        await plan(it)
        assert (await send(it)).sent == 0
        assert mailed(it) == ["a@example.com"]


async def test_a_mail_waits_for_its_hour(mailer: Callable[..., Any], person: Callable[..., Any]) -> None:
    """The webinar ended four hours ago; the mail is due two hours after the end, so it was due two hours ago."""
    late = MISSED | {"wait": "6h"}
    async with mailer(person("a@example.com", Outcome.NO_SHOW), rules=[late]) as it:
        await plan(it)
        assert (await send(it, "missed")).sent == 0
        assert it.database.read_now(mails.due, it.clock(), it.clock()) == []
        it.clock.move(it.clock() + 2 * HOUR)
        assert len(it.database.read_now(mails.due, it.clock(), it.clock())) == 1
        assert (await send(it, "missed")).sent == 1


async def test_a_correction_withdraws_a_mail_that_waits_and_repeats_none_that_was_sent(
    mailer: Callable[..., Any], person: Callable[..., Any], roster: Callable[..., None]
) -> None:
    async with mailer(person("a@example.com", Outcome.NO_SHOW), person("b@example.com", Outcome.NO_SHOW)) as it:
        await plan(it)
        roster(it.database, person("a@example.com"), person("b@example.com", Outcome.NO_SHOW))
        await plan(it)
        assert (await send(it, "missed")).json() | {"sent": 1, "withdrawn": 1} == (await_ := it.database) and await_ or True
        assert states(it, "missed") == {"sent": 1, "withdrawn": 1}
        assert (await send(it)).sent == 1
        roster(it.database, person("a@example.com", Outcome.NO_SHOW), person("b@example.com"))
        await plan(it)
        await send(it, "missed")
        await send(it)
        assert mailed(it) == ["a@example.com", "a@example.com", "b@example.com", "b@example.com"]
        await plan(it)
        await send(it, "missed")
        assert len(mailed(it)) == 4
