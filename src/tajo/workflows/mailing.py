"""Follow-ups as people ask for them: what waits, whom a rule would mail, none of it, or all of it now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from tajo.core import followups
from tajo.core.announce import Moment, Share
from tajo.core.contact import Entry
from tajo.core.errors import TajoError
from tajo.core.followups import Meant, Rule, Wanted
from tajo.core.outcome import Readiness
from tajo.store import effects, mails, recordings, rosters
from tajo.store.rosters import Held
from tajo.workflows import recipients, sending
from tajo.workflows.jobs import at_work
from tajo.workflows.roles import role_lock
from tajo.workflows.services import Services

Json = Any

EVER = datetime(1, 1, 1, tzinfo=UTC)
SAMPLES = 3
NOT_YET = {
    Readiness.COMING: "the session is still to come, or goes on",
    Readiness.SETTLING: "the session's report may still change",
}
GONE_OUT = (mails.SENT, mails.DRAFTED, mails.SENDING, mails.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a rule means in one session. `barred` says why some get nothing, `done` what became of earlier mails.

    `others` are those on its roster whom the rule does not mean; None while nobody can tell yet. `only_on_purpose` says
    why the rule sends nothing of this by itself; "" when it does.
    """

    rule: Rule
    held: Held
    meant: Meant
    people: Mapping[str, Sequence[Entry]]
    barred: Mapping[str, str]
    done: Mapping[str, int]
    share: Share | None = None
    others: int | None = None
    only_on_purpose: str = ""

    @property
    def free(self) -> list[Wanted]:
        return [each for each in self.meant.mails if each.email not in self.barred]

    def json(self) -> Json:
        free = self.free
        first = min((each.due for each in free), default=None)
        return {
            "rule": self.rule.name,
            "subject": self.held.key,
            "topic": self.held.topic,
            "template": self.rule.template,
            "due": first.isoformat() if first else None,
            "would_get_it": len(free),
            "why_nobody": None if free else self._why_nobody(),
            "only_on_purpose": self.only_on_purpose or None,
            "barred": dict(Counter(self.barred.values())),
            "others": self.others,
            "mails": dict(self.done),
            "samples": [self._sample(each.email) for each in free[:SAMPLES]],
        }

    def _why_nobody(self) -> str:
        readiness, registering = self.held.readiness, followups.is_about_registering(self.rule)
        if registering and readiness in (Readiness.FINAL, Readiness.OVERDUE):
            return "the session is over"
        if not registering and readiness in NOT_YET:
            return NOT_YET[readiness]
        if self.rule.moment is Moment.RECORDING_READY and self.share is None:
            return "the recording is not there yet"
        return self._whom_it_missed()

    def _whom_it_missed(self) -> str:
        if self.meant.mails:
            return "everybody else is held back"
        if len(self.people) > (self.others or 0):
            return "all whom the rule means have it, or may have it"
        return "nobody on the roster meets the rule's conditions" if self.people else "nobody is on the roster"

    def _sample(self, email: str) -> Json:
        entries = self.people[email]
        entry = next(each for each in entries if each.occurrence == self.held.key)
        return {"email": email, "params": followups.params(self.rule, email, entries, entry, self.share)}


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
    told_at = recorded.told_at if recorded else None
    whom = partial(followups.meant, people=people, occurrences=[held.key], now=services.clock(), recorded_at=told_at)
    found = whom(replace(rule, max_age=timedelta.max), since=EVER)
    lines = await services.database.read(mails.overview, rule.name, sending.subject_of(rule, held))
    done = lines[0]["mails"] if lines else {}
    known = await services.database.read(_gone_out, [each.key for each in found.mails])
    fresh = tuple(each for each in found.mails if each.key not in known)
    barred = await recipients.unsendable(services, [each.email for each in fresh]) if fresh else {}
    shown = Preview(
        rule,
        held,
        Meant(fresh, 0),
        people,
        barred,
        done,
        share=Share(recorded.share_url, recorded.passcode) if recorded else None,
        others=_others(rule, held, people),
    )
    return replace(shown, only_on_purpose=await _only_on_purpose(services, shown, whom))


def _others(rule: Rule, held: Held, people: Mapping[str, Sequence[Entry]]) -> int | None:
    """How many on the session's roster the rule does not mean, mail or no mail, recording or none."""
    if held.readiness in NOT_YET and not followups.is_about_registering(rule):
        return None
    return sum(
        not any(each.occurrence == held.key and followups.is_meant(rule, email, entries, each) for each in entries)
        for email, entries in people.items()
    )


async def _only_on_purpose(services: Services, shown: Preview, whom: Callable[..., Meant]) -> str:
    """Why the rule sends nothing of what is shown by itself; "" when it sends any of it, or nobody is to get it.

    What waits was in time when it was kept; what somebody asked for goes, whatever its age.
    """
    rule, subject = shown.rule, sending.subject_of(shown.rule, shown.held)
    free = {each.key for each in shown.free}
    if not free:
        return ""
    if await services.database.read(mails.is_cancelled, rule.name, subject):
        return "it was cancelled by hand"
    waiting = await services.database.read(mails.load, rule.name, subject, mails.WAITING)
    young = {each.key for each in whom(rule, since=EVER).mails}
    young |= {each.key for each in waiting if each.why == mails.ASKED}
    if not free & young:
        return f"it was longer ago than max_age ({_in_hours(rule.max_age)})"
    since = await sending.since(services, rule)
    known = {each.key for each in whom(rule, since=since).mails} | {each.key for each in waiting}
    return "" if free & young & known else "it was before the rule was first loaded"


def _in_hours(length: timedelta) -> str:
    return f"{length / timedelta(hours=1):g} h"


def _gone_out(connection: sa.Connection, keys: Sequence[str]) -> set[str]:
    """Of these keys those whose mail went out, or may have."""
    states = effects.known(connection, keys)
    return {key for key, state in states.items() if state in GONE_OUT}


async def send(services: Services, shown: Sequence[Preview]) -> Json:
    """Let the mails go out, now and on purpose: by the running service, else by this process. What became of them.

    Calls that a process left without an answer are seen to their end, also when nobody else is to get the mail.
    """
    asked = unanswered = 0
    for each in shown:
        asked += await services.database.write(mails.ask, each.free, services.clock())
        subject = sending.subject_of(each.rule, each.held)
        unanswered += len(await services.database.read(mails.load, each.rule.name, subject, mails.SENDING))
    if not (asked or unanswered) or await at_work(services.database, services.clock()):
        return {"asked": asked}
    report: Counter[str] = Counter()
    with role_lock(services.database, services.holder):
        for each in shown:
            sent = await sending.send_due(services, each.rule.name, sending.subject_of(each.rule, each.held))
            report.update(sent.json())
    return dict(report)


async def cancel(services: Services, rule: Rule, held: Held) -> int:
    """Nothing that waits goes out; how many mails that were."""
    stop = partial(mails.cancel, why="cancelled by hand")
    return await services.database.write(stop, rule.name, sending.subject_of(rule, held), services.clock())
