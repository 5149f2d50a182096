"""Webhooks: what an operator pastes into the Marketplace, and the subscription that Tajo makes where it may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tajo.config.model import Config
from tajo.connectors.zoom.api import subscriptions, users
from tajo.connectors.zoom.api.client import ZoomClient
from tajo.connectors.zoom.api.scopes import EVENT_SCOPES, Needed, is_granted, may_subscribe, needs
from tajo.connectors.zoom.api.subscriptions import Subscription
from tajo.connectors.zoom.events import SUBSCRIBED, VALIDATION
from tajo.core.errors import RejectedError, TajoError
from tajo.http import Http
from tajo.store import heartbeats, inbox, signins
from tajo.store.database import Database
from tajo.workflows.checking import optional
from tajo.workflows.connecting import features
from tajo.workflows.services import Services

PATH = "/webhooks/zoom"
NAME = "Tajo"
PROBE_S = 3.0
SHOWN_LATELY = timedelta(seconds=30)
REVALIDATED = timedelta(hours=73)  # Zoom challenges a subscribed address every 72 hours
WAIT = timedelta(minutes=15)  # ours
LOOK_S = 0.5

# A part of the app's page, and what has to be there.
LACKS_ADDRESS = "set server.public_url to the https address under which Zoom reaches `tajo serve`"
START = "start `tajo serve`, then run this again: Zoom challenges the address at once"


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope to tick, what for, and whether the token has it."""

    name: str
    feature: str
    granted: bool


@dataclass(frozen=True, slots=True)
class Setup:
    """What stands on the app's page for everything that is switched on. `url` is "" without server.public_url."""

    url: str
    events: tuple[str, ...]
    scopes: tuple[Scope, ...]

    @property
    def missing(self) -> list[Scope]:
        return [scope for scope in self.scopes if not scope.granted]

    def json(self) -> dict[str, Any]:
        scopes = [{"scope": each.name, "feature": each.feature, "granted": each.granted} for each in self.scopes]
        return {"url": self.url or None, "events": list(self.events), "scopes": scopes}


async def setup(services: Services) -> Setup:
    """The address, the events and the least scopes, each under the first feature that needs it; optional ones last."""
    token = await services.tokens.token()
    sync = services.connector.sync
    on = [name for name in ("participants", "webinars", "recordings") if getattr(sync, name)]
    told = {event: needed for event, needed in EVENT_SCOPES.items() if set(needed.features) & set(on)}
    wanted: dict[str, Scope] = {}
    for feature in features(services):
        for needed in needs([feature], token.level).values():
            _add(wanted, needed, feature, token.scopes)
    for needed in optional(services, token.level).values():
        _add(wanted, needed, needed.features[0], token.scopes)
    for needed in told.values():
        _add(wanted, needed.at(token.level), "webhooks", token.scopes)
    public = services.config.server.public_url
    events = tuple(event for event in SUBSCRIBED if event in told)
    return Setup(f"{public}{PATH}" if public else "", events, tuple(wanted.values()))


def _add(wanted: dict[str, Scope], needed: Needed, feature: str, granted: frozenset[str]) -> None:
    wanted.setdefault(needed.granular, Scope(needed.granular, feature, is_granted(granted, needed)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How subscribing went. `state`: created, exists, validated, no_address, not_running, by_hand or refused."""

    state: str
    text: str
    remedy: str = ""
    id: str = ""

    @property
    def failed(self) -> bool:
        return self.state == "refused"

    def json(self) -> dict[str, Any]:
        return {"state": self.state, "text": self.text, "remedy": self.remedy or None, "id": self.id or None}


async def subscribe(services: Services, wanted: Setup, *, running: bool, validated_at: datetime | None) -> Outcome:
    """Have Zoom send the events, unless it does already; where the app may not, by hand is all that is left.

    `running`: a service answers; `validated_at`: when it last passed Zoom's challenge. A subscription of the app's
    page is not in Zoom's list, and shows by its challenges only: beside one no second is made.
    """
    if not wanted.url:
        return Outcome("no_address", "no address for webhooks", LACKS_ADDRESS)
    zoom, tokens = services.own_zoom or services.zoom, services.own_tokens or services.tokens
    by_hand = "paste address and events on the app's page, under Feature, Event Subscriptions, and press Validate there"
    try:
        if not may_subscribe((await tokens.token()).scopes):
            return Outcome("by_hand", "the app may not subscribe by itself", by_hand)
        listed, owner = await _listed(services, zoom)
        for each in listed:
            if each.url.rstrip("/") == wanted.url:
                return _exists(each, wanted)
        if not listed and validated_at is not None and services.clock() - validated_at < REVALIDATED:
            text = f"the app's page has a subscription already: Zoom validated it on {validated_at:%Y-%m-%d %H:%M} UTC"
            return Outcome("validated", text)
        if lacking := [scope.name for scope in wanted.missing if scope.feature == "webhooks"]:
            return Outcome("by_hand", f"not subscribed: scopes are missing ({', '.join(lacking)})", "add them first")
        if not running:
            return Outcome("not_running", "not subscribed: no service answers", START)
        id_ = await zoom.send(subscriptions.create(wanted.url, wanted.events, name=NAME, **owner))
    except RejectedError as error:
        return _refused(error, wanted.url, by_hand)
    except TajoError as error:
        return Outcome("refused", f"not subscribed: {error.message}", error.hint or by_hand)
    return Outcome("created", f"subscribed: Zoom sends {len(wanted.events)} events", id=id_)


async def _listed(services: Services, zoom: ZoomClient) -> tuple[list[Subscription], dict[str, Any]]:
    """The app's subscriptions, and in whose name another one is made."""
    owner = await _owner(services)
    user = owner["user_ids"][0] if owner["user_ids"] else await _somebody(services)
    rows = await zoom.collect(
        lambda token: subscriptions.listed(owner["account_id"], user, scope=owner["scope"], page_token=token),
        lambda row: row.id,
    )
    return rows, owner


async def _owner(services: Services) -> dict[str, Any]:
    """Account and scope of the subscription: the whole account's sessions, or those of the signed-in user."""
    known = await services.database.read(signins.known)
    if known is None:
        return {"account_id": services.connector.account_id or "", "scope": "account", "user_ids": []}
    account, user = known.account_id, known.user_id
    if not account or not user:
        me = await services.zoom.send(users.user(users.ME))
        account, user = me.account_id, me.id
    whole = (await services.tokens.token()).level == "account"
    return {"account_id": account, "scope": "account" if whole else "user", "user_ids": [] if whole else [user]}


async def _somebody(services: Services) -> str:
    """A user of the account: Zoom lists no subscriptions without one."""
    known = await services.database.read(signins.known)
    if known is not None and known.user_id:
        return known.user_id
    page = await services.zoom.send(users.list_users())
    return next((user.id for user in page.items if user.id), "")


def _exists(found: Subscription, wanted: Setup) -> Outcome:
    lacking = [event for event in wanted.events if event not in found.events]
    if not lacking:
        return Outcome("exists", "Zoom sends the events already", id=found.id)
    text = f"a subscription is there, and lacks {', '.join(lacking)}"
    return Outcome("exists", text, "delete it in the Marketplace, then run this again", found.id)


def _refused(error: RejectedError, url: str, by_hand: str) -> Outcome:
    if error.code == subscriptions.URL_REFUSED:
        remedy = (
            f"see that {url} leads to the running `tajo serve` from outside, over https with a certificate that Zoom "
            "trusts, and that webhook.secret_token is the app's Secret Token; then run this again"
        )
        return Outcome("refused", "Zoom could not validate the address (Zoom code 1701)", remedy)
    if error.code == subscriptions.NOT_ALLOWED:
        text = "the app may not be told of all events (Zoom code 1602)"
        return Outcome("refused", text, "add the scopes listed under webhooks, activate the app again, then connect")
    if error.code == subscriptions.NO_PERMISSION:
        return Outcome("by_hand", "the app may not subscribe by itself (Zoom code 1003)", by_hand)
    return Outcome("refused", f"not subscribed: {error.message}", by_hand)


# --- the service ---


async def where_it_runs(config: Config, database: Database, now: datetime) -> str:
    """Where a service answers: "here" (on server.host and server.port), "there" (elsewhere), "" (nowhere)."""
    if await _answers(local_address(config)):
        return "here"
    beats = await database.read(heartbeats.beats)
    if "serve" in beats and now - beats["serve"] < SHOWN_LATELY:
        return "there"
    public = config.server.public_url
    return "there" if public and await _answers(public) else ""


def local_address(config: Config) -> str:
    """The service's address on this machine, "" where its port is a free one each time."""
    host = config.server.host if config.server.host == "localhost" else "127.0.0.1"
    return f"http://{host}:{config.server.port}" if config.server.port else ""


async def _answers(address: str) -> bool:
    if not address:
        return False
    try:
        async with Http(address, timeout_s=PROBE_S) as http:
            reply = await http.send("GET", "/healthz", origin="service")
    except TajoError:
        return False
    return reply.status == 200 and reply.body.strip() == b"ok"


async def last_validated(box: Database | None) -> datetime | None:
    """When a service on this inbox last passed Zoom's challenge."""
    return await box.read(inbox.last_of, VALIDATION, inbox.HANDLED) if box is not None else None


async def wait_for_challenge(
    box: Database | None,
    since: datetime,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]],
    limit: timedelta = WAIT,
) -> datetime:
    """When the service passed a challenge that came after `since`; the inbox is only read. TajoError at the limit."""
    until = clock() + limit
    while True:
        passed = await last_validated(box)
        if passed is not None and passed > since:
            return passed
        if clock() >= until:
            raise TajoError(
                f"no challenge passed within {limit.seconds // 60} minutes",
                origin="zoom.webhook",
                hint="press Validate on the app's page; when Zoom says that it failed, compare the address there with "
                "server.public_url and the Secret Token with webhook.secret_token",
            )
        await sleep(LOOK_S)
