"""Event subscriptions of the app itself: which webhooks Zoom sends where.

An app sees and makes them with its own token: account credentials, or client credentials. What stands on the app's
page in the Marketplace cannot be changed from here.
Source: https://developers.zoom.us/docs/api/marketplace/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tajo.connectors.zoom.api.paging import Page, page_of, page_query
from tajo.connectors.zoom.api.reading import Fields, text, whole
from tajo.http import Call

PATH = "/marketplace/app/event_subscription"
ORIGIN = "zoom.subscriptions"
URL_REFUSED = "1701"  # Zoom's code: the address did not answer its challenge
NOT_ALLOWED = "1602"  # the app may not be told of an event: a scope is missing
NO_PERMISSION = "1003"

Scope = Literal["user", "account"]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription: `url` gets a copy of each of `events`."""

    id: str
    name: str
    url: str
    events: frozenset[str]


def listed(account_id: str, user_id: str, *, scope: Scope, page_token: str = "") -> Call[Page[Subscription]]:
    """One page of the app's subscriptions for an account, or for a user of it.

    Medium. Scope marketplace:read:list_event_subscriptions.
    """
    query = page_query(page_token, account_id=account_id, user_id=user_id, subscription_scope=scope)
    return Call("GET", PATH, page_of("event_subscriptions", _subscription), f"{ORIGIN}.list", "medium", query)


def create(
    url: str, events: Sequence[str], *, name: str, scope: Scope, account_id: str, user_ids: Sequence[str] = ()
) -> Call[str]:
    """A new subscription's id. Zoom challenges the address at once: RejectedError 1701 when that fails.

    `user_ids`, ten at most, are whose sessions a user's subscription is about. Heavy. Scope
    marketplace:write:event_subscription.
    """
    body: dict[str, Any] = {
        "events": list(events),
        "event_subscription_name": name,
        "event_webhook_url": url,
        "subscription_scope": scope,
        "account_id": account_id,
    }
    if user_ids:
        body["user_ids"] = list(user_ids)
    return Call("POST", PATH, _id, f"{ORIGIN}.create", "heavy", body=body, repeatable=False)


def _id(answer: Any) -> str:
    return text(whole(answer), "event_subscription_id")


def _subscription(fields: Fields) -> Subscription:
    events = fields.get("events")
    told = frozenset(event for event in events if isinstance(event, str)) if isinstance(events, list) else frozenset()
    return Subscription(
        text(fields, "event_subscription_id"),
        text(fields, "event_subscription_name"),
        text(fields, "event_webhook_url"),
        told,
    )
