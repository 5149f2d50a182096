"""Sending Brevo events, each at most once: an effect row is written before and after the call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tajo.brevo.api import events
from tajo.brevo.api.events import EventWrite
from tajo.core.announce import Announcement, Quiet, of_outcomes, of_registrations
from tajo.core.errors import RejectedError, TajoError, TransientError
from tajo.store import effects, letters, rosters
from tajo.store.effects import AMBIGUOUS, REFUSED, SENT, Effect
from tajo.workflows.services import Services

ONE_BY_ONE = 10  # up to so many events go singly (10 a second); more in batches, whose bucket may hold 100 an hour


@dataclass
class Sent:
    """What became of announcements. `known` were sent before; `ambiguous` got no answer, and are never repeated."""

    sent: int = 0
    known: int = 0
    refused: int = 0
    ambiguous: int = 0
    too_old: int = 0
    names: dict[str, int] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return asdict(self)


async def announce(services: Services, wanted: Sequence[Announcement], *, too_old: int = 0) -> Sent:
    """Send what has not been sent before. TransientError when Brevo is away: what was not sent may be asked again."""
    report = Sent(too_old=too_old)
    await _recover(services, report)
    claimed = await services.database.write(_claim, wanted, services.holder, services.clock())
    report.known = len(wanted) - len(claimed)
    writes = [(each.key, _write(each)) for each in claimed]
    try:
        if len(writes) <= ONE_BY_ONE:
            await _singly(services, writes, report)
        else:
            await _in_batches(services, writes, report)
    finally:
        # Whatever is still claimed was surely not sent: a crash here is what `_recover` is for.
        await services.database.write(effects.give_back, [each.key for each in claimed])
    return report


async def unsent(services: Services, occurrences: Sequence[str]) -> list[Announcement]:
    """All events of these occurrences that were never sent, however old: for sending them on purpose."""
    everything = Quiet(services.clock(), timedelta.max, None)
    emails = await services.database.read(rosters.emails_on, occurrences)
    people = await services.database.read(rosters.entries_of, emails)
    over = of_outcomes(people, occurrences, everything)
    coming = of_registrations(people, occurrences, everything)
    wanted = [*over.announcements, *coming.announcements]
    known = await services.database.read(effects.known, [each.key for each in wanted])
    return [each for each in wanted if each.key not in known]


def _claim(connection: Any, wanted: Sequence[Announcement], holder: str, now: datetime) -> list[Effect]:
    made = [
        Effect(
            key=each.key,
            kind="event",
            name=each.name,
            email=each.email,
            occurrence=str(each.properties.get("session_id", "")),
            body={"at": each.at.isoformat(), "properties": dict(each.properties)},
        )
        for each in wanted
    ]
    return effects.begin(connection, made, holder=holder, now=now)


async def _recover(services: Services, report: Sent) -> None:
    """Claims of ours from before a crash: nobody knows whether the call went out, so it is not made again."""
    left = await services.database.read(effects.left_sending, services.holder, services.started_at)
    if left:
        report.ambiguous += len(left)
        await services.database.write(effects.finish, left, AMBIGUOUS, services.clock())


def _write(each: Effect) -> EventWrite:
    return EventWrite(each.name, each.email, datetime.fromisoformat(each.body["at"]), each.body["properties"])


async def _singly(services: Services, writes: Sequence[tuple[str, EventWrite]], report: Sent) -> None:
    for key, write in writes:
        try:
            await services.brevo.send(events.post(write))
        except (TransientError, RejectedError) as error:
            await _failed(services, [(key, write)], error, report)
        else:
            await _done(services, [(key, write)], report)


async def _in_batches(services: Services, writes: Sequence[tuple[str, EventWrite]], report: Sent) -> None:
    keys = {id(write): key for key, write in writes}
    for batch in events.batches(write for _, write in writes):
        mine = [(keys[id(write)], write) for write in batch]
        try:
            result = await services.brevo.send(events.post_batch(batch))
        except (TransientError, RejectedError) as error:
            await _failed(services, mine, error, report)
            continue
        failures = dict(result.failures)
        await _done(services, [each for at, each in enumerate(mine) if at not in failures], report)
        for at, reason in failures.items():
            refusal = RejectedError(f"Brevo does not take the event: {reason}", origin="brevo.events")
            await _failed(services, [mine[at]], refusal, report)


async def _done(services: Services, mine: Sequence[tuple[str, EventWrite]], report: Sent) -> None:
    report.sent += len(mine)
    for _, write in mine:
        report.names[write.name] = report.names.get(write.name, 0) + 1
    await services.database.write(effects.finish, [key for key, _ in mine], SENT, services.clock())


async def _failed(services: Services, mine: Sequence[tuple[str, EventWrite]], error: TajoError, report: Sent) -> None:
    """Refused events are dead letters; those without an answer may have happened, and are parked and counted.

    A failure before anything was sent is raised: the claims are given back, and the same can be asked for again.
    """
    keys = [key for key, _ in mine]
    now = services.clock()
    if isinstance(error, TransientError):
        if not error.ambiguous:
            raise error
        report.ambiguous += len(keys)
        await services.database.write(effects.finish, keys, AMBIGUOUS, now)
        return
    report.refused += len(keys)
    await services.database.write(effects.finish, keys, REFUSED, now)
    for _, write in mine:
        await services.database.write(letters.add, write.email, error, now)
