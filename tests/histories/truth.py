"""What has to hold in the end, worked out from the drawn history alone; none of Tajo's own decisions is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .history import MINUTE, History, Meeting, Step


@dataclass(frozen=True)
class Known:
    """One person in one session. `outcomes` has several words where what came to us leaves several true.

    `clear`: nothing that only a webhook tells of them was lost or late, so what they are to get is certain.
    """

    email: str
    meeting: int
    outcomes: frozenset[str]
    present_s: int
    first_join: datetime | None
    registered: bool  # while they could still be told of it
    clear: bool

    @property
    def came(self) -> bool:
        return self.outcomes == {"attended"}


@dataclass(frozen=True)
class Allowed:
    """What a person's answer allows."""

    contact: bool
    lists: bool
    mails: bool


def union_s(stays: Iterable[tuple[datetime, datetime]]) -> int:
    """Seconds in which they were there, by whatever device: counted second by second's edge, not by merging."""
    edges = sorted([(join, 1) for join, _ in stays] + [(leave, -1) for _, leave in stays], key=lambda e: (e[0], -e[1]))
    present, inside, since = 0.0, 0, None
    for at, step in edges:
        if inside == 0 and step == 1:
            since = at
        inside += step
        if inside == 0 and since is not None:
            present += (at - since).total_seconds()
    return int(present)


def known(history: History, steps: list[Step]) -> list[Known]:
    """Everybody who has something to do with a session."""
    return [
        made
        for number, meeting in enumerate(history.meetings)
        for who in range(len(history.emails))
        if (made := _known(history, steps, number, meeting, who)) is not None
    ]


def _known(history: History, steps: list[Step], number: int, meeting: Meeting, who: int) -> Known | None:
    mine = [each for each in meeting.signups if each.who == who]
    signed = [each for each in mine if each.at <= meeting.end]
    stays = [(each.join, each.leave) for each in meeting.stays if each.who == who and not each.waiting]
    if not signed and not stays:
        return None
    clear = _is_clear(history, steps, number, who)
    if stays:
        outcomes = {"attended"}
    else:
        outcomes = _absent(meeting, signed)
        if outcomes == {"no_show"} and _alone(meeting):
            outcomes = {"no_show", "unknown"}
        if not clear:  # who cancelled may still be taken for absent, and the reverse
            outcomes |= {"no_show", "cancelled", "pending", "denied", "unknown"}
    approved = [each for each in signed if each.status == "approved" and each.cancelled_at is None]
    early = any(each.at < meeting.start - 12 * MINUTE for each in approved)
    first = min((join for join, _ in stays), default=None)
    return Known(
        history.emails[who], number, frozenset(outcomes), union_s(stays), first, early and len(mine) == 1, clear
    )


def _absent(meeting: Meeting, signed: list) -> set[str]:  # type: ignore[type-arg]
    live = [each for each in signed if each.cancelled_at is None]
    if any(each.status == "approved" for each in live):
        # Where Zoom names nobody by their link, a guest without a name could be any of the absent.
        by_link = any(each.link is not None and not each.waiting for each in meeting.stays)
        return {"unknown"} if meeting.strangers and not by_link else {"no_show"}
    return {live[-1].status} if live else {"cancelled"}


def _alone(meeting: Meeting) -> bool:
    """Whether the host was alone some time: Zoom has no report of that, and nobody is called absent without one."""
    there = {each.sitting for each in meeting.stays} | {sitting for sitting, *_ in meeting.strangers}
    return len(there) < len(meeting.sittings)


def _is_clear(history: History, steps: list[Step], number: int, who: int) -> bool:
    """Cancellations are told by webhooks alone; and a registration that is gone before anybody read it, too."""
    gone = [each for each in history.meetings[number].signups if each.who == who and each.cancelled_at is not None]
    email = history.emails[who]
    return not gone or not any(_is_disturbed(step, email) for step in steps)


def _is_disturbed(step: Step, email: str) -> bool:
    if step.what not in ("lost", "webhook") or ".registration_" not in step.detail.name:
        return False
    about = step.detail.body["payload"]["object"]["registrant"]["email"].lower() == email
    return about and (step.what == "lost" or step.at - step.detail.at > 5 * MINUTE)


def told_in_time(steps: list[Step], email: str) -> bool:
    """Whether every webhook about their registrations came at once."""
    return not any(_is_disturbed(step, email) for step in steps)


def allowed(history: History, who: int) -> Allowed:
    if history.consent is None:
        return Allowed(contact=True, lists=True, mails=True)
    answered = any(each.answer and each.who == who for made in history.meetings for each in made.signups)
    answer = history.answers[who] if answered else ""
    policy = history.consent["on_missing"]
    if answer:
        return Allowed(contact=True, lists=answer == "Yes", mails=answer == "Yes")
    return Allowed(contact=policy != "skip", lists=False, mails=policy == "transactional_only")


def consent_is_clear(history: History, steps: list[Step], who: int) -> bool:
    """Whether we could hear of their answer: not where it was given in a registration that nobody could read."""
    if history.consent is None:
        return True
    gone = [each for made in history.meetings for each in made.signups if each.who == who and each.cancelled_at]
    late = [each for made in history.meetings for each in made.signups if each.who == who and each.at > made.end]
    return not late and (not gone or told_in_time(steps, history.emails[who]))
