"""Sending what is due: who gets it is judged again, by what is known at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from tajo.brevo.api import mails as brevo
from tajo.brevo.api.mails import Mail, Template
from tajo.core import followups
from tajo.core.announce import Moment, Share
from tajo.core.contact import Entry
from tajo.core.errors import ConfigError, RejectedError
from tajo.core.followups import Rule
from tajo.store import mails, notes, recordings, rosters
from tajo.store.mails import Kept
from tajo.store.rosters import Held
from tajo.workflows import campaigns, mail_calls, recipients, resting
from tajo.workflows.mail_calls import Ready, Sent
from tajo.workflows.services import Services

PAUSE = timedelta(minutes=10)  # ours: how long a rule rests that Brevo does not let send


def rules(services: Services) -> list[Rule]:
    ready = frozenset(services.config.events.recording_ready)
    return [followups.in_terms(each.rule(ready), services.terms) for each in services.config.follow_ups]


def loaded_note(name: str) -> str:
    """The note that keeps when a rule was first loaded."""
    return f"follow_up.{name}.loaded_at"


async def since(services: Services, rule: Rule) -> datetime:
    """What was before is never mailed by itself: the rule was first loaded, and Zoom connected; now until it is."""
    loaded = await services.database.read(notes.get, loaded_note(rule.name))
    connected = await services.connected_at()
    now = services.clock()
    return max(datetime.fromisoformat(loaded) if loaded else now, connected or now)


def subject_of(rule: Rule, held: Held) -> str:
    return followups.subject_of(rule, held.kind, held.session_id, held.key)


async def required_template(services: Services, rule: Rule) -> Template:
    """The rule's template. ConfigError where there is none, or it is not active: the rule rests until it is."""
    try:
        found = await services.brevo.send(brevo.template(rule.template))
    except RejectedError:
        found = None
    if found is not None and found.active:
        return found
    if found is None:
        what, hint = f"Brevo has no template {rule.template}", "write the number of one that exists"
    else:
        what, hint = f"template {rule.template} is not active", "activate it in Brevo, or name another one"
    text = f"{what}, and the follow-up {rule.name} sends nothing without it"
    raise ConfigError(text, origin=origin_of(services, rule), hint=hint)


def origin_of(services: Services, rule: Rule) -> str:
    """Where the rule's template stands: "tajo.yml:31"."""
    at = next(n for n, each in enumerate(services.config.follow_ups) if each.name == rule.name)
    return services.config.origin(f"follow_ups.{at}.{'campaign' if rule.campaign else 'send'}.template")


async def send_due(services: Services, name: str, subject: str) -> Sent:
    """Send what is due.

    TransientError and CredentialError leave what was not sent waiting.
    """
    report = Sent()
    rule = next((each for each in rules(services) if each.name == name), None)
    if rule is None:
        return report
    await mail_calls.look_into(services, rule, subject, report)
    due = partial(mails.load, until=services.clock())
    waiting = await services.database.read(due, name, subject, mails.WAITING)
    if not waiting:
        return report
    template = await required_template(services, rule)
    if rule.campaign is not None:
        await _campaign(services, rule, template, await _judge(services, rule, waiting, report), report)
        waiting = []
    for start in range(0, len(waiting), brevo.MAX_RECIPIENTS):  # who may be mailed is asked before each batch
        ready = await _judge(services, rule, waiting[start : start + brevo.MAX_RECIPIENTS], report)
        by_email = {each.kept.email: each for each in ready}
        for batch in brevo.batches(each.mail for each in ready):
            await mail_calls.send(services, rule, [by_email[mail.email] for mail in batch], report)
    await services.database.write(resting.go_on, name, services.clock())
    return report


async def _campaign(services: Services, rule: Rule, template: Template, ready: Sequence[Ready], report: Sent) -> None:
    """One campaign for all of them. Every step looks first what is there, so a crash in between repeats nothing."""
    if not ready:
        return
    people = [each.kept.email for each in ready]
    entries = (await services.database.read(rosters.entries_of, people[:1]))[people[0]]
    entry = next(each for each in entries if each.occurrence == ready[0].kept.subject)
    joined = await campaigns.run(services, rule, template, entry, people)
    keys, now = [each.kept.key for each in ready], services.clock()
    if joined:
        sends = rule.campaign is not None and rule.campaign.send
        report.sent += len(keys) if sends else 0
        report.drafted += 0 if sends else len(keys)
        await services.database.write(mails.finish, keys, mails.SENT if sends else mails.DRAFTED, now)
    else:
        report.too_old += len(keys)
        await services.database.write(partial(mails.finish, why="the campaign had gone out"), keys, mails.TOO_OLD, now)


async def _judge(services: Services, rule: Rule, waiting: Sequence[Kept], report: Sent) -> list[Ready]:
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
            ready.append(Ready(each, mail))
        except RejectedError as error:
            await mail_calls.refuse(services, [each], error, report)
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
