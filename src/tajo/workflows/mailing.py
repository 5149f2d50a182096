"""Follow-ups as people ask for them: what waits, whom a rule would mail, none of it, or all of it now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from tajo.core import followups
from tajo.core.announce import Moment
from tajo.core.contact import Entry
from tajo.core.errors import TajoError
from tajo.core.followups import Meant, Rule
from tajo.store import effects, mails, recordings, rosters
from tajo.store.rosters import Held
from tajo.workflows import recipients, sending
from tajo.workflows.jobs import at_work
from tajo.workflows.roles import role_lock
from tajo.workflows.services import Services

Json = Any

EVER = datetime(1, 1, 1, tzinfo=UTC)
SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a rule means in one session. `barred` says why some get nothing, `done` what became of earlier mails."""

    rule: Rule
    held: Held
    meant: Meant
    people: Mapping[str, Sequence[Entry]]
    barred: Mapping[str, str]
    done: Mapping[str, int]

    def json(self) -> Json:
        free = [each for each in self.meant.mails if each.email not in self.barred]
        return {
            "rule": self.rule.name,
            "subject": self.held.key,
            "topic": self.held.topic,
            "template": self.rule.template,
            "due": min((each.due for each in free), default=None),
            "would_get_it": len(free),
            "barred": dict(Counter(self.barred.values())),
            "mails": dict(self.done),
            "samples": [self._sample(each.email) for each in free[:SAMPLES]],
        }

    def _sample(self, email: str) -> Json:
        entries = self.people[email]
        entry = next(each for each in entries if each.occurrence == self.held.key)
        return {"email": email, "params": followups.params(self.rule, email, entries, entry, None)}


def rule_named(services: Services, name: str) -> Rule:
    for rule in sending.rules(services):
        if rule.name == name:
            return rule
    known = ", ".join(rule.name for rule in sending.rules(services)) or "none"
    raise TajoError(f"there is no follow-up {name!r}", origin="follow_ups", hint=f"the configuration has: {known}")


async def session(services: Services, text: str) -> list[Held]:
    found = await services.database.read(rosters.named, text)
    if not found:
        hint = "give a meeting's or webinar's id, a UUID, or a key such as `tajo follow-ups list` shows"
        raise TajoError(f"no session {text!r} is known", origin="follow-ups", hint=hint)
    return found


async def preview(services: Services, rule: Rule, held: Held) -> Preview:
    """Whom the rule means now, however old the session is; Brevo is asked who may be mailed."""
    emails = await services.database.read(rosters.emails_on, [held.key])
    people = await services.database.read(rosters.entries_of, emails)
    recorded = await services.database.read(recordings.of_occurrence, held.instances)
    ageless = replace(rule, max_age=timedelta.max)
    found = followups.meant(
        ageless,
        people,
        [held.key],
        now=services.clock(),
        since=EVER,
        recorded_at=recorded.told_at if recorded else None,
    )
    lines = await services.database.read(mails.overview, rule.name, _subject(rule, held))
    done = lines[0]["mails"] if lines else {}
    known = await services.database.read(_gone_out, [each.key for each in found.mails])
    fresh = tuple(each for each in found.mails if each.key not in known)
    barred = await recipients.unsendable(services, [each.email for each in fresh]) if fresh else {}
    return Preview(rule, held, Meant(fresh, 0), people, barred, done)


def _subject(rule: Rule, held: Held) -> str:
    registering = rule.moment in (Moment.REGISTERED, Moment.CANCELLED)
    return f"{held.kind}:{held.session_id}" if registering else held.key


def _gone_out(connection: sa.Connection, keys: Sequence[str]) -> set[str]:
    """Of these keys those whose mail went out, or may have."""
    states = effects.known(connection, keys)
    return {key for key, state in states.items() if state in (mails.SENT, mails.SENDING, mails.UNCERTAIN)}


async def send(services: Services, shown: Sequence[Preview]) -> Json:
    """Let the mails go out, now and on purpose: by the running service, else by this process. What became of them.

    Calls that a process left without an answer are seen to their end, also when nobody else is to get the mail.
    """
    asked = unanswered = 0
    for each in shown:
        free = [mail for mail in each.meant.mails if mail.email not in each.barred]
        asked += await services.database.write(mails.ask, free, services.clock())
        subject = _subject(each.rule, each.held)
        unanswered += len(await services.database.read(mails.load, each.rule.name, subject, mails.SENDING))
    if not (asked or unanswered) or await at_work(services.database, services.clock()):
        return {"asked": asked}
    report: Counter[str] = Counter()
    with role_lock(services.database, services.holder):
        for each in shown:
            sent = await sending.send_due(services, each.rule.name, _subject(each.rule, each.held))
            report.update(sent.json())
    return dict(report)


async def cancel(services: Services, rule: Rule, held: Held) -> int:
    """Nothing that waits goes out; how many mails that were."""
    stop = partial(mails.cancel, why="cancelled by hand")
    return await services.database.write(stop, rule.name, _subject(rule, held), services.clock())
