"""Listings: one page as a value, and how its envelope is read.

Source: https://developers.zoom.us/docs/api/pagination/
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tajo.connectors.zoom.api.reading import Fields, rows, text, whole
from tajo.core.errors import ContractError

T = TypeVar("T")

PAGE_SIZE = 300  # Zoom's maximum for every listing here; its default is 30


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page. `next_token` is "" on the last one; a token lives 15 minutes and belongs to the same query.

    `number` is 1 where a listing begins. `ZoomClient.pages` numbers its pages; when it has to begin anew, 1 comes
    again, and whoever gathers pages drops what it had.
    """

    items: tuple[T, ...]
    next_token: str
    number: int = 1


def page_of(name: str, read: Callable[[Fields], T]) -> Callable[[Any], Page[T]]:
    """A parser for a page whose rows stand under `name`.

    The envelope's counts are not read: later pages omit them, and they count rows, not people.
    """

    def parse(answer: Any) -> Page[T]:
        fields = whole(answer)
        if name not in fields and ("code" in fields or "error_message" in fields):
            # Seen with status 200: {"code": 0, "error_message": "success"}. An empty listing would be a guess.
            raise ContractError(f"a status instead of {name}")
        return Page(rows(fields, name, read), text(fields, "next_page_token"))

    return parse


def page_query(page_token: str, **others: str) -> dict[str, str]:
    """The query of a listing: the page's size, its token unless it is the first, and what else is not ""."""
    query = {"page_size": str(PAGE_SIZE)} | {name: value for name, value in others.items() if value}
    return query | {"next_page_token": page_token} if page_token else query
