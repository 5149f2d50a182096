"""What there is to tell Brevo's automations of sessions: from stored rosters to announcements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from tajo.core import announce
from tajo.core.announce import Moment, Quiet, Share, Subject, Told, together
from tajo.core.outcome import Readiness
from tajo.store import effects, recordings, rosters
from tajo.store.rosters import Held
from tajo.workflows.services import Services

OVER = (Readiness.FINAL, Readiness.OVERDUE)


async def quiet(services: Services) -> Quiet:
    """What is too old to be told now."""
    return Quiet(services.clock(), services.config.events.max_age, await services.connected_at())


async def of_sessions(services: Services, emails: Iterable[str], held: Sequence[Held], silence: Quiet) -> Told:
    """Outcomes of what is over and registrations for what is to come, to these people; ended to the operator."""
    keys = [each.key for each in held]
    people = await services.database.read(rosters.entries_of, emails)
    over = announce.of_outcomes(people, keys, silence)
    coming = announce.of_registrations(people, keys, silence)
    ended = [_to_operator(services, each, Moment.ENDED, silence) for each in held if each.readiness in OVER]
    return together([over, coming, *ended])


async def of_registrations(services: Services, emails: Iterable[str], held: Sequence[Held]) -> Told:
    """Registrations and cancellations for what is to come, to these people."""
    people = await services.database.read(rosters.entries_of, emails)
    return announce.of_registrations(people, [each.key for each in held], await quiet(services))


async def of_start(services: Services, held: Held) -> Told:
    """started to the registrants of one occurrence, and to the operator."""
    now, silence = services.clock(), await quiet(services)
    people = await services.database.read(rosters.entries_of, await _emails(services, held))
    mine = announce.of_start(people, held.key, now, silence)
    return together([mine, _to_operator(services, held, Moment.STARTED, silence)])


async def of_recording(services: Services, held: Held, share: Share, at: datetime) -> Told:
    """recording_ready to the roster by outcome, and to the operator."""
    silence = await quiet(services)
    people = await services.database.read(rosters.entries_of, await _emails(services, held))
    outcomes = services.config.events.recording_ready
    mine = announce.of_recording(people, held.key, share, outcomes, at, silence)
    return together([mine, _to_operator(services, held, Moment.RECORDING_READY, silence, share)])


async def of_recordings(services: Services, held: Sequence[Held]) -> tuple[Told, dict[str, datetime]]:
    """recording_ready of those of these sessions that have a recording; and when each recording was told, by key."""
    found = await services.database.read(recordings.of_occurrences, [each.key for each in held])
    told = [
        await of_recording(services, each, Share(one.share_url, one.passcode), one.told_at)
        for each in held
        if (one := found.get(each.key)) is not None
    ]
    return together(told), {key: one.told_at for key, one in found.items()}


async def unsent(services: Services, occurrences: Sequence[str]) -> list[announce.Announcement]:
    """All events of these occurrences' people that were never sent, however old: for sending them on purpose."""
    everything = Quiet(services.clock(), timedelta.max, None)
    emails = await services.database.read(rosters.emails_on, occurrences)
    people = await services.database.read(rosters.entries_of, emails)
    told = together(
        [
            announce.of_outcomes(people, occurrences, everything),
            announce.of_registrations(people, occurrences, everything),
        ]
    )
    known = await services.database.read(effects.known, [each.key for each in told.announcements])
    return [each for each in told.announcements if each.key not in known]


async def _emails(services: Services, held: Held) -> set[str]:
    return await services.database.read(rosters.emails_on, [held.key])


def _to_operator(services: Services, held: Held, moment: Moment, silence: Quiet, share: Share | None = None) -> Told:
    subject = Subject(
        key=held.key,
        kind=held.kind,
        session_id=held.session_id,
        uuid=held.uuid,
        topic=held.topic,
        start=held.start,
        ended_at=held.ended_at,
        held=held.held,
        host_email=held.host_email,
        outcomes=held.outcomes,
    )
    at = held.ended_at if moment is Moment.ENDED and held.ended_at else services.clock()
    return announce.to_operator(subject, moment, services.config.events.operator or "", at, silence, share)
