"""Follow-up mails: kept until they are due, judged again when they are, and sent at most once a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from tajo import logs
from tajo.core import followups
from tajo.core.announce import Moment
from tajo.core.errors import TajoError, TransientError
from tajo.store import mails, notes, rosters
from tajo.store.rosters import Held
from tajo.workflows import resting, sending
from tajo.workflows.engine import Durable, Engine, FollowUp, Steps, workflow
from tajo.workflows.mail_calls import UNANSWERED
from tajo.workflows.sending import PAUSE, rules
from tajo.workflows.services import Services

Json = Any


async def load(services: Services) -> None:
    """Note when each rule was first loaded: what was before it is never mailed by itself."""
    now = services.clock()
    for rule in rules(services):
        await services.database.write(_note_loaded, rule.name, now)


def _note_loaded(connection: sa.Connection, name: str, now: datetime) -> datetime:
    known = notes.get(connection, sending.loaded_note(name))
    if known is None:
        notes.put(connection, sending.loaded_note(name), now.isoformat())
    return datetime.fromisoformat(known) if known else now


async def plan(services: Services, held: Sequence[Held], *, recorded: Mapping[str, datetime] | None = None) -> Json:
    """Keep the mails that follow for these occurrences; with `recorded` (key → when told) those about recordings.

    Asked again it keeps what is new: nobody has two mails of a rule about one occurrence.
    """
    keys = [each.key for each in held]
    mine = [rule for rule in rules(services) if (rule.moment is Moment.RECORDING_READY) is (recorded is not None)]
    if not mine or not keys:
        return {"kept": 0, "too_old": 0}
    emails = await services.database.read(rosters.emails_on, keys)
    people = await services.database.read(rosters.entries_of, emails)
    kept, too_old, now = 0, 0, services.clock()
    connected = await services.connected_at() or now
    for rule in mine:
        since = max(await services.database.write(_note_loaded, rule.name, now), connected)
        for each in held:
            key = each.key
            if await services.database.read(mails.is_cancelled, rule.name, sending.subject_of(rule, each)):
                continue
            at = recorded.get(key) if recorded is not None else None
            found = followups.meant(rule, people, [key], now=now, since=since, recorded_at=at)
            kept += await services.database.write(mails.wait, found.mails)
            too_old += found.too_old
    return {"kept": kept, "too_old": too_old}


async def enqueue_due(services: Services) -> int:
    """Start a workflow for every rule and subject with mails that are due; how many. Nothing is started twice.

    Mails of a rule that is in the configuration no more wait for it to come back.
    """
    now = services.clock()
    mine = {rule.name for rule in rules(services)}
    due = await services.database.read(mails.due, now, now - UNANSWERED)
    found = [(rule, subject) for rule, subject in due if rule in mine]
    paused = await services.database.read(resting.among, {rule for rule, _ in found}, now)
    follow = [_follow_up(rule, subject, now) for rule, subject in found if rule not in paused]
    if follow:
        await services.database.write(Engine.enqueuing, follow)
    return len(follow)


def _follow_up(rule: str, subject: str, now: datetime) -> FollowUp:
    """One a minute at most, and one at a time a session."""
    session = ":".join(subject.split(":")[:2])
    return FollowUp("follow-up", f"follow-up:{rule}:{subject}:{now:%Y%m%dT%H%M}", f"mail:{session}", (rule, subject))


@workflow("follow-up")
async def follow_up_workflow(rule: str, subject: str) -> Json:
    """Send what is due of one rule about one subject."""
    return await carry_out(Engine.services, Durable(), rule, subject)


async def carry_out(services: Services, steps: Steps, rule: str, subject: str) -> Json:
    """The same, by whatever steps."""
    result = await steps.run("follow-up", partial(_caught, services), rule, subject)
    told = {**result, "name": rule, "session": subject}
    if "error" in result:
        logs.say("mails.failed", **told)
    else:
        logs.say("mails.done", **told)
    return result


async def _caught(services: Services, name: str, subject: str) -> Json:
    """A vendor that is away or refuses: the mails wait, the rule rests and says why."""
    try:
        sent = await sending.send_due(services, name, subject)
    except TajoError as error:
        retry_at = error.retry_at if isinstance(error, TransientError) and error.retry_at else services.clock()
        until = max(retry_at, services.clock() + (timedelta() if isinstance(error, TransientError) else PAUSE))
        await services.database.write(resting.rest, name, until, error, services.clock())
        return {"error": type(error).__name__, "origin": error.origin or None}
    return sent.json()
