"""The transactional blocklist: who gets no transactional mail, apart from the marketing one that contacts carry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tajo.brevo.api import limits
from tajo.brevo.api.reading import instant, number, record, records, text
from tajo.brevo.api.writing import page_query
from tajo.http import Call


@dataclass(frozen=True, slots=True)
class Blocked:
    """One address blocked for one sender, "" for all; `code` is Brevo's, such as hardBounce or unsubscribedViaEmail."""

    email: str
    sender: str
    code: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class BlockedPage:
    """One page; `count` is of all pages."""

    blocked: tuple[Blocked, ...]
    count: int


def page(*, limit: int = 100, offset: int = 0) -> Call[BlockedPage]:
    """One page (at most 100) of the blocklist, oldest first: who is blocked meanwhile comes at the end.

    Source: https://developers.brevo.com/reference/get-transac-blocked-contacts
    """
    query = page_query(limit, offset, most=100, sort="asc")
    return Call(
        "GET", "/smtp/blockedContacts", parse=_page, origin="brevo.blocklist.page", label=limits.MAIL, query=query
    )


def _page(value: Any) -> BlockedPage:
    entries = [_blocked(row) for row in records(value, "contacts")]
    return BlockedPage(tuple(entries), number(record(value), "count"))


def _blocked(row: Any) -> Blocked:
    reason = row.get("reason")
    code = text(reason, "code") if isinstance(reason, dict) else ""
    return Blocked(text(row, "email").lower(), text(row, "senderEmail").lower(), code, instant(row, "blockedAt"))
