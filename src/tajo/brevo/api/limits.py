"""Brevo's rate limits by bucket, and what its headers say about them.

Limits are the account's, all keys together; both windows of a bucket count. Published per path pattern:
https://developers.brevo.com/docs/api-limits and https://developers.brevo.com/docs/limit-headers

Three paths are in doubt, because the row for contacts is written "/contacts/{…}" and the one for events names only
POST /events: the bare /contacts (create, list), /events/batch (and GET /events), and /processes. Each has a label of
its own. It is counted on `other` (100 calls an hour for everything there), the stricter reading, until an answer's
x-sib-ratelimit-limit tells that it belongs to the more generous bucket: see `told_by`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Tier = Literal["general", "advanced", "extended"]

CONTACTS = "contacts"  # /contacts/{…}: one contact, import, attributes, lists, folders
EVENTS = "events"  # POST /events
MAIL = "mail"  # POST /smtp/email, GET /smtp/blockedContacts
MAIL_LOG = "mail_log"  # GET /smtp/emails
SMTP = "smtp"  # other /smtp/{…}
OTHER = "other"  # everything else

BARE_CONTACTS = "bare_contacts"  # POST /contacts and GET /contacts
EVENTS_BATCH = "events_batch"  # POST /events/batch
EVENTS_LIST = "events_list"  # GET /events
PROCESSES = "processes"  # in no row of its own

# doubtful label → the more generous bucket it may belong to
DOUBTFUL: Mapping[str, str] = MappingProxyType(
    {BARE_CONTACTS: CONTACTS, EVENTS_BATCH: EVENTS, EVENTS_LIST: EVENTS, PROCESSES: CONTACTS}
)

LONGEST_RESET_S = 3600.0  # the longest window there is


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `per_second` calls a second (None: no limit of its own) and `per_hour` calls an hour."""

    per_second: float | None
    per_hour: int


@dataclass(frozen=True, slots=True)
class RateHint:
    """What one answer said: the window's limit, calls left in it, and seconds until it starts anew.

    Which window, the second's or the hour's, Brevo does not document.
    """

    limit: int
    remaining: int
    reset_s: float


def _each_second(rate: int) -> Limit:
    return Limit(float(rate), rate * 3600)


LIMITS: Mapping[Tier, Mapping[str, Limit]] = MappingProxyType(
    {
        "general": MappingProxyType(
            {
                CONTACTS: _each_second(10),
                EVENTS: _each_second(10),
                MAIL: _each_second(1000),
                MAIL_LOG: _each_second(2),
                SMTP: Limit(None, 300),
                OTHER: Limit(None, 100),
            }
        ),
        "advanced": MappingProxyType(  # Professional and Enterprise
            {
                CONTACTS: _each_second(20),
                EVENTS: _each_second(20),
                MAIL: _each_second(2000),
                MAIL_LOG: _each_second(3),
                SMTP: Limit(None, 600),
                OTHER: Limit(None, 200),
            }
        ),
        "extended": MappingProxyType(  # Enterprise, on request
            {
                CONTACTS: _each_second(60),
                EVENTS: _each_second(60),
                MAIL: _each_second(6000),
                MAIL_LOG: Limit(None, 18000),
                SMTP: Limit(None, 1800),
                OTHER: Limit(None, 600),
            }
        ),
    }
)


def hint(headers: Mapping[str, str]) -> RateHint | None:
    """What the answer's headers (names in lower case) say of its bucket; None when not all three are there."""
    limit = _number(headers.get("x-sib-ratelimit-limit", ""))
    remaining = _number(headers.get("x-sib-ratelimit-remaining", ""))
    reset = reset_s(headers)
    if limit is None or remaining is None or reset is None:
        return None
    return RateHint(int(limit), int(remaining), reset)


def told_by(label: str, seen: RateHint, tier: Tier) -> str | None:
    """The bucket that a doubtful label belongs to, by the limit an answer told; None when the number fits neither.

    The header describes the second or the hour, Brevo does not say which: both numbers of a bucket count.
    """
    for bucket in (DOUBTFUL[label], OTHER):
        known = LIMITS[tier][bucket]
        if seen.limit in (known.per_hour, known.per_second):
            return bucket
    return None


def reset_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by x-sib-ratelimit-reset (seconds, no epoch), at most an hour; None when it says nothing."""
    value = _number(headers.get("x-sib-ratelimit-reset", ""))
    return None if value is None else min(value, LONGEST_RESET_S)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
