"""The token endpoint: account and client credentials, authorization code with PKCE, refresh, revoke.

Errors here have the body {"reason", "error"}, not {"code", "message"}.
Source: https://developers.zoom.us/docs/integrations/oauth/ and .../docs/internal-apps/s2s-oauth/
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

from tajo.simulators.zoom.errors import ZoomError, bad_access_token
from tajo.simulators.zoom.switches import ZoomSwitches

CODE_LIFETIME = timedelta(minutes=5)
REFRESH_LIFETIME = timedelta(days=90)
# Zoom adds these to every app by itself.
SUBSCRIPTION_SCOPES = frozenset(
    {
        "marketplace:write:event_subscription",
        "marketplace:update:event_subscription",
        "marketplace:delete:event_subscription",
        "marketplace:read:list_event_subscriptions",
    }
)


class TokenError(Exception):
    """A refusal of the token endpoint."""

    def __init__(self, status: int, reason: str, error: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.error = error


@dataclass(slots=True)
class Token:
    """A live access token: `level` "account" acts for the account, "user" only for `user_id` (addressed as "me")."""

    value: str
    level: Literal["account", "user"]
    user_id: str
    scopes: frozenset[str]
    expires: datetime
    grant: int = 0  # the authorisation it came from; 0 for account credentials


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code, not yet used."""

    user_id: str
    redirect_uri: str
    challenge: str
    method: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Refresh:
    user_id: str
    expires: datetime
    grant: int


@dataclass(slots=True)
class TokenServer:
    """Issues and checks tokens. Time comes from `clock`, aware UTC; `scopes` are those of tokens issued from now on."""

    account_id: str
    owner_id: str
    clock: Callable[[], datetime]
    switches: Callable[[], ZoomSwitches]
    scopes: set[str]
    client_id: str = "simulated-client-id"
    client_secret: str = "simulated-client-secret"
    redirect_uris: set[str] = field(default_factory=set)  # empty: any
    active: bool = True
    _access: dict[str, Token] = field(default_factory=dict)
    _codes: dict[str, Code] = field(default_factory=dict)
    _refresh: dict[str, Refresh] = field(default_factory=dict)
    _grants: int = 0

    # --- what the API asks ---

    def check(self, value: str) -> Token:
        """The live token, else a 401 (or as switched) with code 124."""
        token = self._access.get(value)
        if token is None or not self.active:
            raise bad_access_token()
        if token.expires <= self.clock():
            raise bad_access_token("Access token is expired.", status=self.switches().token_expired_status)
        return token

    def expire_all(self) -> None:
        """Every access token is expired from now on; refresh tokens live on."""
        for token in self._access.values():
            token.expires = self.clock()

    # --- the endpoints ---

    def authorize(self, query: Mapping[str, str]) -> str:
        """The address to send the browser to: redirect_uri with code and state."""
        redirect = query.get("redirect_uri", "")
        if query.get("client_id") != self.client_id:
            raise ZoomError(400, 4702, "Invalid client_id.")
        if query.get("response_type") != "code":
            raise ZoomError(400, 4705, "Invalid response type.")
        if not redirect or (self.redirect_uris and redirect not in self.redirect_uris):
            raise ZoomError(400, 4709, "Redirect URI mismatch.")
        code = secrets.token_urlsafe(24)
        self._codes[code] = Code(
            self.owner_id,
            redirect,
            query.get("code_challenge", ""),
            query.get("code_challenge_method", "plain"),
            self.clock() + CODE_LIFETIME,
        )
        return code

    def token(self, authorization: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer of POST /oauth/token; TokenError on refusal."""
        self._check_client(authorization)
        grants = {
            "account_credentials": self._account,
            "client_credentials": self._client,
            "authorization_code": self._exchange,
            "refresh_token": self._rotate,
        }
        grant = grants.get(form.get("grant_type", ""))
        if grant is None:
            raise TokenError(400, "unsupported grant type", "unsupported_grant_type")
        return grant(form)

    def revoke(self, authorization: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer of POST /oauth/revoke: ends the token, and with it the whole authorisation it came from."""
        self._check_client(authorization)
        token = self._access.pop(form.get("token", ""), None)
        if token is None:
            raise TokenError(400, "Invalid Token!", "invalid_request")
        if token.grant:
            self._end_grants()
        return {"status": "success"}

    def _check_client(self, authorization: str) -> None:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        if not hmac.compare_digest(given.encode(), f"{self.client_id}:{self.client_secret}".encode()):
            status = self.switches().invalid_client_status
            raise TokenError(status, "Invalid client_id or client_secret", "invalid_client")
        if not self.active:
            raise TokenError(400, "The app has been disabled", "invalid_client")

    def _account(self, form: Mapping[str, str]) -> dict[str, Any]:
        if form.get("account_id") != self.account_id:
            raise TokenError(400, "Bad Request", "invalid_request")
        self._make_room()
        return self._issue("account", self.owner_id, 0)

    def _client(self, _form: Mapping[str, str]) -> dict[str, Any]:
        """A General app acting for itself: good for its event subscriptions only."""
        return self._issue("account", self.owner_id, 0, only=SUBSCRIPTION_SCOPES)

    def _make_room(self) -> None:
        mode = self.switches().token_mode
        keep = {"multi": None, "single": 0, "max_n": self.switches().max_tokens - 1}[mode]
        live = [value for value, token in self._access.items() if token.grant == 0]
        for value in live[: len(live) - keep] if keep is not None else ():
            del self._access[value]

    def _exchange(self, form: Mapping[str, str]) -> dict[str, Any]:
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.expires <= self.clock():
            raise TokenError(400, "Invalid authorization code", "invalid_grant")
        if form.get("redirect_uri") != code.redirect_uri:
            raise TokenError(400, "Redirect URI mismatch", "invalid_request")
        if code.challenge and not _proves(form.get("code_verifier", ""), code):
            raise TokenError(400, "Invalid code verifier", "invalid_grant")
        self._end_grants()  # one valid token set for each user and app: a new authorisation ends the older one
        self._grants += 1
        return self._issue_with_refresh(code.user_id, self._grants)

    def _rotate(self, form: Mapping[str, str]) -> dict[str, Any]:
        refresh = self._refresh.pop(form.get("refresh_token", ""), None)
        if refresh is None or refresh.expires <= self.clock():
            raise TokenError(400, "Invalid Token!", "invalid_grant")
        return self._issue_with_refresh(refresh.user_id, refresh.grant)

    def _end_grants(self) -> None:
        self._refresh.clear()
        for value in [value for value, token in self._access.items() if token.grant]:
            del self._access[value]

    def _issue_with_refresh(self, user_id: str, grant: int) -> dict[str, Any]:
        level: Literal["account", "user"] = "account" if self.switches().oauth_app == "admin" else "user"
        answer = self._issue(level, user_id, grant)
        value = _opaque({"user": user_id, "use": "refresh"})
        self._refresh[value] = Refresh(user_id, self.clock() + REFRESH_LIFETIME, grant)
        return {**answer, "refresh_token": value}

    def _issue(
        self, level: Literal["account", "user"], user_id: str, grant: int, *, only: frozenset[str] | None = None
    ) -> dict[str, Any]:
        lifetime = self.switches().token_lifetime_s
        scopes = self.scopes if level == "account" else {scope.removesuffix(":admin") for scope in self.scopes}
        scopes = scopes if only is None else scopes & only
        value = _opaque({"aud": "https://oauth.zoom.us", "user": user_id})
        expires = self.clock() + timedelta(seconds=lifetime)
        self._access[value] = Token(value, level, user_id, frozenset(scopes), expires, grant)
        return {
            "access_token": value,
            "token_type": "bearer",
            "expires_in": lifetime,
            "scope": " ".join(sorted(scopes)),
            "api_url": "https://api.zoom.us",
        }


def _opaque(claims: dict[str, str]) -> str:
    """Shaped like a JWT, which clients must not look into."""
    parts = (json.dumps({"sv": "000002"}), json.dumps({**claims, "nonce": secrets.token_hex(8)}), secrets.token_hex(24))
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def _proves(verifier: str, code: Code) -> bool:
    if code.method == "S256":
        verifier = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    return hmac.compare_digest(verifier.encode(), code.challenge.encode())
