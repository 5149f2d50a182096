"""The simulator itself: one ASGI application for API and token endpoint, and what a test may do to it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from starlette.types import Receive, Scope, Send

from tajo.simulators.faults import CallLog, CallRecord, Fault, FaultGate, Faults
from tajo.simulators.world import World
from tajo.simulators.zoom.archive import Archive
from tajo.simulators.zoom.call import Call, Json
from tajo.simulators.zoom.errors import (
    ZoomError,
    bad_access_token,
    dashboard_only,
    missing_scope,
    not_recognized,
    paid_only,
)
from tajo.simulators.zoom.limits import Limiter
from tajo.simulators.zoom.paging import Pager
from tajo.simulators.zoom.routes import Route, all_scopes, match
from tajo.simulators.zoom.switches import Plan, ZoomSwitches
from tajo.simulators.zoom.tokens import Token, TokenError, TokenServer
from tajo.simulators.zoom.webhooks.subscriptions import MARKETPLACE, Ask, Subscriptions, app_scopes

BASE_PATH = "/v2"
Headers = dict[str, str]
Answer = tuple[int, Headers, Json | None]


def _real_clock() -> datetime:
    return datetime.now(UTC)


class ZoomSimulator:
    """Zoom as seen by a client of one account.

    `app` serves the API under /v2 and /oauth/token, /oauth/authorize, /oauth/revoke. `clock` decides everything that
    depends on time: what has happened, token and page token lives, rate windows. `switches` may be replaced at any
    time; `scopes` are those of the tokens issued from then on. `subscriptions` sends the webhooks.
    """

    def __init__(
        self,
        world: World,
        *,
        plan: Plan = "pro",
        clock: Callable[[], datetime] | None = None,
        switches: ZoomSwitches | None = None,
    ) -> None:
        """`clock` returns aware UTC (the real time unless given)."""
        self.clock = clock or _real_clock
        self.switches = switches or ZoomSwitches()
        self.plan: Plan = plan
        self.calls = CallLog()
        self.faults = Faults()
        self.pager = Pager()
        owner = next((user.id for user in world.users if user.status == "active"), "")
        scopes = all_scopes(self.switches.app_kind) | app_scopes(self.switches.app_kind)
        self.tokens = TokenServer(world.account_id, owner, self.clock, lambda: self.switches, scopes)
        self.limits = Limiter(plan, self.clock, lambda: self.switches)
        self._archive = Archive(world)
        self.subscriptions = Subscriptions(self)
        self.app = FaultGate(self._serve, self.faults, base_path=BASE_PATH, on_replaced=self._log_fault)

    # --- what a test asks and does ---

    @property
    def world(self) -> World:
        """The world shown. Assign a changed one (`world.with_session(...)`) to let something happen."""
        return self._archive.world

    @world.setter
    def world(self, world: World) -> None:
        self._archive = Archive(world)

    @property
    def scopes(self) -> set[str]:
        """The scopes granted to the app; a token keeps those it was issued with."""
        return self.tokens.scopes

    @scopes.setter
    def scopes(self, scopes: set[str]) -> None:
        self.tokens.scopes = scopes

    @property
    def account_id(self) -> str:
        return self.world.account_id

    @property
    def client_id(self) -> str:
        return self.tokens.client_id

    @property
    def client_secret(self) -> str:
        return self.tokens.client_secret

    def deactivate(self) -> None:
        """The app is switched off: tokens stop working and none is issued."""
        self.tokens.active = False

    def activate(self) -> None:
        """The app is switched on again."""
        self.tokens.active = True

    def expire_tokens(self) -> None:
        """Every access token issued so far is expired; refresh tokens are not."""
        self.tokens.expire_all()

    # --- serving ---

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the simulator serves http only, not {scope['type']}")
        body = await _read(receive)
        path = _path(scope)
        if path.startswith(f"{BASE_PATH}{MARKETPLACE}"):
            status, headers, answer = await self._marketplace(scope, path, body)
        else:
            status, headers, answer = self._answer(scope, path, body)
        payload = b"" if answer is None else json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"content-type": "application/json;charset=UTF-8", **headers, "content-length": str(len(payload))}
        headers["x-zm-trackingid"] = f"v=2.0;clid=us02;rid=WEB_{secrets.token_hex(16)}"
        pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": payload})

    def _answer(self, scope: Scope, path: str, body: bytes) -> Answer:
        label: str = ""
        try:
            if path.startswith("/oauth/"):
                answer = self._oauth(scope, path, body)
            else:
                route, args = _match(scope, path)
                label = route.label
                answer = self._api(scope, path, route, args)
        except ZoomError as error:
            answer = error.status, error.headers, error.body(localised=self.switches.localised_messages)
        except TokenError as error:
            answer = error.status, {}, {"reason": error.reason, "error": error.error}
        self._log(scope, path, answer[0], label)
        return answer

    async def _marketplace(self, scope: Scope, path: str, body: bytes) -> Answer:
        """Event subscriptions: the only calls for which the simulator itself calls somebody."""
        headers: Headers = {}
        try:
            query = _query(scope)
            token = self._token(scope, query)
            headers = self.limits.admit("Medium")
            ask = Ask(scope["method"], path.removeprefix(BASE_PATH), query, body, token, self.switches)
            status, found = await self.subscriptions.answer(ask)
            answer: Answer = status, headers, found
        except ZoomError as error:
            answer = error.status, headers | error.headers, error.body(localised=self.switches.localised_messages)
        self._log(scope, path, answer[0], "Medium")
        return answer

    def _api(self, scope: Scope, path: str, route: Route, args: dict[str, str]) -> Answer:
        query = _query(scope)
        token = self._token(scope, query)
        headers = self.limits.admit(route.label)
        fault: Fault | None = scope.get("state", {}).get("fault")
        call = Call(self._archive, self.pager, self.switches, self.plan, token, path, args, query, self.clock(), fault)
        try:
            self._gate(route, token)
            body = route.handler(call)
        except ZoomError as error:
            error.headers = headers | error.headers
            raise
        return 200, headers, _with_unknown(body) if self.switches.unknown_extra_fields else body

    def _token(self, scope: Scope, query: dict[str, str]) -> Token:
        scheme, _, value = _header(scope, b"authorization").partition(" ")
        if not value and "access_token" in query:
            text = "Invalid access token, this access token is not supported as query parameter string."
            raise bad_access_token(text)
        if scheme.lower() != "bearer" or not value:
            raise bad_access_token("Requires an access token.")
        return self.tokens.check(value)

    def _gate(self, route: Route, token: Token) -> None:
        if not token.scopes & {*route.granular, *route.classic}:
            raise missing_scope(route.granular, route.classic, app_kind=self.switches.app_kind)
        if route.gate == "paid" and self.plan == "free":
            raise paid_only(self.account_id)
        if route.gate == "dashboard" and self.plan != "business":
            raise dashboard_only()

    def _oauth(self, scope: Scope, path: str, body: bytes) -> Answer:
        query = _query(scope)
        if scope["method"] == "GET" and path == "/oauth/authorize":
            given = {"code": self.tokens.authorize(query), **{k: v for k, v in query.items() if k == "state"}}
            redirect = query["redirect_uri"]
            return 302, {"location": f"{redirect}{'&' if '?' in redirect else '?'}{urlencode(given)}"}, None
        form = {**query, **dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))}
        authorization = _header(scope, b"authorization")
        if scope["method"] == "POST" and path == "/oauth/token":
            return 200, {}, self.tokens.token(authorization, form)
        if scope["method"] == "POST" and path == "/oauth/revoke":
            return 200, {}, self.tokens.revoke(authorization, form)
        raise not_recognized()

    # --- the record ---

    def _log(self, scope: Scope, path: str, status: int, label: str) -> None:
        query = bytes(scope.get("query_string", b"")).decode("latin-1")
        self.calls.add(CallRecord(self.clock(), scope["method"], path, query, status, label))

    def _log_fault(self, scope: Scope, fault: Fault) -> None:
        path = _path(scope)
        label: str = ""
        with suppress(ZoomError):
            label = _match(scope, path)[0].label
        self._log(scope, path, fault.status if fault.kind == "respond" else 0, label)


def _match(scope: Scope, path: str) -> tuple[Route, dict[str, str]]:
    if not path.startswith(f"{BASE_PATH}/"):
        raise not_recognized()
    return match(scope["method"], path.removeprefix(BASE_PATH))


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _path(scope: Scope) -> str:
    """As sent: an encoded slash is not a slash."""
    return bytes(scope.get("raw_path") or scope["path"].encode()).decode("latin-1")


def _query(scope: Scope) -> dict[str, str]:
    return dict(parse_qsl(bytes(scope.get("query_string", b"")).decode("latin-1"), keep_blank_values=True))


def _header(scope: Scope, name: bytes) -> str:
    return next((bytes(value).decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _with_unknown(body: Json) -> Json:
    """What a later version of Zoom might add: unknown fields in the answer and in each row."""
    extra: Json = {"x_new_field": {"nested": [1, None]}, "x_new_flag": None}
    grown = {
        name: [item | extra if isinstance(item, dict) else item for item in value] if isinstance(value, list) else value
        for name, value in body.items()
    }
    return grown | extra
