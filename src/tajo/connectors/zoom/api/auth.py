"""Server-to-Server OAuth: one access token for the whole process, renewed before it ends.

Source: https://developers.zoom.us/docs/internal-apps/s2s-oauth/ and
https://developers.zoom.us/docs/integrations/oauth-error-messages/
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from tajo.connectors.zoom.api.limits import retry_after
from tajo.connectors.zoom.api.reading import Fields, integer, text
from tajo.core.errors import ContractError, CredentialError, TajoError, TransientError
from tajo.http import Http, Reply

ORIGIN = "zoom.token"

LIFE = timedelta(hours=1)  # Zoom's; some answers say a second less
RENEW_AT = 0.8  # ours: the share of its life after which a token is renewed


Level = Literal["account", "user"]


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, opaque. `scopes` are those of the moment it was issued. Its value is never printed.

    `level`: one of an account names users by their ids, one of a user says "me" and sees that user's things only.
    """

    value: str = field(repr=False)
    expires_at: datetime
    scopes: frozenset[str]
    level: Level = "account"


class Tokens(Protocol):
    """Where a client gets its access token from: the account's own app, or a user's sign-in."""

    async def token(self) -> Token: ...

    def invalidate(self, token: Token) -> None: ...


class SharedToken(ABC):
    """One access token for all callers: cached, and renewed by one of them however many wait. For one event loop."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._renew_at: datetime | None = None
        self._attempts = 0
        self._failure: TajoError | None = None

    async def token(self) -> Token:
        """A token that is good for some minutes more. CredentialError with its remedy, or TransientError.

        Who waited while another caller's request failed shares its failure instead of asking again.
        """
        known, seen = self._fresh(), self._attempts
        if known:
            return known
        async with self._lock:
            known = self._fresh()
            if known:
                return known
            if self._failure is not None and self._attempts > seen:
                raise copy(self._failure)
            self._failure = None
            try:
                self._token, self._renew_at = await self._next()
            except TajoError as failure:
                self._failure = failure
                raise
            finally:
                self._attempts += 1
            return self._token

    def invalidate(self, token: Token) -> None:
        """Forget a token that Zoom refused; nothing happens when a newer one has already taken its place."""
        if self._token is token:
            self._token = None

    def _fresh(self) -> Token | None:
        if self._token is None or self._renew_at is None or self._clock() >= self._renew_at:
            return None
        return self._token

    @abstractmethod
    async def _next(self) -> tuple[Token, datetime]:
        """A token, and from when on another one is to be asked for."""


class TokenSource(SharedToken):
    """The account's token, renewed at 80 % of its life.

    Zoom has at times ended older tokens when it issued a new one, so there is never a second request beside the
    first. `clock` tells aware UTC. Without `account_id` the app acts for itself, which is good for its event
    subscriptions only.
    """

    def __init__(
        self, http: Http, *, account_id: str, client_id: str, client_secret: str, clock: Callable[[], datetime]
    ) -> None:
        super().__init__(clock)
        self._http = http
        self._form = token_request(account_id)
        self._headers = {"authorization": basic(client_id, client_secret)}

    async def _next(self) -> tuple[Token, datetime]:
        asked = self._clock()
        reply = await self._http.send("POST", "/token", origin=ORIGIN, headers=self._headers, form=self._form)
        token = read_token(reply, asked)
        return token, asked + RENEW_AT * (token.expires_at - asked)


def token_request(account_id: str) -> dict[str, str]:
    """The form of a token request; "" is the app itself. In the body: some accounts refused the same in the query."""
    if not account_id:
        return {"grant_type": "client_credentials"}
    return {"grant_type": "account_credentials", "account_id": account_id}


def basic(client_id: str, client_secret: str) -> str:
    """The Authorization header's value of an app."""
    return "Basic " + b64encode(f"{client_id}:{client_secret}".encode()).decode("ascii")


def read_token(reply: Reply, asked: datetime) -> Token:
    """The token in an answer to a request of `asked` (aware UTC); else raises what the answer means."""
    if not 200 <= reply.status < 300:
        raise token_error(reply, asked)
    fields = read_fields(reply)
    if fields is _NO_FIELDS:
        raise TransientError("something else answers in the place of Zoom's sign-in (no JSON)", origin=ORIGIN)
    value = text(fields, "access_token")
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ContractError("an answer without access token", origin=ORIGIN)
    life = timedelta(seconds=min(max(integer(fields, "expires_in") or 0, 0), 86_400)) or LIFE
    return Token(value, asked + min(life, LIFE), frozenset(text(fields, "scope").split()))


_KEYS = "compare client_id and client_secret with the app's page in the Zoom App Marketplace"
_ACCOUNT = (
    "compare account_id with the app's page in the Zoom App Marketplace; the app has to be a Server-to-Server one"
)
_ACTIVE = "activate the app in the Zoom App Marketplace; an administrator may have disabled it"

_KEY_CODES = frozenset({4702, 4704, 4706})
_APP_CODES = frozenset({4717, 4735, 4737, 4738, 4741})


def token_error(reply: Reply, now: datetime) -> TajoError:
    """What a refused token request means. Its body is {"reason": "...", "error": "invalid_client"}.

    Bad keys have been seen with 400, and 401 is conceivable; the wording for a wrong account is unconfirmed, so
    whatever else is refused is taken for that.
    """
    fields = read_fields(reply)
    if reply.status == 429:
        retry_at = retry_after(429, reply.headers, text(fields, "reason"), now, "light")
        return TransientError("Zoom takes no more token requests for now (HTTP 429)", origin=ORIGIN, retry_at=retry_at)
    if reply.status >= 500 or (reply.body.strip() and fields is _NO_FIELDS):
        return TransientError(f"Zoom's sign-in is out of order (HTTP {reply.status})", origin=ORIGIN)
    if reply.status < 400:
        return ContractError(f"a redirect (HTTP {reply.status})", origin=ORIGIN, hint="look at oauth_url")
    what, hint = _meaning(reply.status, fields)
    return CredentialError(f"{what} ({refusal_name(reply.status, fields)})", origin=ORIGIN, hint=hint)


def about_the_app(status: int, fields: Fields) -> tuple[str, str] | None:
    """What is wrong with the app or its keys, and the remedy; None where the refusal is about something else."""
    error, code = text(fields, "error"), refusal_code(fields)
    reason = text(fields, "reason").lower()
    if code in _APP_CODES or "disabled" in reason or "deactivated" in reason:
        return "the Zoom app is not active", _ACTIVE
    if error == "invalid_client" or code in _KEY_CODES:
        return "Zoom does not know this client id with this client secret", _KEYS
    if status == 401 and error not in ("invalid_request", "invalid_grant"):
        return "Zoom does not accept the client id and client secret", _KEYS
    return None


def _meaning(status: int, fields: Fields) -> tuple[str, str]:
    if meant := about_the_app(status, fields):
        return meant
    if text(fields, "error") == "unsupported_grant_type" or refusal_code(fields) == 4705:
        return "the Zoom app is of another type", "make a Server-to-Server OAuth app in the Zoom App Marketplace"
    return "Zoom does not accept the account id for this app", _ACCOUNT


_ERROR_NAMES = frozenset(
    {"invalid_client", "invalid_request", "invalid_grant", "unsupported_grant_type", "unauthorized_client"}
)


def refusal_name(status: int, fields: Fields) -> str:
    """What an operator can look up: status, error and code, as far as Zoom's are known ones."""
    error, code = text(fields, "error"), refusal_code(fields)
    parts = [f"HTTP {status}", error if error in _ERROR_NAMES else "", f"Zoom code {code}" if code else ""]
    return ", ".join(part for part in parts if part)


def refusal_code(fields: Fields) -> int:
    """Zoom's number for the refusal, 0 where it gives none."""
    return integer(fields, "code") or integer(fields, "errorCode") or 0


_NO_FIELDS: Mapping[str, Any] = {}


def read_fields(reply: Reply) -> Fields:
    """The object that the body is; none of its fields where it is something else."""
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return _NO_FIELDS
    return body if isinstance(body, dict) else _NO_FIELDS
