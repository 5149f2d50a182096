"""Page tokens: opaque, bound to the query that got them, dead after fifteen minutes.

Source: https://developers.zoom.us/docs/api/pagination/
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tajo.simulators.faults import Fault
from tajo.simulators.zoom.errors import bad_page_token, invalid
from tajo.simulators.zoom.switches import ZoomSwitches

Json = dict[str, Any]
T = TypeVar("T")

DEFAULT_SIZE, MAX_SIZE = 30, 300
_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class _Bookmark:
    query: str
    offset: int
    expires: datetime


@dataclass(slots=True)
class Pager:
    """Cuts lists into pages and remembers where each token leads."""

    _bookmarks: dict[str, _Bookmark] = field(default_factory=dict)

    def page(
        self,
        name: str,
        items: Sequence[T],
        render: Callable[[T], Json],
        *,
        path: str,
        query: Mapping[str, str],
        now: datetime,
        switches: ZoomSwitches,
        fault: Fault | None = None,
        max_size: int = MAX_SIZE,
        numbered: bool = False,
    ) -> Json:
        """The envelope with the asked page of `items` under `name`; only the page's items are rendered.

        `numbered`: the list still knows the deprecated page_number, in query and answer.
        """
        size = _size(query.get("page_size", ""), max_size, switches)
        bound = f"{path}?{sorted((k, v) for k, v in query.items() if k != 'next_page_token')}"
        token = query.get("next_page_token", "")
        start = self._offset(token, bound, now) if token else (_number(query) - 1) * size if numbered else 0
        if token and switches.page_drift and size > 1:
            start = max(0, start - 1)
        rows = items[start : start + size]
        following = start + size if start + size < len(items) else None
        if following is None and fault is not None and fault.kind == "endless_pages":
            following = 0
        next_token = ""
        if following is not None:
            lifetime = timedelta(seconds=switches.page_token_lifetime_s)
            next_token = self._remember(_Bookmark(bound, following, now + lifetime))
        if token and fault is not None and fault.kind == "repeat_page_token":
            next_token = token
        body: Json = {}
        if not (token and switches.omit_counts_on_later_pages):
            body = {"page_count": -(-len(items) // size), "total_records": len(items)}
            body |= {"page_number": start // size + 1} if numbered else {}
        return body | {"page_size": size, "next_page_token": next_token, name: [render(row) for row in rows]}

    def _offset(self, token: str, bound: str, now: datetime) -> int:
        bookmark = self._bookmarks.get(token)
        if bookmark is None or bookmark.query != bound or bookmark.expires <= now:
            raise bad_page_token()
        return bookmark.offset

    def _remember(self, bookmark: _Bookmark) -> str:
        while len(self._bookmarks) >= _KEPT:
            del self._bookmarks[next(iter(self._bookmarks))]
        token = secrets.token_urlsafe(24)
        self._bookmarks[token] = bookmark
        return token


def _number(query: Mapping[str, str]) -> int:
    """The deprecated page_number, from 1."""
    text = query.get("page_number", "1")
    if not text.isdecimal():
        raise invalid("page_number")
    return max(1, int(text))


def _size(text: str, most: int, switches: ZoomSwitches) -> int:
    if not text:
        return DEFAULT_SIZE
    if not text.isdecimal() or int(text) < 1:
        raise invalid("page_size")
    if int(text) > most and switches.page_size == "error":
        raise invalid("page_size")
    return min(int(text), most)
