"""Webhooks: where Brevo tells of opt-outs. They are an account's, at most 40 of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tajo.brevo.api import limits
from tajo.brevo.api.reading import number, record, records, text, texts
from tajo.http import Call

Type = Literal["marketing", "transactional"]
MOST = 40  # in an account


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registered webhook; `events` are spelt as in a registration (hardBounce), which payloads are not."""

    id: int
    url: str
    events: tuple[str, ...]


def every(type_: Type) -> Call[tuple[Webhook, ...]]:
    """All webhooks of a type. Without a type Brevo gives the transactional ones only.

    Source: https://developers.brevo.com/reference/get-webhooks
    """
    query = {"type": type_, "sort": "asc"}
    return Call("GET", "/webhooks", parse=_every, origin="brevo.webhooks.every", label=limits.OTHER, query=query)


def create(type_: Type, url: str, events: Sequence[str], *, token: str, description: str) -> Call[int]:
    """Register a webhook whose calls carry `Authorization: Bearer <token>`; its id. A repeated call makes a second.

    Source: https://developers.brevo.com/reference/create-webhook
    """
    body = {"type": type_, "description": description, **_content(url, events, token)}
    return Call(
        "POST",
        "/webhooks",
        parse=lambda value: number(record(value), "id"),
        origin="brevo.webhooks.create",
        label=limits.OTHER,
        body=body,
        repeatable=False,
    )


def update(webhook_id: int, url: str, events: Sequence[str], *, token: str) -> Call[None]:
    """Give a registered webhook this address, these events and this token.

    Source: https://developers.brevo.com/reference/update-webhook
    """
    return Call(
        "PUT",
        f"/webhooks/{int(webhook_id)}",
        parse=lambda _: None,
        origin="brevo.webhooks.update",
        label=limits.OTHER,
        body=_content(url, events, token),
    )


def _content(url: str, events: Sequence[str], token: str) -> dict[str, Any]:
    return {"url": url, "events": list(events), "auth": {"type": "bearer", "token": token}}


def _every(value: Any) -> tuple[Webhook, ...]:
    return tuple(
        Webhook(number(row, "id"), text(row, "url"), texts(row, "events")) for row in records(value, "webhooks")
    )
