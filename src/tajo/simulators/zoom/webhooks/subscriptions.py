"""Event subscriptions made through the API, and the log of what was sent.

Source: https://developers.zoom.us/docs/api/marketplace/ ; the answers of the lists are ours where nothing is known.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol
from urllib.parse import urlsplit

from tajo.simulators.world import World
from tajo.simulators.zoom.call import utc
from tajo.simulators.zoom.errors import ZoomError, missing_scope, no_user, not_recognized
from tajo.simulators.zoom.paging import Pager
from tajo.simulators.zoom.switches import ZoomSwitches
from tajo.simulators.zoom.tokens import SUBSCRIPTION_SCOPES, Token
from tajo.simulators.zoom.webhooks.deliveries import VALIDATION, Delivery
from tajo.simulators.zoom.webhooks.event import Event, Json
from tajo.simulators.zoom.webhooks.events import events_of
from tajo.simulators.zoom.webhooks.sender import WebhookSender
from tajo.simulators.zoom.webhooks.switches import WebhookSwitches
from tajo.simulators.zoom.webhooks.wire import Post

MARKETPLACE = "/marketplace/"
MAX_SUBSCRIPTIONS, MAX_USERS = 20, 10
LOG_KEPT = timedelta(days=7)
_SUBSCRIPTION = "/marketplace/app/event_subscription"
_SCOPES = ("user", "account", "master_account", "team")
_LOG_SCOPES = ("marketplace_app:read", "marketplace_app:read:admin")

# What an app must be allowed to read to be told of it: (granular, classic), both with or without :admin.
_PARTICIPANT = r"participant_\w+"
_REGISTRATION = r"registration_(created|approved|denied|cancelled)"
_LIFE = r"(started|ended|created|updated|deleted)"
_NEEDED = (
    *((rf"{kind}\.{_PARTICIPANT}", f"{kind}:read:participant", f"{kind}:read") for kind in ("meeting", "webinar")),
    *((rf"{kind}\.{_REGISTRATION}", f"{kind}:read:registrant", f"{kind}:read") for kind in ("meeting", "webinar")),
    *((rf"{kind}\.{_LIFE}", f"{kind}:read:{kind}", f"{kind}:read") for kind in ("meeting", "webinar")),
    (r"recording\.\w+", "cloud_recording:read:recording", "recording:read"),
)


def app_scopes(app_kind: str) -> set[str]:
    """What an account-level app needs for every event and the log, and what Zoom adds by itself.

    How the latter are called for classic apps is not known; there they are taken as given.
    """
    if app_kind == "classic":
        return {_LOG_SCOPES[1]}
    return {_LOG_SCOPES[1], *SUBSCRIPTION_SCOPES, *(f"{granular}:admin" for _, granular, _ in _NEEDED)}


@dataclass(frozen=True, slots=True)
class Ask:
    """One call: `path` without the base path."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    token: Token
    switches: ZoomSwitches

    def fields(self) -> Json:
        """The JSON object of the body, {} for none."""
        try:
            fields = json.loads(self.body or b"{}")
        except ValueError:
            raise _bad("body") from None
        if not isinstance(fields, dict):
            raise _bad("body")
        return fields


class App(Protocol):
    """What subscriptions need of a `ZoomSimulator`."""

    clock: Callable[[], datetime]
    pager: Pager

    @property
    def world(self) -> World: ...
    @property
    def client_id(self) -> str: ...
    @property
    def scopes(self) -> set[str]: ...


@dataclass(slots=True)
class Subscription:
    """A subscription and the sender that serves it."""

    id: str
    name: str
    events: frozenset[str]
    scope: str
    user_ids: list[str]
    sender: WebhookSender

    def wants(self, event: Event) -> bool:
        """Of a user's subscription: only sessions that the users host."""
        host = event.body["payload"].get("object", {}).get("host_id", "")
        return event.name in self.events and (self.scope != "user" or host in self.user_ids)


@dataclass(slots=True)
class Subscriptions:
    """The app's subscriptions, by id. Each gets its own copy of every event that it is for.

    `secret` is the app's secret token; `post` (None: HTTP) and `switches` are given to subscriptions made from then on.
    """

    app: App
    secret: str = "simulated-secret-token"
    post: Post | None = None
    switches: WebhookSwitches = field(default_factory=WebhookSwitches)
    seed: int = 0
    _all: dict[str, Subscription] = field(default_factory=dict)

    def __getitem__(self, id: str) -> Subscription:
        return self._all[id]

    def __iter__(self) -> Iterator[Subscription]:
        return iter(list(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)

    async def send_all(self, events: Iterable[Event] | None = None) -> list[Delivery]:
        """Through every subscription; None: what happened in the world until now."""
        until = self.app.clock()
        events = events_of(self.app.world, until=until, switches=self.switches) if events is None else list(events)
        return [delivery for one in self for delivery in await one.sender.send_all(events)]

    async def tick(self, now: datetime | None = None) -> list[Delivery]:
        """What is due, of every subscription."""
        return [delivery for one in self for delivery in await one.sender.tick(now)]

    # --- the endpoints ---

    async def answer(self, ask: Ask) -> tuple[int, Json | None]:
        """Status and body; ZoomError on refusal."""
        if found := re.fullmatch(r"/marketplace/apps/([^/]+)/webhook_logs", ask.path):
            if ask.method != "GET" or found[1] != self.app.client_id:
                raise not_recognized()
            return 200, self._logs(ask)
        path, _, id = ask.path.removeprefix(_SUBSCRIPTION).partition("/")
        if not ask.path.startswith(_SUBSCRIPTION) or path or "/" in id:
            raise not_recognized()
        return await self._subscription(ask, id)

    async def _subscription(self, ask: Ask, id: str) -> tuple[int, Json | None]:
        if ask.method == "POST" and not id:
            _allow(ask, "marketplace:write:event_subscription")
            return 201, await self._create(ask)
        if ask.method == "GET" and not id:
            _allow(ask, "marketplace:read:list_event_subscriptions")
            return 200, self._list(ask)
        if ask.method == "PATCH" and id:
            _allow(ask, "marketplace:update:event_subscription")
            self._subscribe(self._find(id), ask)
        elif ask.method == "DELETE":
            _allow(ask, "marketplace:delete:event_subscription")
            self._delete(ask, id)
        else:
            raise not_recognized()
        return 204, None

    async def _create(self, ask: Ask) -> Json:
        fields = ask.fields()
        events, url, scope, users = self._checked(fields)
        rng = Random(f"{self.seed} {len(self._all)} {self.app.clock().isoformat()}")
        id = base64.urlsafe_b64encode(rng.randbytes(16)).decode()[:22]
        sender = WebhookSender(
            self.app,
            url=url,
            secret=self.secret,
            post=self.post,
            seed=rng.randrange(2**32),
            switches=self.switches,
        )
        if not await sender.validate():
            raise ZoomError(404, 1701, "Webhook url validation failed.")
        one = Subscription(id, str(fields.get("event_subscription_name", "")), events, scope, users, sender)
        sender.wants = one.wants
        self._all[id] = one
        return {"event_subscription_id": id}

    def _checked(self, fields: Json) -> tuple[frozenset[str], str, str, list[str]]:
        events, url, scope = fields.get("events"), fields.get("event_webhook_url"), fields.get("subscription_scope")
        if not isinstance(events, list) or not events or not all(isinstance(event, str) for event in events):
            raise _bad("events")
        if not isinstance(url, str) or not _is_address(url):
            raise _bad("event_webhook_url")
        if scope not in _SCOPES:
            raise _bad("subscription_scope")
        kind = (fields.get("custom_header") or {}).get("custom_header_type", 0)
        if kind not in (0, 1, 2, 3):
            raise ZoomError(404, 1801, f"Custom header type is not supported: {kind}.")
        for event in events:
            _allow_event(event, self.app.scopes)
        if len(self._all) >= MAX_SUBSCRIPTIONS:
            raise _bad("events")
        users = self._users(fields.get("user_ids", []))
        if scope == "user" and not users:
            raise _bad("user_ids")
        return frozenset(events), url, str(scope), users

    def _users(self, ids: Any) -> list[str]:
        if not isinstance(ids, list) or len(ids) > MAX_USERS:
            raise _bad("user_ids")
        known = {user.id for user in self.app.world.users}
        for id in ids:
            if id not in known:
                raise no_user(str(id))
        return [str(id) for id in ids]

    def _subscribe(self, one: Subscription, ask: Ask) -> None:
        users = self._users(ask.fields().get("user_ids"))
        one.user_ids += [id for id in users if id not in one.user_ids]

    def _delete(self, ask: Ask, id: str) -> None:
        """A whole subscription by its path; without one the users that the query or body names, out of theirs."""
        if id:
            del self._all[self._find(id).id]
            return
        given = {**ask.query, **ask.fields()}
        one = self._find(str(given.get("event_subscription_id", "")))
        users = given.get("user_ids", [])
        users = users.split(",") if isinstance(users, str) else users
        if not users or not set(users) <= set(one.user_ids):
            raise _bad("user_ids")
        one.user_ids = [user for user in one.user_ids if user not in users]

    def _find(self, id: str) -> Subscription:
        if id not in self._all:
            raise ZoomError(404, 1601, f"Event subscription does not exist: {id}.")
        return self._all[id]

    def _list(self, ask: Ask) -> Json:
        for name in ("account_id", "user_id"):
            if not ask.query.get(name):
                raise _bad(name)
        if ask.query["account_id"] != self.app.world.account_id:
            raise ZoomError(400, 1003, "No permission.")
        scope, user = ask.query.get("subscription_scope", ""), ask.query["user_id"]
        mine = [s for s in self if (not scope or s.scope == scope) and (s.scope != "user" or user in s.user_ids)]
        return self._page(ask, "event_subscriptions", mine, _shown)

    def _logs(self, ask: Ask) -> Json:
        """GET /marketplace/apps/{appId}/webhook_logs: the attempts of the last 7 days, oldest first."""
        if not ask.token.scopes & {*_LOG_SCOPES}:
            raise missing_scope(_LOG_SCOPES, _LOG_SCOPES, app_kind=ask.switches.app_kind)
        oldest, event = self.app.clock() - LOG_KEPT, ask.query.get("event", "")
        logged = [
            (one.id, delivery)
            for one in self
            for delivery in one.sender.deliveries
            if delivery.at >= oldest and delivery.headers and (not event or delivery.event == event)
        ]
        return self._page(ask, "webhook_logs", sorted(logged, key=lambda pair: pair[1].at), _log)

    def _page(self, ask: Ask, name: str, items: list[Any], render: Callable[[Any], Json]) -> Json:
        return self.app.pager.page(
            name,
            items,
            render,
            path=ask.path,
            query=ask.query,
            now=self.app.clock(),
            switches=ask.switches,
            fault=None,
        )


def _shown(one: Subscription) -> Json:
    return {
        "event_subscription_id": one.id,
        "event_subscription_name": one.name,
        "event_webhook_url": one.sender.url,
        "events": sorted(one.events),
        "subscription_scope": one.scope,
        "user_ids": one.user_ids,
    }


def _log(pair: tuple[str, Delivery]) -> Json:
    id, delivery = pair
    return {
        "event": delivery.event,
        "status": delivery.status,
        "failed_reason_type": delivery.code,
        "request_body": delivery.body.decode(),
        "request_id": delivery.request_id,
        "retry_num": delivery.attempt,
        "trace_id": delivery.headers["x-zm-trackingid"],
        "endpoint": delivery.url,
        "subscription_id": id,
        "date_time": utc(delivery.at),
    }


def _allow(ask: Ask, scope: str) -> None:
    """Only an app's own token (account or client credentials) with the scope."""
    if ask.token.grant:
        raise ZoomError(400, 1003, "No permission.")
    if ask.switches.app_kind == "granular" and not ask.token.scopes & {scope, f"{scope}:admin"}:
        raise missing_scope((scope, f"{scope}:admin"), (), app_kind="granular")


def _allow_event(event: str, granted: set[str]) -> None:
    """The app must be allowed to read what the event tells."""
    for pattern, granular, classic in _NEEDED:
        if re.fullmatch(pattern, event):
            if not granted & {granular, f"{granular}:admin", classic, f"{classic}:admin"}:
                raise ZoomError(400, 1602, f"Event is not allowed for this app: {event}.")
            return
    if event in ("app_deauthorized", VALIDATION) or not re.fullmatch(r"\w+(\.\w+)+", event):
        raise ZoomError(404, 1601, f"Event does not exist: {event}.")


def _is_address(url: str) -> bool:
    """https with a name; http only on this machine, where there is no certificate."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in ("127.0.0.1", "localhost"):
        return parts.scheme in ("http", "https")
    return parts.scheme == "https" and "." in host and not re.fullmatch(r"[\d.]+", host)


def _bad(field: str) -> ZoomError:
    return ZoomError(400, 1500, "Field validation error.", field=field)
