"""Why somebody gets no mail of ours any more. Whoever is suppressed stays so: no later session lifts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Reason(StrEnum):
    """What happened, as people read it in `tajo why`."""

    UNSUBSCRIBED = "unsubscribed"
    COMPLAINT = "complaint"
    HARD_BOUNCE = "hard bounce"
    BLOCKED = "blocked for transactional mail"
    BLOCKLISTED = "blocklisted in Brevo"


class Source(StrEnum):
    """Where we know it from: Brevo's webhook, or Brevo asked."""

    WEBHOOK = "webhook"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class Suppression:
    """One reason for one e-mail (lower case). `evidence` says in Brevo's terms what was seen, without an address."""

    email: str
    reason: Reason
    source: Source
    at: datetime
    evidence: str = ""


# GET /smtp/blockedContacts, reason.code; what is not here is BLOCKED.
_CODES = {
    "unsubscribedViaEmail": Reason.UNSUBSCRIBED,
    "unsubscribedViaApi": Reason.UNSUBSCRIBED,
    "unsubscribedViaMA": Reason.UNSUBSCRIBED,
    "hardBounce": Reason.HARD_BOUNCE,
    "contactFlaggedAsSpam": Reason.COMPLAINT,
}


def of_block(email: str, code: str, at: datetime | None, now: datetime) -> Suppression:
    """An entry of Brevo's transactional blocklist; whichever sender it is for, none of our mails goes there."""
    return Suppression(email.lower(), _CODES.get(code, Reason.BLOCKED), Source.POLL, at or now, f"blocked: {code}")


def of_flags(
    email: str, *, blocklisted: bool, left: frozenset[int], ours: frozenset[int], at: datetime
) -> Suppression | None:
    """What a contact's flags say: blocklisted, or unsubscribed (`left`) from one of `ours`, the lists that we fill."""
    if blocklisted:
        return Suppression(email.lower(), Reason.BLOCKLISTED, Source.POLL, at, "emailBlacklisted")
    if mine := sorted(left & ours):
        lists = ", ".join(map(str, mine))
        return Suppression(email.lower(), Reason.UNSUBSCRIBED, Source.POLL, at, f"listUnsubscribed: {lists}")
    return None
