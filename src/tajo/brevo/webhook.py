"""What Brevo's webhooks tell: opt-outs, and that somebody joined lists. Read leniently, in every spelling seen.

Names are camelCase where a webhook is registered and snake_case in payloads; older ones differ once more. There is no
signature, no event id and no order. Source: https://developers.brevo.com/docs/marketing-webhooks and
https://developers.brevo.com/docs/transactional-webhooks
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tajo.core.suppression import Reason, Source, Suppression

MARKETING = ("unsubscribed", "hardBounce", "spam", "listAddition")
TRANSACTIONAL = ("unsubscribed", "hardBounce", "spam", "blocked", "invalid")

_REASONS = {
    "unsubscribe": Reason.UNSUBSCRIBED,
    "hardbounce": Reason.HARD_BOUNCE,
    "invalid": Reason.HARD_BOUNCE,  # Brevo: the address cannot receive mail
    "invalidemail": Reason.HARD_BOUNCE,
    "spam": Reason.COMPLAINT,
    "complaint": Reason.COMPLAINT,
    "blocked": Reason.BLOCKED,
}


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody is on these lists now, and no program put them there: a click, or somebody in Brevo's pages."""

    email: str
    list_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Told:
    """What one delivery told; `others` counts events that are nothing to us, `unreadable` what is no event at all."""

    suppressions: tuple[Suppression, ...] = ()
    joined: tuple[Joined, ...] = ()
    others: int = 0
    unreadable: int = 0


def read(body: bytes, received_at: datetime) -> Told:
    """One event, or an array of them. Whatever cannot be read is counted, and the rest read."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return Told(unreadable=1)
    suppressions: list[Suppression] = []
    joined: list[Joined] = []
    others = unreadable = 0
    for event in value if isinstance(value, list) else [value]:
        known = _event(event, received_at)
        if isinstance(known, Suppression):
            suppressions.append(known)
        elif isinstance(known, Joined):
            joined.append(known)
        elif known:
            others += 1
        else:
            unreadable += 1
    return Told(tuple(suppressions), tuple(joined), others, unreadable)


def _event(event: Any, received_at: datetime) -> Suppression | Joined | bool:
    """What an event means; True for one that means nothing to us, False for what cannot be read."""
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return False
    name = _plain(event["event"])
    reason = _REASONS.get(name)
    if reason is None and name != "listaddition":
        return True
    email = _email(event.get("email"))
    if not email:
        return False
    if reason is not None:
        return Suppression(email, reason, Source.WEBHOOK, _at(event, received_at), _evidence(event))
    # A program's own doing has the name of its key; ours has too.
    lists = _numbers(event.get("list_id") or event.get("list_ids"))
    return True if event.get("api_key_name") else Joined(email, lists)


def _plain(name: str) -> str:
    """hardBounce, hard_bounce and hard_bounced are one event; unsubscribed and unsubscribe, too."""
    letters = "".join(sign for sign in name.lower() if sign.isalpha())
    return letters.removesuffix("d") if letters in ("unsubscribed",) else letters.replace("bounced", "bounce")


def _email(value: Any) -> str:
    email = value.strip().lower() if isinstance(value, str) else ""
    return email if "@" in email and len(email) <= 320 and email.isprintable() and " " not in email else ""


def _numbers(value: Any) -> frozenset[int]:
    values = value if isinstance(value, list) else [value]
    return frozenset(each for each in values if isinstance(each, int) and not isinstance(each, bool))


def _at(event: dict[str, Any], received_at: datetime) -> datetime:
    """When it happened: only ts_epoch, in milliseconds, is reliably UTC; without it, when it was heard of."""
    milliseconds = event.get("ts_epoch")
    if isinstance(milliseconds, int) and 0 < milliseconds < 4_000_000_000_000:
        return min(datetime.fromtimestamp(milliseconds / 1000, UTC), received_at)
    return received_at


def _evidence(event: dict[str, Any]) -> str:
    """In Brevo's terms, and without what it says of the person."""
    kind = "transactional" if "message-id" in event else "marketing"
    campaign = event.get("camp_id")
    return f"{kind} webhook: {_plain(event['event'])}" + (f", campaign {campaign}" if isinstance(campaign, int) else "")
