"""Sending Brevo events, each at most once: an effect row is written before and after the call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

import anyio.to_thread
import sqlalchemy as sa

from tajo.brevo.api import account, events
from tajo.brevo.api.events import EventWrite
from tajo.core.announce import Announcement
from tajo.core.errors import RejectedError, TajoError, TransientError
from tajo.store import effects, letters
from tajo.store.database import Database
from tajo.store.effects import AMBIGUOUS, REFUSED, SENT, Effect
from tajo.workflows.consenting import policy, silenced
from tajo.workflows.roles import BusyError, role_lock
from tajo.workflows.services import Services

ONE_BY_ONE = 10  # up to so many events go singly (10 a second); more in batches, whose bucket may hold 100 an hour


@dataclass
class Sent:
    """What became of announcements. `known` were sent before; `ambiguous` got no answer, and are never repeated.

    `withheld` are about people without consent, or who opted out: an event starts automations, which write to them.
    """

    sent: int = 0
    known: int = 0
    refused: int = 0
    ambiguous: int = 0
    too_old: int = 0
    withheld: int = 0
    names: dict[str, int] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return asdict(self)


async def announce(services: Services, wanted: Sequence[Announcement], *, too_old: int = 0) -> Sent:
    """Send what has not been sent before. TransientError when Brevo is away: what was not sent may be asked again."""
    report = Sent(too_old=too_old)
    await _recover(services, report)
    known = await services.database.read(effects.known, [each.key for each in wanted])
    fresh = {each.key: each for each in wanted if each.key not in known}
    report.known = len(wanted) - len(fresh)
    fresh = await _allowed(services, fresh)
    report.withheld = len(wanted) - report.known - len(fresh)
    for batch in await _batches(services, list(fresh.values()), report):
        # Claimed just before the call: whoever is killed leaves no more in doubt than one call's events.
        mine = await _claim(services, [each for each, _ in batch])
        report.known += len(batch) - len(mine)
        if writes := [(each.key, write) for each, write in batch if each.key in mine]:
            await _send(services, writes, report)
    return report


async def _allowed(services: Services, fresh: Mapping[str, Announcement]) -> dict[str, Announcement]:
    """Without those about people who are not to be written to; the operator is one of our own."""
    people = {each.email for each in fresh.values()} - {services.config.events.operator}
    silent = await services.database.read(silenced, policy(services.config), people)
    return {key: each for key, each in fresh.items() if each.email not in silent}


Pair = tuple[Announcement, EventWrite]


async def _batches(services: Services, fresh: Sequence[Announcement], report: Sent) -> list[list[Pair]]:
    """One by one while they are few, else as many as one call takes. What Brevo could not take at all is refused."""
    pairs: list[Pair] = []
    for each in fresh:
        try:
            pairs.append((each, EventWrite(each.name, each.email, each.at, each.properties)))
        except RejectedError as error:
            await _claim(services, [each])
            await _refused(services, [(each.key, each.email)], error, report)
    if len(pairs) <= ONE_BY_ONE:
        return [[pair] for pair in pairs]
    rest = iter(pairs)
    return [list(islice(rest, len(batch))) for batch in events.batches(write for _, write in pairs)]


async def _claim(services: Services, batch: Sequence[Announcement]) -> set[str]:
    claims = [
        Effect(
            key=each.key,
            kind="event",
            name=each.name,
            email=each.email,
            occurrence=str(each.properties.get("session_id", "")),
            body={"at": each.at.isoformat(), "properties": dict(each.properties)},
        )
        for each in batch
    ]
    begin = partial(effects.begin, holder=services.holder, now=services.clock())
    return await services.database.write(begin, claims)


async def _recover(services: Services, report: Sent) -> None:
    """Claims of ours from before a crash: nobody knows whether the call went out, so it is not made again."""
    left = await services.database.read(effects.left_sending, services.holder, services.started_at)
    if left:
        report.ambiguous += len(left)
        await services.database.write(effects.finish, left, AMBIGUOUS, services.clock())


async def release(services: Services) -> int:
    """Claims of roles that nobody holds any more: as in `_recover`, their events are parked. How many there were."""
    parked = 0
    for holder in await services.database.read(effects.holders) - {services.holder}:
        parked += await anyio.to_thread.run_sync(_park, services.database, holder, services.clock())
    return parked


def _park(database: Database, holder: str, now: datetime) -> int:
    try:
        with role_lock(database, holder):
            left = database.read_now(effects.left_sending, holder, now)
            database.write_now(effects.finish, left, AMBIGUOUS, now)
            return len(left)
    except BusyError:
        return 0


Write = tuple[str, EventWrite]  # with the key of its effect


async def _send(services: Services, writes: Sequence[Write], report: Sent) -> None:
    """One call. Refused events are dead letters; those without an answer may have happened, and are parked.

    A failure before anything was sent is raised: the claims are given back, and the same can be asked for again.
    """
    failures: dict[int, str] = {}
    try:
        if len(writes) == 1:
            await services.brevo.send(events.post(writes[0][1]))
        else:
            failures = dict((await services.brevo.send(events.post_batch([write for _, write in writes]))).failures)
    except RejectedError as error:
        await _refused(services, [(key, write.email) for key, write in writes], error, report)
        return
    except TajoError as error:
        keys = [key for key, _ in writes]
        if not (isinstance(error, TransientError) and error.ambiguous):
            await services.database.write(effects.give_back, keys)
            raise
        report.ambiguous += len(keys)
        await services.database.write(effects.finish, keys, AMBIGUOUS, services.clock())
        # A call that may be repeated: all others wait until Brevo answers, or are left for later.
        await services.brevo.send(account.get())
        return
    await _sent(services, [each for at, each in enumerate(writes) if at not in failures], report)
    for at, reason in failures.items():
        refusal = RejectedError(f"Brevo does not take the event: {reason}", origin="brevo.events")
        await _refused(services, [(writes[at][0], writes[at][1].email)], refusal, report)


async def _sent(services: Services, writes: Sequence[Write], report: Sent) -> None:
    report.sent += len(writes)
    for _, write in writes:
        report.names[write.name] = report.names.get(write.name, 0) + 1
    await services.database.write(effects.finish, [key for key, _ in writes], SENT, services.clock())


async def _refused(services: Services, mine: Sequence[tuple[str, str]], error: TajoError, report: Sent) -> None:
    """`mine` are (key, e-mail)."""
    report.refused += len(mine)
    now = services.clock()

    def keep(connection: sa.Connection) -> None:
        effects.finish(connection, [key for key, _ in mine], REFUSED, now)
        for _, email in mine:
            letters.add(connection, email, error, now)

    await services.database.write(keep)
