"""Holds what is in Brevo and on the rosters, after a history, against the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tajo.store import letters, mails, rosters

from . import truth
from .history import History, Step
from .playing import Player
from .truth import Known

OURS = frozenset({15, 16, 17, 18})
CAME = {"webinar": 16, "meeting": 15}
MISSED = 18


class Verdict:
    """Finds what is wrong; `problems` is empty where all holds. `excused` counts what had a documented reason."""

    def __init__(self, history: History, steps: list[Step], numbers: list[int], player: Player) -> None:
        self.history, self.steps, self.numbers, self.player = history, steps, numbers, player
        self.brevo, self.database = player.brevo, player.database
        self.people = truth.known(history, steps)
        self.who = {email: n for n, email in enumerate(history.emails)}
        self.got = self._got()
        self.excused: Counter[str] = Counter()

    def problems(self) -> list[str]:
        checks = (
            self._twice,
            self._opted_out,
            self._consent,
            self._lists,
            self._not_missed,
            self._absent,
            self._roster,
        )
        found = [problem for check in checks for problem in check()]
        return [*found, *self._mailed(), *self._events(), *self._at_rest()]

    def _got(self) -> dict[tuple[str, str, int], list[datetime]]:
        """(rule, e-mail, session) → when mails were sent."""
        found: dict[tuple[str, str, int], list[datetime]] = {}
        for mail in self.brevo.sent_mails:
            rule = mail.tags[1]
            number = self.numbers.index(int(mail.params["session"]))
            for to in mail.to:
                found.setdefault((rule, to.lower(), number), []).append(mail.at)
        return found

    # --- 1, 7 ---

    def _twice(self) -> Iterator[str]:
        for (rule, email, number), times in self.got.items():
            if len(times) > 1:
                yield f"mailed {len(times)} times: {rule} to {email} about session {number}"
        told: Counter[tuple[Any, ...]] = Counter()
        for event in self.brevo.events:
            name = "outcome" if event.name.endswith(("_attended", "_no_show")) else event.name
            told[name, event.identifiers["email_id"], event.event_properties.get("session_id")] += 1
        yield from (f"told {count} times: {key}" for key, count in told.items() if count > 1)
        yield from self.brevo.complaints()

    # --- 2 ---

    def _opted_out(self) -> Iterator[str]:
        for (rule, email, _), times in self.got.items():
            since = self.player.opted.get(email)
            if since is not None and any(at > since for at in times):
                yield f"mailed after they opted out: {rule} to {email}"
        for email, (since, lists) in self.player.learned.items():
            contact = self.brevo.contacts.get(email)
            if contact is not None and (contact.list_ids & OURS) - lists:
                yield f"put on {contact.list_ids - lists} after they opted out: {email}"
            for event in self.brevo.events:
                if event.identifiers["email_id"] == email and event.received_at > since:
                    yield f"{event.name} after they opted out: {email}"

    # --- consent, which is part of 2 and 3 ---

    def _consent(self) -> Iterator[str]:
        for email, who in self.who.items():
            may = truth.allowed(self.history, who)
            contact = self.brevo.contacts.get(email)
            if not truth.consent_is_clear(self.history, self.steps, who):
                continue
            if contact is not None and not may.lists and contact.list_ids & OURS:
                yield f"on {contact.list_ids} without consent: {email}"
            if contact is not None and not may.contact:
                yield f"a contact without consent: {email}"
            if not may.mails and any(each[1] == email for each in self.got):
                yield f"mailed without consent: {email}"
            if not may.lists and any(event.identifiers["email_id"] == email for event in self.brevo.events):
                yield f"an event without consent: {email}"

    def _mailable(self, each: Known) -> bool:
        """Whether they may get everything, and never opted out."""
        who = self.who[each.email]
        clear = truth.consent_is_clear(self.history, self.steps, who)
        return clear and truth.allowed(self.history, who).mails and each.email not in self.player.opted

    # --- 3 ---

    def _lists(self) -> Iterator[str]:
        for each in self.people:
            who = self.who[each.email]
            clear = truth.consent_is_clear(self.history, self.steps, who)
            if not (each.came and clear and truth.allowed(self.history, who).lists):
                continue
            if each.email in self.player.opted:
                self.excused["opted out: on no list"] += 1
                continue
            contact = self.brevo.contacts.get(each.email)
            if contact is None or CAME[self.history.meetings[each.meeting].kind] not in contact.list_ids:
                yield f"not on the attendees' list: {each.email}, {contact and contact.list_ids}"

    # --- 4 ---

    def _not_missed(self) -> Iterator[str]:
        for each in self.people:
            if each.first_join is None:
                continue
            number = str(self.numbers[each.meeting])
            for at in self.got.get(("sorry", each.email, each.meeting), ()):
                if at > each.first_join:
                    yield f"sorry to {each.email}, who was there"
                else:
                    self.excused["came after it was over"] += 1
            for event in self.brevo.events:
                missed = event.name.endswith("_no_show") and event.event_properties["session_id"] == number
                if missed and event.identifiers["email_id"] == each.email and event.received_at > each.first_join:
                    yield f"{event.name} to {each.email}, who was there"

    def _absent(self) -> Iterator[str]:
        absent = {each.email for each in self.people if "no_show" in each.outcomes}
        for email in self.who.keys() - absent:
            contact = self.brevo.contacts.get(email)
            if contact is None:
                continue
            if contact.attributes.get("ATTENDANCE_STATUS") == "no_show":
                yield f"no_show in Brevo: {email}"
            if MISSED in contact.list_ids and email not in self.player.opted:
                yield f"on the list of those who were missed: {email}"

    # --- 5 ---

    def _roster(self) -> Iterator[str]:
        for each in self.people:
            lines = [
                line.entry
                for line in self.database.read_now(rosters.lines_of, each.email)
                if line.entry.session_id == str(self.numbers[each.meeting])
            ]
            if len(lines) != 1:
                if each.clear:
                    yield f"on {len(lines)} rosters of session {each.meeting}: {each.email}"
                continue
            (entry,) = lines
            if entry.outcome.value not in each.outcomes:
                yield f"{entry.outcome} in session {each.meeting}, not {sorted(each.outcomes)}: {each.email}"
            if entry.present.total_seconds() != each.present_s:
                seconds = int(entry.present.total_seconds())
                yield f"{seconds} s in session {each.meeting}, not {each.present_s}: {each.email}"
        for email in self.who:
            yield from self._carried(email)

    def _carried(self, email: str) -> Iterator[str]:
        """The contact has the seconds of the latest session that they have to do with."""
        withdrawn = {"cancelled", "pending", "denied"}  # of these the contact carries none, as long as another stands
        mine = [each for each in self.people if each.email == email and each.outcomes - withdrawn]
        contact = self.brevo.contacts.get(email)
        starts = [self.history.meetings[each.meeting].start for each in mine]
        if len(set(starts)) < len(starts):
            return  # either is the latest
        if not mine or contact is None or not all(each.clear for each in mine) or email in self.player.opted:
            return
        latest = max(mine, key=lambda each: self.history.meetings[each.meeting].start)
        seconds = contact.attributes.get("MEETING_DURATION", 0)
        if seconds != latest.present_s:
            yield f"MEETING_DURATION {seconds}, not {latest.present_s}: {email}"

    # --- 6 ---

    def _mailed(self) -> Iterator[str]:
        for each in self.people:
            if not self._mailable(each):
                self.excused["not mailable"] += 1
                continue
            states = {
                line["rule"]: line["state"]
                for line in self.database.read_now(mails.of_person, each.email)
                if str(self.numbers[each.meeting]) in line["subject"]
            }
            for rule in self._rules_for(each):
                if (rule, each.email, each.meeting) in self.got:
                    continue
                if states.get(rule) == "uncertain" and self.player.fuse.kills:
                    self.excused["uncertain"] += 1
                    continue
                yield f"no {rule} to {each.email} about session {each.meeting}: {states.get(rule)}"

    def _rules_for(self, each: Known) -> Iterator[str]:
        """The rules that surely mean this person."""
        meeting = self.history.meetings[each.meeting]
        webinar = meeting.kind == "webinar"
        if webinar and each.came:
            yield "thanks"
        if webinar and each.outcomes == {"no_show"}:
            yield "sorry"
        if webinar and each.registered and truth.told_in_time(self.steps, each.email) and not self.player.fuse.kills:
            yield "welcome"
        recorded = any(part.recorded_at is not None for part in meeting.sittings)
        if recorded and each.outcomes in ({"attended"}, {"no_show"}):
            yield "replay"

    def _events(self) -> Iterator[str]:
        """Whoever came is told so once, unless a call had no answer, or they had come after it was over."""
        told = {
            (event.identifiers["email_id"], event.event_properties.get("session_id"))
            for event in self.brevo.events
            if event.name.endswith(("_attended", "_no_show"))
        }
        for each in self.people:
            may = truth.allowed(self.history, self.who[each.email])
            if (
                each.came
                and self._mailable(each)
                and may.lists
                and (each.email, str(self.numbers[each.meeting])) not in told
            ):
                if self.player.fuse.kills:
                    self.excused["an event that may be ambiguous"] += 1
                else:
                    yield f"no outcome event to {each.email} about session {each.meeting}"

    def _at_rest(self) -> Iterator[str]:
        for job in self.player.queue.jobs:
            yield f"still to do: {job.follow}"
        slow = sum(self.history.report.values(), timedelta()) > timedelta(minutes=100)
        for letter in self.database.read_now(letters.open_letters):
            if letter.origin == "zoom.report" and (slow or self.player.fuse.kills):
                self.excused["the report came after the deadline"] += 1
                continue
            yield f"dead letter: {letter.subject} {letter.origin} {letter.reason}"
