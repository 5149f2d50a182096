"""What several sources tell of one registration, as one: a function of the set of what was told, not of its order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from tajo.core.facts import Registration, Status

_NEVER = datetime(1, 1, 1, tzinfo=UTC)
# Which of two things told at the very same moment counts; what takes something away before what gives it.
_RANK = {Status.PENDING: 0, Status.APPROVED: 1, Status.DENIED: 2, Status.CANCELLED: 3}


def told(registration: Registration, at: datetime, *, detailed: bool) -> Registration:
    """The registration with the time at which it was told; `detailed`: the whole form, not just a name."""
    linked_at = at if registration.join_url else None
    return replace(registration, told_at=at, detailed_at=at if detailed else None, linked_at=linked_at)


def merge(one: Registration, other: Registration) -> Registration:
    """Both sources' knowledge of the same registration.

    The status is the one told last. The details are those of whoever told them all (a listing, a created webhook)
    last; a webhook about an approval or a cancellation brings a name only, and overwrites nothing. Commutative,
    associative and idempotent, so doubled and reordered webhooks change nothing.
    """
    newer = max(one, other, key=_status_order)
    details = max(one, other, key=_details_order)
    # The link is another matter: an approval brings the one that a pending registration lacked.
    linked = max(one, other, key=lambda each: (bool(each.join_url), each.linked_at or _NEVER, each.join_url))
    listed = [each.listed_at for each in (one, other) if each.listed_at is not None]
    return replace(
        details,
        status=newer.status,
        told_at=newer.told_at,
        join_url=linked.join_url,
        linked_at=linked.linked_at,
        listed_at=max(listed, default=None),
    )


def _status_order(each: Registration) -> tuple[datetime, int, str]:
    return (each.told_at or _NEVER, _RANK[each.status], repr(each))


def _details_order(each: Registration) -> tuple[bool, datetime, str]:
    return (each.detailed_at is not None, each.detailed_at or each.told_at or _NEVER, repr(_details(each)))


def _details(each: Registration) -> Registration:
    return replace(each, status=Status.APPROVED, told_at=None, join_url="", linked_at=None, listed_at=None)


def latest_each(registrations: Iterable[Registration]) -> list[Registration]:
    """Per registrant id the registration told last: one for a single date overrules one for all dates, or the reverse.

    Those without an id are all kept.
    """
    latest: dict[str, Registration] = {}
    for each in registrations:
        known = latest.get(each.registrant_id)
        if known is None or _status_order(each)[:2] > _status_order(known)[:2]:
            latest[each.registrant_id] = each
    return list(latest.values())
