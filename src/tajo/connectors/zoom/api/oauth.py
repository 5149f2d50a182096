"""A user's sign-in: authorization code with PKCE, refresh tokens that change with every use, revocation.

Source: https://developers.zoom.us/docs/integrations/oauth/ and
https://developers.zoom.us/docs/integrations/oauth-error-messages/
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlencode

from tajo.connectors.zoom.api.auth import (
    ORIGIN,
    Level,
    Token,
    about_the_app,
    read_fields,
    read_token,
    refusal_code,
    refusal_name,
    token_error,
)
from tajo.connectors.zoom.api.reading import text
from tajo.core.errors import ContractError, CredentialError, TajoError
from tajo.http import Reply

CONNECT = "run `tajo connectors connect zoom --oauth`"

# Zoom's codes: the code is too old or wrong, the address is another one, the sign-in has ended, the app is off.
_EXPIRED, _INVALID, _REDIRECT = 4733, 4734, 4709
_ENDED = frozenset({4711, 4735, 4737, 4741})


class SignInEndedError(CredentialError):
    """No new token will ever be had with this refresh token: only a new sign-in helps."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What Zoom answers to a code or a refresh token: an access token, and the refresh token for its successor."""

    token: Token
    refresh: str = field(repr=False)


def authorize_url(oauth_url: str, *, client_id: str, redirect_uri: str, state: str, verifier: str) -> str:
    """Where the browser goes; Zoom sends it back to `redirect_uri` with the state and a code of five minutes."""
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    return f"{oauth_url}/authorize?{urlencode(query)}"


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636).

    >>> challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    """
    return urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).decode("ascii").rstrip("=")


def code_form(code: str, *, redirect_uri: str, verifier: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }


def refresh_form(refresh: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": refresh}


def read_grant(reply: Reply, asked: datetime, *, redirect_uri: str = "") -> Grant:
    """The grant in an answer to a request of `asked`; else raises what the answer means.

    `redirect_uri` is that of a code's exchange; without one the request was a renewal.
    """
    if not 200 <= reply.status < 300:
        raise grant_error(reply, asked, redirect_uri=redirect_uri)
    token = read_token(reply, asked)
    refresh = text(read_fields(reply), "refresh_token")
    if not refresh:
        raise ContractError("an answer without refresh token", origin=ORIGIN)
    return Grant(Token(token.value, token.expires_at, token.scopes, level_of(token.scopes)), refresh)


def level_of(scopes: frozenset[str]) -> Level:
    """Whether a sign-in with these scopes sees the account, as that of an app which an administrator manages does."""
    return "account" if any(scope.endswith((":admin", ":master")) for scope in scopes) else "user"


def grant_error(reply: Reply, now: datetime, *, redirect_uri: str = "") -> TajoError:
    """What a refused exchange (`redirect_uri` given) or renewal means."""
    fields = read_fields(reply)
    if reply.status == 429 or not 400 <= reply.status < 500 or (not fields and reply.body.strip()):
        return token_error(reply, now)
    named = refusal_name(reply.status, fields)
    code, error = refusal_code(fields), text(fields, "error")
    if not redirect_uri and (code in _ENDED or error == "invalid_grant"):
        what = f"the Zoom sign-in has ended: revoked, replaced by a later one, or not used for 90 days ({named})"
        return SignInEndedError(what, origin=ORIGIN, hint=f"{CONNECT} to connect again")
    if meant := about_the_app(reply.status, fields):
        what, hint = meant
    elif redirect_uri and (code == _REDIRECT or "redirect" in text(fields, "reason").lower()):
        what = "the address that Zoom is to send the browser back to is none of the app's"
        hint = f"on the app's page, add {redirect_uri} as OAuth Redirect URL and to its allow list, then connect again"
    elif redirect_uri and code == _EXPIRED:
        what, hint = "Zoom's authorization code has expired", f"{CONNECT} again, and approve within five minutes"
    elif redirect_uri and (code == _INVALID or error == "invalid_grant"):
        what, hint = "Zoom does not accept the authorization code", f"{CONNECT} again: each code is good once"
    else:
        what = "Zoom refuses the sign-in"
        hint = "see that the app is a General app (OAuth) in the Zoom App Marketplace, then connect again"
    return CredentialError(f"{what} ({named})", origin=ORIGIN, hint=hint)


def is_revoked(reply: Reply, now: datetime) -> bool:
    """Whether the tokens are dead now; True as well when they were before. Else raises what the answer means."""
    if 200 <= reply.status < 300:
        return True
    fields = read_fields(reply)
    if reply.status in (400, 401) and fields and about_the_app(reply.status, fields) is None:
        return True
    raise token_error(reply, now)


def declined(error: str) -> CredentialError:
    """The browser came back with an error in the place of a code."""
    if error == "access_denied":
        return CredentialError("the sign-in was declined", origin=ORIGIN, hint=f"{CONNECT} again, and choose Allow")
    return CredentialError("Zoom broke the sign-in off", origin=ORIGIN, hint=f"{CONNECT} again")
