"""Follow-up mails: kept until they are due, judged again when they are, and sent at most once a person."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import anyio.to_thread
import sqlalchemy as sa

from tajo import logs
from tajo.brevo.api import mails as brevo
from tajo.brevo.api.mails import Mail, Template
from tajo.core import followups
from tajo.core.announce import Moment, Share
from tajo.core.contact import Entry
from tajo.core.errors import ConfigError, RejectedError, TajoError, TransientError
from tajo.core.followups import Rule
from tajo.store import letters, mails, notes, recordings, rosters
from tajo.store.mails import Kept
from tajo.store.rosters import Held
from tajo.workflows import campaigns, recipients
from tajo.workflows.engine import Durable, Engine, FollowUp, Steps, workflow
from tajo.workflows.roles import is_held
from tajo.workflows.services import Services

Json = Any

UNANSWERED = timedelta(minutes=2)  # ours: a call whose answer is out that long is looked into
PAUSE = timedelta(minutes=10)  # ours: how long a rule rests that Brevo does not let send
TAG = "tajo"


# Keeping mails until they are due


def rules(services: Services) -> list[Rule]:
    ready = frozenset(services.config.events.recording_ready)
    return [followups.in_terms(each.rule(ready), services.terms) for each in services.config.follow_ups]


async def load(services: Services) -> None:
    """Note when each rule was first loaded: what was before it is never mailed by itself."""
    now = services.clock()
    for rule in rules(services):
        await services.database.write(_note_loaded, rule.name, now)


def _note_loaded(connection: sa.Connection, name: str, now: datetime) -> datetime:
    known = notes.get(connection, f"follow_up.{name}.loaded_at")
    if known is None:
        notes.put(connection, f"follow_up.{name}.loaded_at", now.isoformat())
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
        for key in keys:
            if await services.database.read(mails.is_cancelled, rule.name, key):
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
    paused = await services.database.read(_paused, {rule for rule, _ in found}, now)
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
        sent = await send_due(services, name, subject)
    except TajoError as error:
        retry_at = error.retry_at if isinstance(error, TransientError) and error.retry_at else services.clock()
        until = max(retry_at, services.clock() + (timedelta() if isinstance(error, TransientError) else PAUSE))
        await services.database.write(_pause, name, until, error, services.clock())
        return {"error": type(error).__name__, "origin": error.origin or None}
    return sent.json()


def _pause(connection: sa.Connection, rule: str, until: datetime, error: TajoError, now: datetime) -> None:
    notes.put(connection, f"follow_up.{rule}.paused", {"until": until.isoformat(), "why": error.line()})
    if not isinstance(error, TransientError):
        letters.add(connection, _letter(rule), error, now)


def _letter(rule: str) -> str:
    return f"follow-up {rule}"


def _paused(connection: sa.Connection, names: Iterable[str], now: datetime) -> set[str]:
    return {
        name for name in names if (until := pause(connection, name)) and datetime.fromisoformat(until["until"]) > now
    }


def pause(connection: sa.Connection, rule: str) -> dict[str, str] | None:
    """Why a rule rests, and until when: {"until", "why"}; None when it does not."""
    found: dict[str, str] | None = notes.get(connection, f"follow_up.{rule}.paused")
    return found


def _go_on(connection: sa.Connection, rule: str, now: datetime) -> None:
    if pause(connection, rule) is not None:
        notes.forget(connection, f"follow_up.{rule}.paused")
        letters.resolve(connection, [_letter(rule)], now)


# Sending what is due


@dataclass
class Sent:
    """What became of a rule's mails about one subject."""

    sent: int = 0
    withdrawn: int = 0
    suppressed: int = 0
    too_old: int = 0
    refused: int = 0
    uncertain: int = 0

    def json(self) -> Json:
        return vars(self).copy()


@dataclass(frozen=True, slots=True)
class _Ready:
    """A mail that may go: its kept row, and what it is to say."""

    kept: Kept
    mail: Mail


async def send_due(services: Services, name: str, subject: str) -> Sent:
    """Send what is due.

    TransientError and CredentialError leave what was not sent waiting.
    """
    report = Sent()
    rule = next((each for each in rules(services) if each.name == name), None)
    if rule is None:
        return report
    await _look_into(services, rule, subject, report)
    due = partial(mails.load, until=services.clock())
    waiting = await services.database.read(due, name, subject, mails.WAITING)
    if not waiting:
        return report
    template = await required_template(services, rule)
    ready = await _judge(services, rule, waiting, report)
    if rule.campaign is not None:
        await _campaign(services, rule, template, ready, report)
        ready = []
    by_email = {each.kept.email: each for each in ready}
    for batch in brevo.batches(each.mail for each in ready):
        await _send(services, rule, [by_email[mail.email] for mail in batch], report)
    await services.database.write(_go_on, name, services.clock())
    return report


async def required_template(services: Services, rule: Rule) -> Template:
    """The rule's template. ConfigError where there is none, or it is not active: the rule rests until it is."""
    try:
        found = await services.brevo.send(brevo.template(rule.template))
    except RejectedError:
        found = None
    if found is not None and found.active:
        return found
    what = f"Brevo has no template {rule.template}" if found is None else f"template {rule.template} is not active"
    raise ConfigError(
        f"{what}: the follow-up {rule.name} rests",
        origin=origin_of(services, rule),
        hint="activate it in Brevo, or name another one",
    )


def origin_of(services: Services, rule: Rule) -> str:
    """Where the rule's template stands: "tajo.yml:31"."""
    at = next(n for n, each in enumerate(services.config.follow_ups) if each.name == rule.name)
    return services.config.origin(f"follow_ups.{at}.{'campaign' if rule.campaign else 'send'}.template")


async def _campaign(services: Services, rule: Rule, template: Template, ready: Sequence[_Ready], report: Sent) -> None:
    """One campaign for all of them. Every step looks first what is there, so a crash in between repeats nothing."""
    if not ready:
        return
    people = [each.kept.email for each in ready]
    entries = (await services.database.read(rosters.entries_of, people[:1]))[people[0]]
    entry = next(each for each in entries if each.occurrence == ready[0].kept.subject)
    joined = await campaigns.run(services, rule, template, entry, people)
    keys, now = [each.kept.key for each in ready], services.clock()
    if joined:
        report.sent += len(keys)
        await services.database.write(mails.finish, keys, mails.SENT, now)
    else:
        report.too_old += len(keys)
        await services.database.write(partial(mails.finish, why="the campaign had gone out"), keys, mails.TOO_OLD, now)


async def _judge(services: Services, rule: Rule, waiting: Sequence[Kept], report: Sent) -> list[_Ready]:
    """Who of those that wait gets the mail, by what is known now; the others are finished, each with its reason."""
    now = services.clock()
    people = await services.database.read(rosters.entries_of, [each.email for each in waiting])
    out: dict[tuple[str, str], list[str]] = {}
    meant: list[tuple[Kept, Entry]] = []
    for each in waiting:
        entries = people.get(each.email, [])
        entry = _entry(rule, each, entries)
        if entry is None:
            out.setdefault((mails.WITHDRAWN, "the rule does not mean them any more"), []).append(each.key)
        elif each.why != mails.ASKED and followups.is_too_late(rule, entry, now):
            out.setdefault((mails.TOO_OLD, "it waited for longer than max_age"), []).append(each.key)
        else:
            meant.append((each, entry))
    barred = await recipients.unsendable(services, [each.email for each, _ in meant]) if meant else {}
    later = [each.key for each, _ in meant if barred.get(each.email) == recipients.UNKNOWN]
    await services.database.write(mails.give_back, later, now + PAUSE)  # their contact has not been written yet
    for each, _ in meant:
        if (why := barred.get(each.email, recipients.UNKNOWN)) != recipients.UNKNOWN:
            out.setdefault((mails.SUPPRESSED, why), []).append(each.key)
    share = await _share(services, rule, meant)
    ready = []
    for each, entry in meant:
        if each.email in barred:
            continue
        try:
            told = followups.params(rule, each.email, people[each.email], entry, share)
            mail = Mail(each.email, told)
            mail.version()
            ready.append(_Ready(each, mail))
        except RejectedError as error:
            await _refused(services, [each], error, report)
    for (state, why), keys in out.items():
        setattr(report, state, getattr(report, state) + len(keys))
        await services.database.write(partial(mails.finish, why=why), keys, state, now)
    return ready


def _entry(rule: Rule, kept: Kept, entries: Sequence[Entry]) -> Entry | None:
    """The line of a roster that a mail is about, if the rule still means it."""
    for entry in entries:
        if followups.subject(rule, entry) == kept.subject and followups.is_meant(rule, kept.email, entries, entry):
            return entry
    return None


async def _share(services: Services, rule: Rule, meant: Sequence[tuple[Kept, Entry]]) -> Share | None:
    """The recording's link as it is now: a second set of files only changes it."""
    if rule.moment is not Moment.RECORDING_READY or not meant:
        return None
    entry = meant[0][1]
    held = await services.database.read(rosters.held, [(entry.kind, entry.session_id)])
    uuids = next((each.instances for each in held if each.key == entry.occurrence), ())
    found = await services.database.read(recordings.of_occurrence, uuids)
    return Share(found.share_url, found.passcode) if found else None


async def _send(services: Services, rule: Rule, batch: Sequence[_Ready], report: Sent) -> None:
    """One call, claimed before. What is refused is sent in halves, down to the ones at fault."""
    call, now = str(uuid.uuid4()), services.clock()
    claims = [(each.kept.key, dict(each.mail.params)) for each in batch]
    claim = partial(mails.claim, call=call, holder=services.holder, now=now)
    mine = await services.database.write(claim, claims)
    batch = [each for each in batch if each.kept.key in mine]
    if batch:
        await _call(services, rule, batch, call, report)


async def _call(services: Services, rule: Rule, batch: Sequence[_Ready], call: str, report: Sent) -> None:
    keys = [each.kept.key for each in batch]
    try:
        await services.brevo.send(
            brevo.send(rule.template, [each.mail for each in batch], key=call, tags=[TAG, rule.name, call])
        )
    except RejectedError as error:
        if len(batch) == 1:
            await _refused(services, [batch[0].kept], error, report)
            return
        await services.database.write(mails.give_back, keys, services.clock())
        for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
            await _send(services, rule, half, report)
        return
    except TajoError as error:
        if not (isinstance(error, TransientError) and error.ambiguous):
            await services.database.write(mails.give_back, keys, services.clock())
        raise  # without an answer: looked into by the next, under the same key
    report.sent += len(keys)
    await services.database.write(mails.finish, keys, mails.SENT, services.clock())


async def _refused(services: Services, refused: Sequence[Kept], error: RejectedError, report: Sent) -> None:
    now = services.clock()
    report.refused += len(refused)

    def keep(connection: sa.Connection) -> None:
        mails.finish(connection, [each.key for each in refused], mails.REFUSED, now, why=error.message)
        for each in refused:
            letters.add(connection, each.email, error, now)

    await services.database.write(keep)


# Calls without an answer


async def _look_into(services: Services, rule: Rule, subject: str, report: Sent) -> None:
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
            again = [_Ready(each, Mail(each.email, each.body)) for each in kept]
            await _call(services, rule, again, call, report)
        else:
            await _ask_the_log(services, rule, call, kept, report)


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
