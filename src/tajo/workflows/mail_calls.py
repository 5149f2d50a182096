"""Calls that carry mails: each is claimed before it is made, and one without an answer is seen to its end."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import anyio.to_thread
import sqlalchemy as sa

from tajo.brevo.api import mails as brevo
from tajo.brevo.api.mails import Mail
from tajo.core.errors import RejectedError, TajoError, TransientError
from tajo.core.followups import Rule
from tajo.store import letters, mails
from tajo.store.mails import Kept
from tajo.workflows import recipients
from tajo.workflows.roles import is_held
from tajo.workflows.services import Services

Json = Any

UNANSWERED = timedelta(minutes=2)  # ours: a call whose answer is out that long is looked into
TAG = "tajo"


@dataclass
class Sent:
    """What became of a rule's mails about one subject."""

    sent: int = 0
    drafted: int = 0
    withdrawn: int = 0
    suppressed: int = 0
    too_old: int = 0
    refused: int = 0
    uncertain: int = 0

    def json(self) -> Json:
        return vars(self).copy()


@dataclass(frozen=True, slots=True)
class Ready:
    """A mail that may go: its kept row, and what it is to say."""

    kept: Kept
    mail: Mail


async def send(services: Services, rule: Rule, batch: Sequence[Ready], report: Sent) -> None:
    """One call, claimed before. What is refused is sent in halves, down to the ones at fault."""
    call, now = str(uuid.uuid4()), services.clock()
    claims = [(each.kept.key, dict(each.mail.params)) for each in batch]
    claim = partial(mails.claim, call=call, holder=services.holder, now=now)
    mine = await services.database.write(claim, claims)
    batch = [each for each in batch if each.kept.key in mine]
    if batch:
        await _call(services, rule, batch, call, report)


async def _call(services: Services, rule: Rule, batch: Sequence[Ready], call: str, report: Sent) -> None:
    keys = [each.kept.key for each in batch]
    try:
        await services.brevo.send(
            brevo.send(rule.template, [each.mail for each in batch], key=call, tags=[TAG, rule.name, call])
        )
    except RejectedError as error:
        if len(batch) == 1:
            await refuse(services, [batch[0].kept], error, report)
            return
        await services.database.write(mails.give_back, keys, services.clock())
        for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
            await send(services, rule, half, report)
        return
    except TajoError as error:
        if not (isinstance(error, TransientError) and error.ambiguous):
            await services.database.write(mails.give_back, keys, services.clock())
        raise  # without an answer: looked into by the next, under the same key
    report.sent += len(keys)
    await services.database.write(mails.finish, keys, mails.SENT, services.clock())


async def refuse(services: Services, refused: Sequence[Kept], error: RejectedError, report: Sent) -> None:
    now = services.clock()
    report.refused += len(refused)

    def keep(connection: sa.Connection) -> None:
        mails.finish(connection, [each.key for each in refused], mails.REFUSED, now, why=error.message)
        for each in refused:
            letters.add(connection, each.email, error, now)

    await services.database.write(keep)


# Calls without an answer


async def look_into(services: Services, rule: Rule, subject: str, report: Sent) -> None:
    """Calls that were being made when their process ended, or got no answer: see each to its end.

    Within the life of its key the call is made again; later Brevo's log tells who got it. Who is not in it may still
    have: that mail is uncertain, and nobody gets it by itself any more.
    """
    now = services.clock()
    open_calls: dict[str, list[Kept]] = {}
    for each in await services.database.read(mails.load, rule.name, subject, mails.SENDING):
        open_calls.setdefault(each.call, []).append(each)
    for call, kept in open_calls.items():
        if not await _is_over(services, kept[0], now):
            continue
        if now - kept[0].at < brevo.KEY_LIVES - UNANSWERED:
            await _again(services, rule, call, kept, report)
        else:
            await _ask_the_log(services, rule, call, kept, report)


async def _again(services: Services, rule: Rule, call: str, kept: Sequence[Kept], report: Sent) -> None:
    """The same call under its key, but for who may get no mail any more: Brevo knows a call by its key alone.

    Whether those got it while they still might, the log tells.
    """
    barred = await recipients.unsendable(services, [each.email for each in kept])
    free = [each for each in kept if barred.get(each.email, recipients.UNKNOWN) == recipients.UNKNOWN]
    if free:
        await _call(services, rule, [Ready(each, Mail(each.email, each.body)) for each in free], call, report)
    if rest := [each for each in kept if each not in free]:
        await _ask_the_log(services, rule, call, rest, report)


async def _is_over(services: Services, kept: Kept, now: datetime) -> bool:
    """Whether nobody works on a claim any more: its process ended, or gave up on the answer."""
    if kept.holder == services.holder:
        return kept.at < services.started_at or now - kept.at > UNANSWERED
    return not await anyio.to_thread.run_sync(is_held, services.database, kept.holder)


async def _ask_the_log(services: Services, rule: Rule, call: str, kept: Sequence[Kept], report: Sent) -> None:
    got: set[str] = set()
    offset, page = 0, None
    while page is None or len(page) == brevo.MOST_LOGGED:
        page = await services.brevo.send(brevo.logged(rule.template, offset=offset))
        got |= {email for email, tags in page if call in tags}
        offset += len(page)
    now = services.clock()
    sent = [each.key for each in kept if each.email in got]
    rest = [each.key for each in kept if each.email not in got]
    report.sent += len(sent)
    report.uncertain += len(rest)
    await services.database.write(mails.finish, sent, mails.SENT, now)
    why = "Brevo gave no answer, and its log does not show the mail"
    await services.database.write(partial(mails.finish, why=why), rest, mails.UNCERTAIN, now)
